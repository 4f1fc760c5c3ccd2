"""The worker as a suite sees it: calls, replies, failures, sources, limits."""

from __future__ import annotations

import gc
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from autograder.worker import Failure, File, Kept, Limits, Named, Polynomial, Tensor, Units, WarmParent, Worker
from autograder.worker.parents import can_fork
from autograder.worker.reply import evidence

pytestmark = pytest.mark.skipif(not can_fork(), reason="guests are forked on Linux only; the other way has its own test")

Maker = Callable[..., Worker]


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmParent]:
    with WarmParent(torch=True) as parent:
        yield parent
    gc.collect()


@pytest.fixture
def make(warm: WarmParent, tmp_path: Path) -> Iterator[Maker]:
    """make({"file.py": text}, sources=..., limits=...) -> Worker, closed at the end."""
    made = []

    def build(files: dict[str, str], sources: dict[str, object] | None = None, **options: object) -> Worker:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        known = sources or {name.removesuffix(".py"): File(name) for name in files if name.endswith(".py")}
        worker = Worker(tmp_path, known, torch=True, seed=7, warm=warm, **options)  # type: ignore[arg-type]
        made.append(worker)
        return worker

    yield build
    for worker in made:
        worker.close()


CODE = """
import numpy as np

def add(x, y):
    return x + y

def echo(*args):
    return args[0] if len(args) == 1 else list(args)

def kinds(*args):
    return [f"{type(a).__module__}.{type(a).__qualname__}" for a in args]

def overwrite(x):
    x[:] = 0
    return float(x.sum())

def printing():
    import sys
    print("to output")
    print("to error", file=sys.stderr)
    return 1

def raising():
    raise ValueError("not today")

def nested(x):
    return raising()

counter = []

def count():
    counter.append(1)
    return len(counter)

number = 3.5
"""


def test_value_and_evidence(make: Maker) -> None:
    worker = make({"code.py": CODE})
    reply = worker.call("code.add", np.array([1.0, 2.0]), np.float64(3))
    assert reply.failure is None
    np.testing.assert_array_equal(reply.value, [4.0, 5.0])
    assert type(reply.value) is np.ndarray
    assert reply.function == "code.add"
    assert reply.args == ([1.0, 2.0], 3.0)


@pytest.mark.parametrize(
    "value",
    [None, True, 3, -(2**70), 2.5, float("inf"), 1 - 2j, "text π", [1, [2.0, "a"]], (1, (2,)), {"a": [1], 2: None}, [], {}, ()],
    ids=repr,
)
def test_plain_values_come_back_as_they_went(make: Maker, value: object) -> None:
    reply = make({"code.py": CODE}).call("code.echo", value)
    assert (type(reply.value), reply.value) == (type(value), value)


def test_arguments_arrive_as_promised(make: Maker) -> None:
    worker = make({"code.py": CODE})
    reply = worker.call("code.kinds", np.zeros(2), Tensor(np.zeros(2, np.float32)), 1, [1], (1,), {"a": 1}, "s", None, Named("code.add"))
    expected = ["numpy.ndarray", "torch.Tensor", "int", "list", "tuple", "dict", "str", "NoneType", "function"]
    assert [kind.removeprefix("builtins.") for kind in reply.value] == expected


def test_arguments_that_cannot_be_sent_are_the_suites_bug(make: Maker) -> None:
    worker = make({"code.py": CODE})
    with pytest.raises(TypeError, match=r"code\.echo cannot be sent: an object of type object"):
        worker.call("code.echo", object())


def test_inputs_are_fresh_copies(make: Maker) -> None:
    worker = make({"code.py": CODE})
    x = np.ones(3)
    assert worker.call("code.overwrite", x).value == 0.0
    assert x.sum() == 3.0


def test_module_state_stays_between_calls(make: Maker) -> None:
    worker = make({"code.py": CODE})
    assert [worker.call("code.count").value for _ in range(3)] == [1, 2, 3]


def test_printed_is_captured_and_not_parsed(make: Maker) -> None:
    worker = make({"code.py": CODE})
    reply = worker.call("code.printing")
    assert reply.value == 1
    assert reply.printed == "to output\nto error\n"
    assert worker.call("code.add", 1, 1).printed == ""


