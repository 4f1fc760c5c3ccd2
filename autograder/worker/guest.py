"""The guest: loads the student's code and answers calls, in a process that holds nothing of ours but this and the wire.

What runs here shares its memory with the student's code, so nothing that it says is trusted: the host checks every
frame, and nothing that a student may not know ever comes here.

Requests and replies are described in `docs/wire.md`.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.util
import inspect
import linecache
import os
import random
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from autograder.worker import stand_ins, wire

MAX_MESSAGE = 2000
"""Characters of one message; the host cuts further."""

_FLATTENED_DICTS = ("OrderedDict", "defaultdict", "Counter")
_LIBRARIES = ("numpy", "torch", "collections")
"""Subclasses of tuple and dict from here are sent as plain tuples and dicts."""

_DEFINED = (type, types.FunctionType, types.BuiltinFunctionType)

_seed_python = random.seed
_seed_numpy = np.random.seed


class _Problem(Exception):
    """What goes into a reply instead of a value."""

    def __init__(self, kind: str, message: str, line: str = "") -> None:
        super().__init__(message)
        self.record = {"kind": kind, "message": message[:MAX_MESSAGE], "line": line}

    @classmethod
    def of(cls, record: dict[str, Any]) -> _Problem:
        """The problem that was recorded earlier."""
        return cls(str(record.get("kind")), str(record.get("message")), str(record.get("line")))


class _Polynomial:
    """Sum of c[i][j] x**i y**j by Horner's rule, for numbers, arrays and tensors, which broadcast."""

    def __init__(self, coefficients: list[list[float]]) -> None:
        self._rows = coefficients

    def __call__(self, x: Any, y: Any) -> Any:
        """The value at x and y."""
        total = 0.0 * x + 0.0 * y  # so that a constant has the shape and type of its arguments
        for row in reversed(self._rows):
            inner: Any = 0.0
            for coefficient in reversed(row):
                inner = inner * y + coefficient
            total = total * x + inner
        return total


