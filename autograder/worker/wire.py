"""What host and guest say to each other: frames of JSON and raw little-endian arrays. Version 1, see `docs/wire.md`.

Nothing here can run code: no pickle, no class names, exact types and a short list of dtypes. Both sides import this
module; it imports numpy and the standard library only, because it is part of the guest's process.
"""

from __future__ import annotations

import json
import math
import re
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

VERSION = 1
MAGIC = b"AGW1"
"""First bytes of every frame; the digit is the version."""

PREFIX = struct.Struct("<4sIQ")
"""Magic, length of the JSON header, length of the arrays behind it; bytes."""

MAX_HEADER = 5 * 2**20
"""Bytes of JSON that a frame may hold."""

MAX_PAYLOAD = 32 * 2**20
"""Bytes of arrays that a frame may hold."""

MAX_NODES = 200_000
"""Numbers, texts, lists, ... in one value; an array is one node."""

MAX_MARKS = 4 * MAX_NODES
"""Commas and brackets of a header: counted before it is read, because what it is read into takes many times its bytes."""

MAX_ALIKE = 1000
"""Keys of one dict that have the same hash as another: made so on purpose they take the square of their number."""

MAX_DEPTH = 24
"""Lists within lists in one value."""

MAX_TEXT = 2**20
"""Characters of one string."""

MAX_INT_BITS = 4096
"""Bits of one whole number."""

MAX_AXES = 16
"""Axes of one array."""

CHUNK = 2**20
"""Bytes asked of the operating system at once: a frame that lies about its length costs its sender's bytes, not our memory."""

DTYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(name) for name in ("|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16")
}
"""Every dtype that may travel."""

_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

Buffer = bytes | bytearray | memoryview


class WireError(Exception):
    """What came over the wire breaks the protocol."""


class Closed(WireError):
    """The other end has gone."""


class Unsendable(Exception):
    """A value that cannot travel; `str()` says its type and what could be sent instead."""


# Values -------------------------------------------------------------------------------------------------------------