FAILURES = {
    "code.raising": Failure("raised", "ValueError: not today", "code.py, line 24"),
    "code.nothing": Failure("missing", "code does not define nothing"),
    "other.nothing": Failure("missing", "nothing was handed in for other"),
    "code.number": Failure("type", "code.number is no function, it is of type float"),
}


@pytest.mark.parametrize("function", FAILURES)
def test_failures(make: Maker, function: str) -> None:
    assert make({"code.py": CODE}).call(function).failure == FAILURES[function]


def test_line_is_the_innermost_of_the_students_own(make: Maker) -> None:
    assert make({"code.py": CODE}).call("code.nested", 1).failure == Failure("raised", "ValueError: not today", "code.py, line 24")
    helper = {"helper.py": "import json\ndef read(text):\n    return json.loads(text)\n", "code.py": "from helper import read\n"}
    failure = make(helper, {"code": File("code.py")}).call("code.read", "{").failure
    assert failure is not None
    assert failure.line == "helper.py, line 3"


ENDINGS = {
    "import os; os._exit(7)": ("exited", "ended its process with exit status 7 instead of returning"),
    "import sys; sys.exit(0)": ("exited", "SystemExit: 0"),
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)": ("killed", "its process died of signal 9 (killed)"),
    "import ctypes; ctypes.string_at(0)": ("killed", "its process died of signal 11 (segmentation fault)"),
    "import os; os.abort()": ("killed", "its process died of signal 6 (abort)"),
    "return bytearray(8 * 10**9)": ("memory", "MemoryError"),
    "return [0] * 10**10": ("memory", "MemoryError"),
    "return object()": ("type", "it returned an object of type object"),
    "return (i for i in range(3))": ("type", "it returned an object of type generator"),
    "import numpy; return numpy.array([object()])": ("type", "it returned an array of dtype object; an array of numbers was expected"),
    "import numpy; return numpy.array(['a'])": ("type", "it returned an array of dtype <U1; an array of numbers was expected"),
    "x = []; x.append(x); return x": ("type", "it returned lists nested more than 24 deep"),
    "return f()": ("raised", "RecursionError: maximum recursion depth exceeded"),
    "raise KeyboardInterrupt": ("raised", "KeyboardInterrupt"),
    "return input()": ("raised", "EOFError: EOF when reading a line"),
    "import os; os.closerange(3, 200); return 1": ("exited", "ended its process with exit status 1 instead of returning"),
}


@pytest.mark.parametrize("body", ENDINGS)
def test_endings(make: Maker, body: str) -> None:
    """Each ending of a call, and the next call works."""
    worker = make({"code.py": f"def f():\n    {body}\n\ndef g():\n    return 1\n"})
    failure = worker.call("code.f").failure
    assert failure is not None
    assert (failure.kind, failure.message) == ENDINGS[body]
    assert worker.call("code.g").value == 1


def test_timeout_costs_that_function_only(make: Maker) -> None:
    worker = make({"code.py": "def f(x):\n    while True: pass\n\ndef g():\n    return 1\n"})
    begun = time.monotonic()
    first = worker.call("code.f", 1, seconds=0.3).failure
    assert first == Failure("timeout", "did not end within 0.3 s")
    assert time.monotonic() - begun < 5
    second = worker.call("code.f", 2).failure
    assert second == Failure("skipped", "not called again: an earlier call of code.f did not end in time")
    assert worker.call("code.g").value == 1


def test_memory_that_is_shared_is_watched_from_outside(make: Maker) -> None:
    code = """
    import mmap
    def f():
        block = mmap.mmap(-1, 2**30)
        page = bytes(2**20)
        while True:
            block.seek(0)
            for _ in range(2**10):
                block.write(page)
    """
    failure = make({"code.py": code}, limits=Limits(memory=128 * 2**20, call=30)).call("code.f").failure
    assert failure == Failure("memory", "used more than 128 MB of memory")


def test_one_file_does_not_reach_another(make: Maker) -> None:
    files = {
        "patches.py": "import numpy\nnumpy.zeros = None\nimport os\nos.remove('other.py')\ndef f():\n    return 1\n",
        "other.py": "import numpy\ndef f():\n    return numpy.zeros(2)\n",
    }
    worker = make(files)
    assert worker.call("patches.f").value == 1
    np.testing.assert_array_equal(worker.call("other.f").value, [0, 0])