class Guest:
    """The student's modules, what became of loading them, and the objects that were kept.

    folder: absolute path of the copy of the submission, which is the current folder too.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._labels: set[str] = set()
        self._modules: dict[str, types.ModuleType] = {}
        self._broken: dict[str, _Problem] = {}
        self._broken_names: dict[tuple[str, str], _Problem] = {}
        self._kept: dict[str, Any] = {}

    # requests -------------------------------------------------------------------------------------------------------

    def answer(self, header: dict[str, Any], buffers: list[memoryview]) -> bytes:
        """The frame that answers one request; never raises for what the student's code does."""
        number = header.get("id")
        packer = wire.Packer(_foreign)
        try:
            try:
                value = self._perform(header, buffers)
                tree = packer.pack(value)
                reply = wire.frame({"id": number, "value": tree}, packer.buffers)
            except _Problem:
                raise
            except wire.Unsendable as error:
                raise _Problem("type", f"it returned {error}") from None
            except BaseException as error:
                raise self._problem(error) from None
        except _Problem as problem:
            reply = wire.frame({"id": number, "failure": problem.record})
        _flush()
        return reply

    def _perform(self, header: dict[str, Any], buffers: list[memoryview]) -> Any:
        operation = header["op"]
        if operation == "call":
            function = self._target(header["function"])  # first: what was never written is so where no torch can hold its arguments, too
            arguments = wire.Unpacker(buffers, self._resolve).unpack(header["args"])
            if not callable(function):
                raise _Problem("type", f"{header['function']} is no function, it is of type {type(function).__name__}")
            _seed(header["seed"])
            value = function(*arguments)
            if header["keep"] is None:
                return value
            self._kept[header["keep"]] = value
            return None
        if operation == "attributes":
            return self._attributes(self._target(header["target"]), header["names"])
        if operation == "names":
            return self._names(header["module"])
        _seed(header["seed"])
        if operation == "file":
            self._load_file(header["module"], header["path"])
        elif operation == "unit":
            self._load_unit(header["module"], header["code"], header["label"], header["offset"], header["failure"])
        else:
            raise _Problem("type", f"no operation {operation}")
        return None

    # loading --------------------------------------------------------------------------------------------------------

    def _load_file(self, name: str, path: str) -> None:
        """Imports one file under the name of its source. If it raises half-way, what it defined until then stays."""
        location = os.path.join(self._folder, path)
        spec = importlib.util.spec_from_file_location(name, location)
        if spec is None or spec.loader is None or not os.path.exists(location):
            raise _Problem("missing", f"there is no file {path}")
        module = importlib.util.module_from_spec(spec)
        self._modules[name] = module
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            self._broken[name] = self._problem(error, "import")
            raise self._broken[name] from None

    def _load_unit(self, name: str, code: str, label: str, offset: int, failure: dict[str, Any] | None) -> None:
        """Executes one unit in the module of its source; where it fails, what it would have defined fails with it.

        failure: what happened to this unit in a process that is gone; it is then only read, not run.
        """
        module = self._modules.get(name)
        if module is None:
            module = self._modules[name] = sys.modules[name] = types.ModuleType(name)
            module.__dict__.update({"__file__": os.path.join(self._folder, f"{name}.py"), "__stand_ins__": stand_ins})
        self._remember_lines(label, code, offset)
        bound: set[str] = set()
        try:
            tree = ast.parse("\n" * offset + code, filename=label)
            bound = _bound_names(tree)
            if failure is not None:
                raise _Problem.of(failure)  # noqa: TRY301 - handled like one that happens here
            exec(compile(tree, label, "exec"), module.__dict__)
        except BaseException as error:
            problem = error if isinstance(error, _Problem) else self._problem(error, "import")
            for missing in bound:
                self._broken_names[name, missing] = problem
            raise problem from None
        for defined in bound:
            self._broken_names.pop((name, defined), None)

    def _remember_lines(self, label: str, code: str, offset: int) -> None:
        """Makes the source of a unit known, so that tracebacks and `inspect.getsource` find it; units may share a label."""
        self._labels.add(label)
        known = linecache.cache.get(label)
        lines = list(known[2]) if known is not None and len(known) == 4 else []
        new = [line + "\n" for line in code.split("\n")]
        lines += ["\n"] * (offset + len(new) - len(lines))
        lines[offset : offset + len(new)] = new
        linecache.cache[label] = (sum(map(len, lines)), None, lines, label)

    # looking up -----------------------------------------------------------------------------------------------------

    def _target(self, path: str) -> Any:
        """The object that `linear.solve`, `linear`, `@kept` or `@kept.part` names."""
        head, _, rest = path.partition(".")
        if head.startswith("@"):
            if head[1:] not in self._kept:
                raise _Problem("skipped", f"{head} is not there: the call that makes it failed, or its process had to be replaced")
            found = self._kept[head[1:]]
        else:
            if head not in self._modules:
                raise self._broken.get(head) or _Problem("missing", f"nothing was handed in for {head}")
            found = self._modules[head]
            name = rest.partition(".")[0]
            if name and name not in found.__dict__ and not hasattr(found, name):
                raise (
                    self._broken_names.get((head, name)) or self._broken.get(head) or _Problem("missing", f"{head} does not define {name}")
                )
        for step in rest.split(".") if rest else ():
            if not hasattr(found, step):
                raise _Problem("missing", f"{path}: there is no {step}")
            found = getattr(found, step)
        return found

    def _attributes(self, target: Any, names: list[str]) -> dict[str, Any]:
        found = {}
        for name in names:
            with contextlib.suppress(AttributeError):
                found[name] = functools.reduce(getattr, name.split("."), target)
        return found

    def _names(self, name: str) -> dict[str, str]:
        module = self._modules.get(name)
        if module is None:
            raise self._broken.get(name) or _Problem("missing", f"nothing was handed in for {name}")
        found = {}
        for defined, value in list(module.__dict__.items()):
            if defined.startswith("_") or isinstance(value, types.ModuleType):
                continue
            if isinstance(value, _DEFINED) and getattr(value, "__module__", name) != name:
                continue  # imported
            if not callable(value):
                found[defined] = f"{defined}: {type(value).__name__}"
                continue
            try:
                found[defined] = f"{defined}{inspect.signature(value)}"
            except (TypeError, ValueError):
                found[defined] = f"{defined}(...)"
        return {key[:200]: text[:500] for key, text in found.items()}

    def _resolve(self, tag: str, content: Any) -> Any:
        """An argument that the wire holds as a reference."""
        if tag == "tensor":
            import torch

            return torch.from_numpy(content)
        if tag == "kept":
            return self._target(f"@{content}")
        if tag == "named":
            return self._target(content)
        if tag == "polynomial":
            return _Polynomial(content.tolist())
        raise wire.WireError(f"no reference {tag}")

    # failures -------------------------------------------------------------------------------------------------------

    def _problem(self, error: BaseException, kind: str = "raised") -> _Problem:
        """What a student may read of an exception: its type, its text, and the line of the student's own that raised it."""
        if isinstance(error, _Problem):
            return error
        if isinstance(error, SystemExit):
            kind = "exited"
        elif isinstance(error, MemoryError):
            kind = "memory"
        try:
            text = str(error)
        except BaseException:
            text = "(its text cannot be shown)"
        line = ""
        if isinstance(error, SyntaxError):
            text = str(error.msg)
            if self._own(error.filename or "") and error.lineno:
                line = f"{self._own(error.filename or '')}, line {error.lineno}"
        trace = error.__traceback__
        while trace is not None and not isinstance(error, SyntaxError):
            own = self._own(trace.tb_frame.f_code.co_filename)
            if own:
                line = f"{own}, line {trace.tb_lineno}"
            trace = trace.tb_next
        name = type(error).__name__
        return _Problem(kind, f"{name}: {text}" if text else name, line)

    def _own(self, filename: str) -> str:
        """The student's name for a file of code, empty if it is not the student's."""
        if filename in self._labels:
            return filename
        return os.path.relpath(filename, self._folder) if filename.startswith(self._folder + os.sep) else ""


