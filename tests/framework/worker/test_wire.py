"""The wire: what goes over it comes out equal or is refused by name, and nothing that breaks the protocol gets further."""

from __future__ import annotations

import contextlib
import io
import json
import math
import struct
from collections import Counter, OrderedDict, namedtuple
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from autograder.worker import guest, wire

SIZES = npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
DTYPES = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="?"),
    npst.unsigned_integer_dtypes(endianness="?"),
    npst.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    npst.complex_number_dtypes(endianness="?", sizes=(64, 128)),
)
ARRAYS = DTYPES.flatmap(lambda dtype: npst.arrays(dtype, SIZES))
PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**300), 2**300), st.floats(), st.complex_numbers(), st.text(max_size=20)
)
KEYS = st.one_of(st.text(max_size=5), st.integers(), st.booleans(), st.none())
VALUES = st.recursive(
    PLAIN | ARRAYS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


def there_and_back(value: Any, foreign: Any = None) -> Any:
    packer = wire.Packer(foreign)
    tree = packer.pack(value)
    data = wire.frame({"id": 1, "value": tree}, packer.buffers)
    header, buffers = wire.read_frame(io.BytesIO(data).read)
    return wire.Unpacker(buffers).unpack(header["value"])


def same(a: Any, b: Any) -> bool:
    """Equal in type and value; NaN equals NaN, and the sign of zero counts."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype.newbyteorder("=") and a.shape == b.shape and a.tobytes() == b.astype(a.dtype).tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    return bool(a == b)


@examples(500)
@given(VALUES)
def test_every_value_comes_back_equal(value: Any) -> None:
    """The grader compares exactly what an in-process call would have returned."""
    assert same(there_and_back(value), value)


def test_arrays_come_back_as_plain_writable_ones() -> None:
    for array in (np.arange(12.0).reshape(3, 4)[::-1, ::2], np.asfortranarray(np.eye(3)), np.zeros((0, 3)), np.float32(2), np.array(1)):
        back = there_and_back(array)
        assert type(back) is np.ndarray
        assert back.flags.writeable or back.size == 0
        np.testing.assert_array_equal(back, array)
        assert back.dtype == array.dtype


def test_wider_and_narrower_floats_are_converted() -> None:
    assert there_and_back(np.longdouble(1) / 3).dtype == np.float64
    assert there_and_back(np.ones(2, np.clongdouble)).dtype == np.complex128


class Agreeing(float):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = float.__hash__


class AgreeingArray(np.ndarray):
    pass


Point = namedtuple("Point", "x y")

REFUSED = {
    "an object of type object": object(),
    "an object of type .*Agreeing": Agreeing(1),
    "an object of type .*AgreeingArray": np.ones(2).view(AgreeingArray),
    "an object of type numpy.*MaskedArray": np.ma.masked_array([1.0], [True]),
    "an object of type set": {1},
    "an object of type bytes": b"x",
    "an object of type generator": (x for x in ()),
    "an object of type range": range(3),
    "an object of type type": int,
    "an object of type function": same,
    "an object of type fractions.Fraction": Fraction(1, 2),
    "an array of dtype object": np.array([None]),
    "an array of dtype <U2": np.array(["ab"]),
    "an array of dtype datetime64": np.array(["2020"], "datetime64[D]"),
    "an array of dtype .*'<i4'": np.zeros(2, [("a", "<i4")]),
    "a dict with a key of type tuple": {(1, 2): 3},
    "a whole number of more than 4096 bits": 2**5000,
    "a text of more than 1048576 characters": "x" * (2**20 + 1),
    "an array of 17 axes": np.zeros((1,) * 17),
    "more than 200000 numbers": [0] * 200_001,
    "arrays of more than 32 MB": np.zeros(2**25 + 1, np.uint8),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_refused_by_name(reason: str) -> None:
    with pytest.raises(wire.Unsendable, match=reason):
        there_and_back(REFUSED[reason], guest._foreign)


def test_library_types_are_flattened_in_the_guest() -> None:
    assert there_and_back(Point(1, 2.0), guest._foreign) == (1, 2.0)
    assert there_and_back(OrderedDict(a=1), guest._foreign) == {"a": 1}
    assert there_and_back(Counter("aab"), guest._foreign) == {"a": 2, "b": 1}
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix([[1, 2]])
    back = there_and_back(matrix, guest._foreign)
    assert type(back) is np.ndarray
    assert back.shape == (1, 2)


def test_cycles_and_depth() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(wire.Unsendable, match="nested more than 24 deep"):
        wire.Packer().pack(cycle)


# What a guest may send in bad faith ------------------------------------------------------------------------------------


def raw(header: object, payload: bytes = b"", *, magic: bytes = wire.MAGIC, lengths: tuple[int, int] | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    a, b = lengths or (len(text), len(payload))
    return struct.pack("<4sIQ", magic, a, b) + text + payload


BAD_FRAMES = {
    "empty": b"",
    "cut prefix": b"AGW1\0",
    "other magic": raw({"buffers": []}, magic=b"AGW2"),
    "no magic": b"\x80\x04\x95" + bytes(100),
    "cut header": raw({"buffers": []})[:-3],
    "cut payload": raw({"buffers": [10]}, b"12345", lengths=(15, 10)),
    "not JSON": raw(b"{nonsense"),
    "not UTF-8": raw(b'{"a": "\xff"}'),
    "not an object": raw([1, 2]),
    "no lengths": raw({"id": 1}),
    "lengths do not add up": raw({"buffers": [3]}, b"12345"),
    "negative lengths": raw({"buffers": [-5, 10]}, b"12345"),
    "lengths of another type": raw({"buffers": [5.0]}, b"12345"),
    "NaN in JSON": raw(b'{"buffers": [], "value": NaN}'),
    "huge digits": raw(b'{"buffers": [], "value": ' + b"9" * 100_000 + b"}"),
    "deep JSON": raw(b'{"buffers": [], "value": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "header too long": raw(b"", lengths=(wire.MAX_HEADER + 1, 0)),
    "payload too long": raw({"buffers": []}, lengths=(15, wire.MAX_PAYLOAD + 1)),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_bad_frames(name: str) -> None:
    with pytest.raises(wire.WireError):
        wire.read_frame(io.BytesIO(BAD_FRAMES[name]).read)


def test_lengths_are_checked_before_anything_is_read() -> None:
    asked = []

    def read(n: int) -> bytes:
        asked.append(n)
        return struct.pack("<4sIQ", wire.MAGIC, 2**32 - 1, 2**64 - 1)

    with pytest.raises(wire.WireError, match="too long"):
        wire.read_frame(read)
    assert asked == [16]


BAD_VALUES: dict[str, tuple[Any, tuple[bytes, ...]]] = {
    "list without tag": ([1], ()),
    "two tags": ({"list": [], "tuple": []}, ()),
    "unknown tag": ({"object": "os.system"}, ()),
    "reference": ({"named": "x"}, ()),
    "tag without list": ({"list": 3}, ()),
    "infinite": (1e400, ()),
    "named float": ({"float": "1e5"}, ()),
    "complex of texts": ({"complex": ["1", "2"]}, ()),
    "complex of one": ({"complex": [1.0]}, ()),
    "int no hex": ({"int": "0x zz"}, ()),
    "int too long": ({"int": "f" * 2000}, ()),
    "int of JSON too long": (2**65, ()),
    "key a list": ({"dict": [[{"list": []}, 1]]}, ()),
    "pair of three": ({"dict": [["a", 1, 2]]}, ()),
    "array of dtype object": ({"array": [0, "|O", [1]]}, (bytes(8),)),
    "array of dtype by name": ({"array": [0, "float64", [1]]}, (bytes(8),)),
    "array big-endian": ({"array": [0, ">f8", [1]]}, (bytes(8),)),
    "array of bytes that do not fit": ({"array": [0, "<f8", [2]]}, (bytes(8),)),
    "array too many axes": ({"array": [0, "<f8", [1] * 17]}, (bytes(8),)),
    "array negative axis": ({"array": [0, "<f8", [-1, -1]]}, (bytes(8),)),
    "array axis no int": ({"array": [0, "<f8", [1.0]]}, (bytes(8),)),
    "array axis bool": ({"array": [0, "<f8", [True]]}, (bytes(8),)),
    "array overflow": ({"array": [0, "<f8", [2**39, 2**39, 2**39, 0]]}, (b"",)),
    "array no buffer": ({"array": [1, "<f8", [1]]}, (bytes(8),)),
    "array negative buffer": ({"array": [-1, "<f8", [1]]}, (bytes(8),)),
    "array buffer twice": ({"list": [{"array": [0, "<f8", [1]]}, {"array": [0, "<f8", [1]]}]}, (bytes(8),)),
    "array of strange truth": ({"array": [0, "|b1", [2]]}, (b"\x00\x02",)),
    "array of two": ({"array": [0, "<f8"]}, (bytes(8),)),
    "text too long": ("x" * (2**20 + 1), ()),
    "too many": ({"list": [0] * 200_001}, ()),
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_bad_values(name: str) -> None:
    tree, buffers = BAD_VALUES[name]
    with pytest.raises(wire.WireError):
        wire.Unpacker([memoryview(b) for b in buffers]).unpack(tree)


def test_depth_of_a_value_is_capped() -> None:
    tree: Any = 1
    for _ in range(40):
        tree = {"list": [tree]}
    with pytest.raises(wire.WireError, match="too deep"):
        wire.Unpacker([]).unpack(tree)


def test_surrogates_go_no_further() -> None:
    assert there_and_back("a\ud800b") == "a?b"


@examples(300)
@given(st.binary(max_size=200), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_random_bytes_never_do_more_than_a_wire_error(data: bytes, a: int, b: int) -> None:
    for stream in (data, struct.pack("<4sIQ", wire.MAGIC, a % 300, b % 300) + data):
        with contextlib.suppress(wire.WireError):
            header, buffers = wire.read_frame(io.BytesIO(stream).read)
            wire.Unpacker(buffers).unpack(header.get("value"))


JSON_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["", "<f8", "nan"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["list", "tuple", "dict", "array", "float", "int", "complex", "x"]), inner, max_size=2)
    ),
    max_leaves=10,
)


@examples(500)
@given(JSON_TREES)
def test_random_trees_never_do_more_than_a_wire_error(tree: Any) -> None:
    with contextlib.suppress(wire.WireError):
        wire.Unpacker([memoryview(bytes(8))]).unpack(tree)


def header_of(text: bytes) -> bytes:
    return wire.PREFIX.pack(wire.MAGIC, len(text), 0) + text


@pytest.mark.parametrize(
    "text",
    [
        b'{"id":3,"value":1,"buffers":[' + b"0," * 2_600_000 + b"0]}",
        b'{"id":3,"value":{"list":[' + b"[]," * 1_700_000 + b'[]]},"buffers":[]}',
        b'{"value":"' + b'\\"' * 10 + b'","buffers":[' + b"0," * 900_000 + b"0]}",
    ],
)
def test_a_header_of_too_many_values_is_refused_before_it_is_read(text: bytes) -> None:
    import tracemalloc

    data = io.BytesIO(header_of(text))
    tracemalloc.start()
    with pytest.raises(wire.WireError, match="too many values"):
        wire.read_frame(data.read)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 * len(text)


def test_as_many_buffers_as_values_and_no_more() -> None:
    many = b'{"buffers":[' + b"0," * (wire.MAX_NODES - 1) + b"0]}"
    assert len(wire.read_frame(io.BytesIO(header_of(many)).read)[1]) == wire.MAX_NODES
    with pytest.raises(wire.WireError, match="lengths"):
        wire.read_frame(io.BytesIO(header_of(many.replace(b"[", b"[0,"))).read)


def test_commas_in_a_text_are_no_values() -> None:
    text = "," * (wire.MAX_TEXT - 2) + '"\\'
    header, _ = wire.read_frame(io.BytesIO(wire.frame({"value": text})).read)
    assert header["value"] == text


def test_a_dict_whose_keys_are_made_to_collide_is_refused() -> None:
    alike = wire.Packer().pack({n * (2**61 - 1): 0 for n in range(1, 5000)})
    with pytest.raises(wire.WireError, match="alike"):
        wire.Unpacker([]).unpack(alike)
    plain = dict.fromkeys(range(50000), 0)
    assert wire.Unpacker([]).unpack(wire.Packer().pack(plain)) == plain