LOADING = {
    "syntax": ("def f(:\n    pass\n", Failure("import", "SyntaxError: invalid syntax", "code.py, line 1")),
    "raises": ("1 / 0\ndef f(): return 1\n", Failure("import", "ZeroDivisionError: division by zero", "code.py, line 1")),
    "missing module": ("import not_there\n", Failure("import", "ModuleNotFoundError: No module named 'not_there'", "code.py, line 1")),
    "exits": ("import os; os._exit(0)\n", Failure("exited", "while loading: ended its process with exit status 0 instead of returning")),
    "hangs": ("while True: pass\n", Failure("timeout", "while loading: did not end within 1 s")),
}


@pytest.mark.parametrize("case", LOADING)
def test_loading_that_fails_costs_that_file_only(make: Maker, case: str) -> None:
    text, expected = LOADING[case]
    worker = make({"code.py": text, "good.py": "def f(): return 1\n"}, limits=Limits(load=1.0))
    for _ in range(2):
        assert worker.call("code.f").failure == expected
    assert worker.load("code") == expected
    assert worker.names("code") == {} or case != "syntax"
    assert worker.call("good.f").value == 1


def test_file_that_raises_half_way_keeps_what_it_defined(make: Maker) -> None:
    worker = make({"code.py": "def f(): return 1\nprint(undefined)\ndef g(): return 2\n"})
    assert worker.call("code.f").value == 1
    assert worker.call("code.g").failure == Failure("import", "NameError: name 'undefined' is not defined", "code.py, line 2")


def test_units_lose_only_themselves(make: Maker) -> None:
    units = Units(
        [
            ("a = 1\n", "nb.ipynb, cell 1", 0),
            ("b = missing\n", "nb.ipynb, cell 2", 4),
            ("def f():\n    return a\n", "nb.ipynb, cell 3", 0),
            ("c = (\n", "nb.ipynb, cell 4", 9),
            ("while True: d = 1\n", "nb.ipynb, cell 5", 0),
            ("import os\ne = 1\nos._exit(3)\n", "nb.ipynb, cell 6", 0),
            ("def g():\n    return f() + 1\n\ndef h():\n    return 1 / 0\n", "nb.ipynb, cell 7", 0),
        ]
    )
    worker = make({}, {"nb": units}, limits=Limits(unit=0.8))
    assert worker.call("nb.f").value == 1
    assert worker.call("nb.g").value == 2
    assert worker.call("nb.h").failure == Failure("raised", "ZeroDivisionError: division by zero", "nb.ipynb, cell 7, line 5")
    missing = Failure("import", "NameError: name 'missing' is not defined", "nb.ipynb, cell 2, line 5")
    assert worker.call("nb.b").failure == missing
    assert worker.load("nb") == missing
    hung = "while loading (nb.ipynb, cell 5): did not end within 0.8 s"
    assert worker.call("nb.d").failure == Failure("timeout", hung, "nb.ipynb, cell 5")
    exited = worker.call("nb.e").failure
    assert exited is not None
    assert (exited.kind, exited.line) == ("exited", "nb.ipynb, cell 6")
    assert worker.names("nb") == {"a": "a: int", "f": "f()", "g": "g()", "h": "h()"}


def test_syntax_error_in_a_unit_has_its_line(make: Maker) -> None:
    worker = make({}, {"nb": Units([("x = 1\ny = = 2\n", "nb.ipynb, cell 4", 9)])})
    assert worker.load("nb") == Failure("import", "SyntaxError: invalid syntax", "nb.ipynb, cell 4, line 11")


def test_units_after_a_later_definition_use_the_newest(make: Maker) -> None:
    worker = make({}, {"nb": Units([("def f(): return 1", "one", 0), ("def f(): return 1 / 0\nraise ValueError", "two", 0)])})
    assert worker.call("nb.f").failure is not None


def test_source_of_units_is_known(make: Maker) -> None:
    units = [("import inspect, torch\n", "nb, cell 1", 0), ("def f(x):\n    return x + 1\n", "nb, cell 2", 3), ("g = 2\n", "nb, cell 2", 0)]
    units.append(
        ("def source():\n    return inspect.getsource(f)\ndef script():\n    return torch.jit.script(f)(torch.ones(1))", "nb, cell 3", 0)
    )
    worker = make({}, {"nb": Units(units)})
    assert worker.call("nb.source").value == "def f(x):\n    return x + 1\n"
    assert worker.call("nb.script", seconds=20).value.tolist() == [2.0]