class Packer:
    """Turns one value into a JSON tree; arrays are set aside in `buffers`, in order.

    foreign: called with a value of a type that is not known here; returns a value that is (a torch tensor becomes an
    array, a reference becomes a `Tagged`), or NotImplemented.
    """

    def __init__(self, foreign: Callable[[Any], Any] | None = None) -> None:
        self.buffers: list[bytes] = []
        self._foreign = foreign
        self._nodes = 0
        self._bytes = 0

    def pack(self, value: Any, depth: int = 0) -> Any:
        """The JSON tree of `value`; raises Unsendable."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise Unsendable(f"more than {MAX_NODES} numbers and texts in lists; return an array instead")
        if depth > MAX_DEPTH:
            raise Unsendable(f"lists nested more than {MAX_DEPTH} deep")
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is int:
            return self._integer(value)
        if kind is str:
            if len(value) > MAX_TEXT:
                raise Unsendable(f"a text of more than {MAX_TEXT} characters")
            return value
        if kind is complex:
            return {"complex": [self.pack(value.real, depth + 1), self.pack(value.imag, depth + 1)]}
        if kind is list or kind is tuple:
            return {kind.__name__: [self.pack(item, depth + 1) for item in value]}
        if kind is dict:
            return {"dict": [[self._key(key), self.pack(item, depth + 1)] for key, item in value.items()]}
        if kind is np.ndarray:
            return {"array": self._array(value)}
        if issubclass(kind, np.generic):
            return {"array": self._array(np.asarray(value))}
        if kind is Tagged:
            content = value.content
            return {value.tag: self._array(content) if type(content) is np.ndarray else content}
        if self._foreign is not None:
            known = self._foreign(value)
            if known is not NotImplemented:
                return self.pack(known, depth + 1)
        raise Unsendable(f"an object of type {_type_name(kind)}")

    def _integer(self, value: int) -> Any:
        if value.bit_length() > MAX_INT_BITS:
            raise Unsendable(f"a whole number of more than {MAX_INT_BITS} bits")
        return value if value.bit_length() < 64 else {"int": format(value, "x")}

    def _key(self, key: Any) -> Any:
        if type(key) not in (str, int, bool, float, type(None)):
            raise Unsendable(f"a dict with a key of type {_type_name(type(key))}")
        return self.pack(key)

    def _array(self, array: npt.NDArray[Any]) -> list[Any]:
        kind = array.dtype.kind
        if kind == "f" and array.dtype.itemsize > 8:
            array = array.astype(np.float64)
        elif kind == "c" and array.dtype.itemsize > 16:
            array = array.astype(np.complex128)
        dtype = array.dtype.newbyteorder("<")
        if dtype.str not in DTYPES:
            raise Unsendable(f"an array of dtype {str(array.dtype)[:80]}; an array of numbers was expected")
        if array.ndim > MAX_AXES:
            raise Unsendable(f"an array of {array.ndim} axes")
        self._bytes += array.nbytes
        if self._bytes > MAX_PAYLOAD:
            raise Unsendable(f"arrays of more than {MAX_PAYLOAD // 2**20} MB")
        self.buffers.append(array.astype(dtype, copy=False).tobytes())
        return [len(self.buffers) - 1, dtype.str, list(array.shape)]


class Tagged:
    """A reference that only a request may hold: `tensor`, `polynomial` (arrays), `kept`, `named` (texts)."""

    def __init__(self, tag: str, content: Any) -> None:
        self.tag = tag
        self.content = content


class Unpacker:
    """Rebuilds a value from its JSON tree and its buffers; everything is checked, raises WireError.

    resolve: called with tag and content (an array or a text) of a `Tagged`; None where no reference may come.
    """

    def __init__(self, buffers: Sequence[Buffer], resolve: Callable[[str, Any], Any] | None = None) -> None:
        self._buffers = buffers
        self._used: set[int] = set()
        self._resolve = resolve
        self._nodes = 0

    def unpack(self, tree: Any, depth: int = 0) -> Any:
        """The value of `tree`."""
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH + 2:
            raise WireError("a value too large or too deep")
        kind = type(tree)
        if tree is None or kind is bool:
            return tree
        if kind is int:
            if tree.bit_length() > 64:
                raise WireError("a whole number too long")
            return tree
        if kind is float:
            if not math.isfinite(tree):
                raise WireError("a number that is not finite must be named")
            return tree
        if kind is str:
            return _text(tree)
        if kind is not dict or len(tree) != 1:
            raise WireError("a value of no known form")
        ((tag, content),) = tree.items()
        if tag in ("list", "tuple"):
            items = [self.unpack(item, depth + 1) for item in _list(content)]
            return items if tag == "list" else tuple(items)
        if tag == "dict":
            pairs = [(self._key(key), item) for key, item in map(_pair, _list(content))]
            if len(pairs) > MAX_ALIKE + len({hash(key) for key, _ in pairs}):
                raise WireError("a dict whose keys are alike")
            return {key: self.unpack(item, depth + 1) for key, item in pairs}
        if tag == "array":
            return self._array(content)
        if tag == "float":
            if type(content) is not str or content not in _NOT_FINITE:
                raise WireError("a float of no known name")
            return _NOT_FINITE[content]
        if tag == "int":
            return _hexadecimal(content)
        if tag == "complex":
            real, imag = (self.unpack(part, depth + 1) for part in _pair(content))
            if type(real) is not float or type(imag) is not float:
                raise WireError("a complex number is two floats")
            return complex(real, imag)
        if self._resolve is not None and type(tag) is str:
            return self._resolve(tag, self._array(content) if type(content) is list else content)
        raise WireError("a value of no known form")

    def _key(self, tree: Any) -> Any:
        key = self.unpack(tree)
        if type(key) not in (str, int, bool, float, type(None)):
            raise WireError("a dict's key is a text or a number")
        return key

    def _array(self, content: Any) -> npt.NDArray[Any]:
        if type(content) is not list or len(content) != 3:
            raise WireError("an array is [buffer, dtype, shape]")
        index, name, shape = content
        if type(index) is not int or not 0 <= index < len(self._buffers) or index in self._used:
            raise WireError("an array without its own bytes")
        if type(name) is not str or name not in DTYPES:
            raise WireError("an array of another dtype")
        if type(shape) is not list or len(shape) > MAX_AXES or not all(type(n) is int and 0 <= n < 2**40 for n in shape):
            raise WireError("an array without a proper shape")
        self._used.add(index)
        dtype = DTYPES[name]
        data = self._buffers[index]
        if math.prod(shape) * dtype.itemsize != len(data):
            raise WireError("an array whose bytes do not fit its shape")
        # numpy refuses axes whose product overflows even where another axis is 0
        if math.prod(n for n in shape if n) >= 2**60:
            raise WireError("an array without a proper shape")
        if name == "|b1" and any(byte > 1 for byte in set(bytes(data))):
            raise WireError("an array of truth values that are neither 0 nor 1")
        array = np.frombuffer(bytearray(data), dtype=dtype).reshape(shape)
        return array if sys.byteorder == "little" else array.astype(dtype.newbyteorder("="))


def _type_name(kind: type) -> str:
    """Name of a type for people; a student's class may have any name, or none."""
    name = f"{kind.__module__}.{kind.__qualname__}" if kind.__module__ not in ("builtins", "__main__") else kind.__qualname__
    return str(name)[:80]