def serve(folder: str, read: Callable[[int], bytes], write: Callable[[bytes], None]) -> None:
    """Answers requests until the stream ends."""
    guest, process = Guest(folder), os.getpid()
    while True:
        try:
            header, buffers = wire.read_frame(read)
        except wire.Closed:
            return
        reply = guest.answer(header, buffers)
        if os.getpid() != process:
            os._exit(0)  # a fork that the student's code made and let return: one answer is enough
        write(reply)


def _seed(seed: int) -> None:
    """Seeds the generators of Python, numpy and torch, so that a call gives the same each time and everywhere."""
    _seed_python(seed)
    _seed_numpy(seed % 2**32)
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "default_generator"):
        torch.default_generator.manual_seed(seed)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):  # the student may have put something else there
            stream.flush()


def _bound_names(tree: ast.Module) -> set[str]:
    """The names that executing a piece of code would bind at its top level, loops and conditions included."""
    names: set[str] = set()
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif not isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            waiting.extend(ast.iter_child_nodes(node))
    return names


def _foreign(value: Any) -> Any:
    """What the wire does not know but may be sent: torch tensors, numpy's matrix, tuples and dicts of the libraries."""
    kind = type(value)
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "Tensor") and kind in (torch.Tensor, torch.nn.Parameter):
        return _array_of(torch, value)
    if kind in (np.matrix, np.memmap):
        return np.asarray(value)
    home = str(kind.__module__).partition(".")[0]
    if issubclass(kind, tuple) and (home in _LIBRARIES or hasattr(kind, "_fields")):
        return tuple(tuple.__iter__(value))
    if issubclass(kind, dict) and home in _LIBRARIES and kind.__name__ in _FLATTENED_DICTS:
        return dict(dict.items(value))
    return NotImplemented


def _array_of(torch: Any, tensor: Any) -> Any:
    """A tensor's values as an array of the same dtype (bfloat16 as float32); raises Unsendable."""
    tensor = tensor.detach()
    if tensor.is_meta or tensor.is_quantized:
        raise wire.Unsendable("a tensor without plain values (meta or quantized)")
    if tensor.layout != torch.strided:
        if tensor.numel() * tensor.element_size() > wire.MAX_PAYLOAD:
            raise wire.Unsendable("a sparse tensor that is too large when dense")
        tensor = tensor.to_dense()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.to(torch.float32)
    return np.array(tensor.cpu().resolve_conj().resolve_neg().numpy())