def test_exit_is_known_as_elsewhere(make: Maker) -> None:
    worker = make({"code.py": "def f():\n    exit(3)\ndef g():\n    quit()\n"})
    assert worker.call("code.f").failure == Failure("exited", "SystemExit: 3", "code.py, line 2")
    assert worker.call("code.g").failure == Failure("exited", "SystemExit", "code.py, line 4")


def test_order_of_sets_is_the_same_in_every_run(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("def f():\n    return list({chr(97 + i) * 3 for i in range(26)})\n")
    seen = []
    for _ in range(2):
        with Worker(tmp_path, {"code": File("code.py")}, torch=False, seed=1) as worker:
            seen.append(worker.call("code.f").value)
    assert seen[0] == seen[1]
    assert sorted(seen[0]) != seen[0]


def test_classes_of_units_can_be_pickled_and_inspected(make: Maker) -> None:
    code = "import pickle\nclass C:\n    x = 3\n\ndef f():\n    return pickle.loads(pickle.dumps(C())).x\n"
    assert make({}, {"nb": Units([(code, "nb", 0)])}).call("nb.f").value == 3


MODULE = """
import torch

class Circuit(torch.nn.Module):
    def __init__(self, R):
        super().__init__()
        self.R = torch.nn.Parameter(torch.tensor(R))
        self.low = torch.nn.Linear(2, 1)

    def forward(self, x):
        return self.R * x

def loss(x, y):
    return ((x - y) ** 2).mean()

def train(circuit, loss, steps):
    data = torch.ones(4)
    for _ in range(steps):
        circuit.R.grad = None
        loss(circuit(data), data).backward()
        with torch.no_grad():
            circuit.R -= 0.1 * circuit.R.grad
    return circuit.R

def train_mean(circuit, loss, steps):
    return train(circuit, lambda x, y: loss(x, y).mean(), steps)

def draw():
    import random, numpy
    return [random.random(), numpy.random.rand(), float(torch.rand(()))]
"""


def test_kept_objects(make: Maker) -> None:
    worker = make({"co.py": MODULE})
    assert worker.call("co.Circuit", 5.0, keep="c").failure is None
    reply = worker.call("@c", Tensor(np.ones(2, np.float32)))
    np.testing.assert_array_equal(reply.value, np.float32([5, 5]))
    assert reply.value.dtype == np.float32
    seen = worker.attributes("@c", ["R", "low.weight", "nothing", "R.nothing"]).value
    assert set(seen) == {"R", "low.weight"}
    assert (seen["R"].shape, seen["low.weight"].shape) == ((), (1, 2))
    assert worker.call("@c.forward", 2).value == 10.0
    assert worker.call("@nothing", 1).failure == Failure(
        "skipped", "@nothing is not there: the call that makes it failed, or its process had to be replaced"
    )
    assert worker.attributes("co", ["nothing"]).value == {}


def test_functions_as_arguments(make: Maker) -> None:
    worker = make({"co.py": MODULE})
    worker.call("co.Circuit", 0.5, keep="c")
    assert worker.call("co.train", Kept("c"), Named("co.loss"), 50).value == pytest.approx(1.0, abs=1e-3)
    worker.call("co.Circuit", 0.5, keep="c")
    square = Polynomial([[0, 0, 1], [0, -2, 0], [1, 0, 0]])
    assert worker.call("co.train_mean", Kept("c"), square, 50).value == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("point", [(2.0, 3.0), (0.0, -1.0), (0.5, 0.25)])
def test_polynomial(make: Maker, point: tuple[float, float]) -> None:
    code = "def at(p, x, y):\n    return p(x, y)\n"
    worker = make({"code.py": code})
    x, y = point
    coefficients = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    expected = sum(c * x**i * y**j for i, row in enumerate(coefficients) for j, c in enumerate(row))
    assert worker.call("code.at", Polynomial(coefficients), x, y).value == pytest.approx(expected, rel=1e-15)
    tensor = worker.call("code.at", Polynomial([[2.0]]), Tensor(np.zeros(3, np.float32)), Tensor(np.zeros(3, np.float32))).value
    np.testing.assert_array_equal(tensor, np.float32([2, 2, 2]))


def test_a_lost_process_takes_its_kept_objects(make: Maker) -> None:
    worker = make({"co.py": MODULE + "\ndef die():\n    import os; os._exit(1)\n"})
    worker.call("co.Circuit", 5.0, keep="c")
    worker.call("co.die")
    failure = worker.call("@c", 1.0).failure
    assert failure is not None
    assert failure.kind == "skipped"


def test_generators_are_seeded_by_content(make: Maker, tmp_path: Path, warm: WarmParent) -> None:
    worker = make({"co.py": MODULE})
    first, second = worker.call("co.draw").value, worker.call("co.draw").value
    assert first == second
    with Worker(tmp_path, {"co": File("co.py")}, torch=True, seed=8, warm=warm) as other:
        assert other.call("co.draw").value != first


def test_parallel_operation_after_the_fork(make: Maker) -> None:
    """One parallel operation before a fork would hang this for ever."""
    code = """
    import torch
    def f():
        torch.set_num_threads(4)
        x = torch.ones(600, 600)
        y = (x @ x).sum() + torch.sort(torch.rand(10**6)).values[0]
        x.requires_grad_()
        (x @ x).relu().sum().backward()
        return [float(y) > 0, torch.get_num_threads()]
    """
    assert make({"code.py": code}, limits=Limits(call=30)).call("code.f").value == [True, 4]


def test_multiprocessing_inside(make: Maker) -> None:
    code = """
    import multiprocessing, threading
    import torch
    def square(x):
        return float(torch.tensor(x) ** 2)
    def f():
        with multiprocessing.Pool(3) as pool:
            squares = pool.map(square, [1.0, 2.0, 3.0])
        lock, seen = threading.Lock(), []
        def work():
            with lock:
                seen.append(1)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads: t.start()
        for t in threads: t.join()
        queue = multiprocessing.Queue()
        child = multiprocessing.Process(target=queue.put, args=(5,))
        child.start()
        got = queue.get()
        child.join()
        return [squares, len(seen), got]
    """
    assert make({"code.py": code}, limits=Limits(call=30)).call("code.f").value == [[1.0, 4.0, 9.0], 4, 5]


def test_temporary_files_and_copies(make: Maker) -> None:
    code = """
    import getpass, os, shutil, tempfile
    def f():
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x")
        shutil.copy("code.py", "copy.py")
        shutil.copytree(".", tempfile.mkdtemp() + "/copies")
        return [os.path.expanduser("~") == tempfile.gettempdir(), getpass.getuser(), sorted(os.listdir("."))]
    """
    assert make({"code.py": code}).call("code.f").value == [True, "student", ["code.py", "copy.py"]]


def test_own_files_and_helpers(make: Maker) -> None:
    files = {
        "code.py": "import helper, package.part\ndef f():\n    return [open('data.txt').read(), helper.two(), package.part.three]\n",
        "helper.py": "def two(): return 2\n",
        "package/__init__.py": "",
        "package/part.py": "three = 3\n",
        "data.txt": "data",
    }
    assert make(files, {"code": File("code.py")}).call("code.f").value == ["data", 2, 3]


def test_own_folder_is_a_copy(make: Maker, tmp_path: Path) -> None:
    code = "def f():\n    open('data.txt', 'w').write('changed')\n    return open('data.txt').read()\n"
    assert make({"code.py": code, "data.txt": "data"}, {"code": File("code.py")}).call("code.f").value == "changed"
    assert (tmp_path / "data.txt").read_text() == "data"


SHADOWS = ["json", "numpy", "torch", "random", "autograder", "wire", "sitecustomize", "linecache", "typing"]


@pytest.mark.parametrize("name", SHADOWS)
def test_files_named_like_libraries(make: Maker, name: str) -> None:
    """They do not get in our way; and what is not a library that is loaded already can be imported by the student."""
    files = {f"{name}.py": "mine = 1\n", "code.py": "import numpy, torch\ndef f():\n    return torch.ones(2).numpy() + numpy.ones(2)\n"}
    files["own.py"] = f"import {name}\ndef f():\n    return {name}.mine\n"
    worker = make(files, {"code": File("code.py"), "own": File("own.py")})
    np.testing.assert_array_equal(worker.call("code.f").value, [2, 2])
    if name in ("autograder", "wire", "sitecustomize"):
        assert worker.call("own.f").value == 1


def test_deadline(make: Maker) -> None:
    worker = make({"code.py": "def f():\n    while True: pass\ndef g(): return 1\n"}, deadline=time.monotonic() + 2.5)
    assert worker.call("code.g").value == 1
    not_reached = Failure("not_reached", "not reached: the time for this submission was used up")
    assert worker.call("code.f", seconds=60).failure == not_reached
    assert worker.call("code.g").failure == not_reached


def test_time_of_a_source(make: Maker) -> None:
    worker = make({"code.py": "import time\ndef f(): time.sleep(0.3)\n", "other.py": "def g(): return 1\n"}, limits=Limits(source=0.2))
    assert worker.call("code.f").failure is None
    assert worker.call("code.f").failure == Failure("not_reached", "not reached: the calls into code used up their 0.2 s")
    assert worker.call("other.g").value == 1


def test_names(make: Maker) -> None:
    code = "import os\nfrom math import pi, sin\nimport numpy as np\ndef f(x, *, y=2): ...\nclass C:\n    def __init__(self, a): ...\n"
    code += "_hidden = 1\nv = np.ones(2)\n"
    names = make({"code.py": code}).names("code")
    assert names == {"pi": "pi: float", "f": "f(x, *, y=2)", "C": "C(a)", "v": "v: ndarray"}


def test_facts_and_protections(make: Maker) -> None:
    worker = make(
        {"code.py": "import sys, numpy, torch\ndef f(): return [sys.version.split()[0], numpy.__version__, torch.__version__ + '']\n"}
    )
    assert list(worker.facts.values()) == worker.call("code.f").value
    assert worker.facts["python"] == sys.version.split()[0]
    assert {"resource limits", "memory watched", "environment emptied", "own process group"} <= set(worker.protections)
    assert worker.protections == worker.protections


def test_messages_are_fit_for_people(make: Maker) -> None:
    code = """
    def f(what):
        if what == "address":
            raise ValueError(object())
        if what == "path":
            open("nothing.txt")
        if what == "long":
            raise ValueError("x" * 10**6)
        if what == "control":
            raise ValueError("a\\x1b[31mred\\x07\\u202eevil\\ud800")
        class Bad(Exception):
            def __str__(self): raise KeyError
        if what == "text":
            raise Bad
        import os
        raise ValueError(os.getcwd() + "/code.py")
    """
    worker = make({"code.py": code})
    messages = {what: worker.call("code.f", what).failure.message for what in ("address", "path", "long", "control", "text", "cwd")}
    assert messages["address"] == "ValueError: <object object at 0x…>"
    assert messages["path"] == "FileNotFoundError: [Errno 2] No such file or directory: 'nothing.txt'"
    assert len(messages["long"]) == 500
    assert messages["control"] == "ValueError: a [31mred  evil?"
    assert messages["text"] == "Bad: (its text cannot be shown)"
    assert messages["cwd"] == "ValueError: code.py"


def test_printed_is_capped_and_a_flood_ends_with_its_call(make: Maker) -> None:
    code = "def f():\n    while True: print('x' * 1000)\n\ndef g():\n    print('y' * 10**6)\n    return 1\n"
    worker = make({"code.py": code}, limits=Limits(call=0.5))
    flood = worker.call("code.f")
    assert flood.failure is not None
    assert flood.failure.kind == "timeout"
    assert len(flood.printed) < 11_000
    reply = worker.call("code.g", seconds=5)
    assert reply.value == 1
    assert len(reply.printed) < 11_000
    assert reply.printed.startswith("yyy")


def test_two_workers_from_one_parent_at_once(make: Maker) -> None:
    first, second = make({"code.py": CODE}), make({"code.py": CODE})
    assert first.call("code.count").value == second.call("code.count").value == 1
    assert first.call("code.count").value == 2


def test_scratch_is_removed(make: Maker) -> None:
    worker = make({"code.py": "import os\ndef f():\n    os.mkdir('d'); os.chmod('d', 0)\n    os.chmod('.', 0)\n    return os.getcwd()\n"})
    folder = Path(worker.call("code.f").value)
    assert folder.parent.parent.exists()
    worker.close()
    assert not folder.parent.parent.exists()


ANYTHING = """
import collections, fractions, random
import numpy as np

def value(seed):
    rng = random.Random(seed)
    return one(rng, 0)

def one(rng, depth):
    kinds = [lambda: None, lambda: rng.random() < 0.5, lambda: rng.randint(-10**30, 10**30), lambda: rng.uniform(-1e300, 1e300),
             lambda: rng.choice([float("nan"), float("inf"), -float("inf"), -0.0, 5e-324]), lambda: complex(rng.random(), float("nan")),
             lambda: "".join(chr(rng.randint(1, 0xD000)) for _ in range(5)), lambda: array(rng), lambda: np.float32(rng.random()),
             lambda: np.int64(rng.randint(0, 9)), lambda: np.bool_(True), lambda: collections.OrderedDict(a=1)]
    if rng.random() < 0.04:
        arrays = [np.array([None]), np.array(["a"]), np.array(["2020"], "datetime64[D]")]
        return rng.choice([object(), {1}, b"x", range(3), fractions.Fraction(1, 3), lambda: 1, (x for x in ()), *arrays])
    if depth < 3 and rng.random() < 0.4:
        items = [one(rng, depth + 1) for _ in range(rng.randint(0, 4))]
        return rng.choice([list, tuple, lambda items: {i: item for i, item in enumerate(items)}])(items)
    return rng.choice(kinds)()

def array(rng):
    shape = tuple(rng.randint(0, 4) for _ in range(rng.randint(0, 3)))
    dtype = rng.choice(["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16", ">f8", ">i4", "g"])
    made = (np.random.default_rng(rng.randint(0, 9)).standard_normal(shape) * 50).astype("f8")
    made = (np.abs(made) if dtype.startswith("u") else made).astype(dtype)
    return made.T if rng.random() < 0.5 else made
"""


def plain(value: object) -> object:
    """What an honest in-process call returned, in the types that a reply has; raises TypeError where a reply has none."""
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind not in "biufc":
            raise TypeError
        return array.astype(np.float64) if array.dtype.itemsize > 8 and array.dtype.kind == "f" else array
    if type(value) in (list, tuple):
        return type(value)(plain(item) for item in value)  # type: ignore[call-overload, attr-defined]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if value is None or type(value) in (bool, int, float, complex, str):
        return value
    raise TypeError


def alike(a: object, b: object) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype.newbyteorder("=") and bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(alike(a[key], b[key]) for key in a)
    return repr(a) == repr(b)


def test_replies_equal_what_an_honest_call_returned(make: Maker) -> None:
    """500 values of every type, made here and in a guest by the same code: equal, or refused by name."""
    worker = make({"code.py": ANYTHING})
    here: dict[str, Callable[[int], object]] = {}
    exec(ANYTHING, here)
    refused = 0
    for seed in range(500):
        reply = worker.call("code.value", seed)
        try:
            expected = plain(here["value"](seed))
        except TypeError:
            refused += 1
            assert reply.failure is not None, seed
            assert reply.failure.kind == "type"
            assert reply.failure.message.startswith("it returned an")
            continue
        assert reply.failure is None, (seed, reply.failure)
        assert alike(reply.value, expected), (seed, reply.value, expected)
    assert 10 < refused < 250


def test_evidence_is_json() -> None:
    value = [
        np.array([1, np.nan]),
        Tensor([[1.0]]),
        Kept("c"),
        Named("a.b"),
        Polynomial([[1.0]]),
        1j,
        float("-inf"),
        np.float32(2),
        {1: (2,)},
    ]
    assert evidence(value) == [[1.0, "nan"], [[1.0]], "@c", "a.b", {"polynomial": [[1.0]]}, "1j", "-inf", 2.0, {"1": [2]}]


def test_a_function_that_was_never_written_is_missing_even_where_its_arguments_cannot_be_made(make: Maker) -> None:
    """The function is looked up first: without torch a tensor cannot be made, which is no word about what was handed in."""
    worker = make({"code.py": "import sys\nsys.modules['torch'] = None\n\ndef there(x):\n    return 1\n"})
    tensor = Tensor(np.zeros(3, np.float32))

    assert worker.call("code.never_written", tensor).failure == Failure("missing", "code does not define never_written", "")
    there = worker.call("code.there", tensor).failure
    assert there is not None
    assert there.message.startswith("ModuleNotFoundError")