def _text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise WireError("a text too long")
    return text.encode("utf-8", "replace").decode()  # no lone surrogate goes further


def _list(content: Any) -> list[Any]:
    if type(content) is not list:
        raise WireError("a list was due")
    return content


def _pair(content: Any) -> list[Any]:
    if type(content) is not list or len(content) != 2:
        raise WireError("a pair was due")
    return content


def _hexadecimal(content: Any) -> int:
    if type(content) is not str or len(content) > MAX_INT_BITS // 4 + 2:
        raise WireError("a whole number too long")
    try:
        return int(content, 16)
    except ValueError:
        raise WireError("a whole number of no known form") from None


# Frames -------------------------------------------------------------------------------------------------------------


def frame(header: dict[str, Any], buffers: Sequence[bytes] = ()) -> bytes:
    """One frame: the prefix, the header as JSON with the lengths of the buffers, the buffers. Raises Unsendable."""
    text = json.dumps({**header, "buffers": [len(b) for b in buffers]}, allow_nan=False, separators=(",", ":")).encode()
    payload = sum(len(b) for b in buffers)
    if len(text) > MAX_HEADER or payload > MAX_PAYLOAD:
        raise Unsendable(f"more than {MAX_HEADER // 2**20} MB of lists or {MAX_PAYLOAD // 2**20} MB of arrays")
    return b"".join((PREFIX.pack(MAGIC, len(text), payload), text, *buffers))


def read_frame(read: Callable[[int], bytes]) -> tuple[dict[str, Any], list[memoryview]]:
    """The next frame's header and buffers; the lengths are checked before anything is read, and memory grows only with
    what arrives.

    read: up to n bytes, empty at the end of the stream. Raises WireError, Closed where the stream ends.
    """
    magic, header_length, payload_length = PREFIX.unpack(_exactly(read, PREFIX.size))
    if magic != MAGIC:
        raise WireError("no frame of version 1")
    if header_length > MAX_HEADER or payload_length > MAX_PAYLOAD:
        raise WireError("a frame too long")
    text = _exactly(read, header_length)
    if _marks(text) > MAX_MARKS:
        raise WireError("a header of too many values")
    payload = memoryview(_exactly(read, payload_length))
    try:
        header = json.loads(text, parse_int=_int, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise WireError("a header that is not JSON") from error
    if type(header) is not dict:
        raise WireError("a header that is no object")
    lengths = header.pop("buffers", None)
    if (
        type(lengths) is not list
        or len(lengths) > MAX_NODES
        or not all(type(n) is int and n >= 0 for n in lengths)
        or sum(lengths) != payload_length
    ):
        raise WireError("arrays whose lengths do not add up")
    buffers, start = [], 0
    for length in lengths:
        buffers.append(payload[start : start + length])
        start += length
    return header, buffers


_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _marks(text: bytes | bytearray) -> int:
    """Commas and opening brackets of a JSON text: as many values as it can hold at most."""
    if text.count(b",") + text.count(b"[") + text.count(b"{") <= MAX_MARKS:
        return 0
    bare = _STRINGS.sub(b"", text)
    return bare.count(b",") + bare.count(b"[") + bare.count(b"{")


def _exactly(read: Callable[[int], bytes], length: int) -> bytearray:
    data = bytearray()
    while len(data) < length:
        piece = read(min(CHUNK, length - len(data)))
        if not piece:
            raise Closed("the stream ended")
        data += piece
    return data


def _int(text: str) -> int:
    if len(text) > 20:
        raise ValueError("a whole number too long")
    return int(text)


def _refuse(text: str) -> float:
    raise ValueError(f"{text} must be named")
