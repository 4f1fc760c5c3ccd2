"""Stand-ins for what only draws or talks, and namespaces for the statements of a notebook.

Part of the guest's process: standard library only. The module in which a guest executes units finds it as
`__stand_ins__`; nothing is replaced before a unit says `__stand_ins__.install()`.

Modules that draw plots, widgets and progress bars are replaced by stand-ins which accept everything and do nothing, so
that they need not be installed, open no window and cost no time; what iterates, decorates or carries a value still does.
"""

from __future__ import annotations
import __future__

import importlib.abc
import importlib.machinery
import os
import sys
import time
import types
from collections.abc import Iterator
from opcode import opmap
from typing import Any

NEUTRALISED = (
    *("matplotlib", "mpl_toolkits", "ipympl", "pylab", "seaborn", "plotly", "bokeh", "altair", "graphviz", "torchviz"),
    *("IPython", "ipywidgets", "ipykernel", "google", "nbconvert", "jupyterthemes", "torchsummary", "torchinfo", "tensorboard"),
    *("tqdm", "alive_progress", "progressbar", "fastprogress", "rich", "termcolor", "wandb", "otter"),
)
"""Roots of the packages that are replaced, with everything below them."""

STARRED = {
    "tqdm": ("tqdm", "trange", "tqdm_notebook", "tnrange"),
    "IPython.display": ("display", "clear_output", "HTML", "Image", "Markdown", "Math", "Latex", "Audio", "Video"),
    "ipywidgets": ("interact", "interactive", "interact_manual", "fixed", "IntSlider", "FloatSlider", "VBox", "HBox", "Output"),
    "pylab": ("plot", "figure", "subplots", "show", "xlabel", "ylabel", "title", "legend", "grid"),
}
"""What `from package import *` gives."""

COMPILER = "torch._dynamo"
"""torch's optimizers import its compiler only to ask it not to compile them: seconds for nothing."""

BUDGET_SECONDS = 0.5
"""Seconds that statements with loops or calls of the student's own functions may take at module level, all together."""


class Silent:
    """Accepts every use and does nothing: stands for a plot, a widget, a progress bar or one of their methods.

    Iterating gives the first argument of the call that made it, so a progress bar still walks its data; unpacking into
    n targets gives n stand-ins (`fig, ax = plt.subplots()`); a keyword of that call is an attribute (`slider.value`); a
    call with one function alone gives that function back, so a decorator leaves what it decorates.
    """

    def __init__(self, *args: Any, **keywords: Any) -> None:
        self.__dict__.update(keywords)
        self.__dict__["_args"] = args

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Silent()

    def __call__(self, *args: Any, **keywords: Any) -> Any:  # noqa: D102
        if len(args) == 1 and not keywords and isinstance(args[0], type | types.FunctionType):
            return args[0]
        return Silent(*args, **keywords)

    def __iter__(self) -> Iterator[Any]:
        frame = sys._getframe(1)
        code = frame.f_code.co_code
        if code[frame.f_lasti] == opmap["UNPACK_SEQUENCE"]:
            return iter([Silent() for _ in range(code[frame.f_lasti + 1])])
        first = self._args[0] if self._args else ()
        if isinstance(first, int):
            return iter(range(*self._args))  # trange(n)
        return iter(first) if hasattr(first, "__iter__") and not isinstance(first, str) else iter(())

    def __len__(self) -> int:
        first = self._args[0] if self._args else ()
        return len(first) if hasattr(first, "__len__") and not isinstance(first, str) else 0

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, key: Any) -> Any:
        return Silent()

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *exception: Any) -> None:
        pass

    def __repr__(self) -> str:
        return ""


class SilentModule(types.ModuleType):
    """A module in which every name is a stand-in."""

    def __getattr__(self, name: str) -> Any:
        if name == "__version__":
            return "0"
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Silent()


class SilentFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the stand-ins, before Python looks for the packages themselves."""

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        """A package without files for a name that is neutralised, else None."""
        root = name.partition(".")[0]
        if (root not in NEUTRALISED and name != COMPILER) or os.path.exists(f"{root}.py"):
            return None  # a file of the student's own may have any name
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """An empty stand-in."""
        return SilentModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Binds the names that a star import would want."""
        if module.__name__ == COMPILER:
            module.__dict__["disable"] = lambda function=None, *_, **__: function if function is not None else lambda f: f
            return
        starred = STARRED.get(module.__name__) or STARRED.get(module.__name__.partition(".")[0], ())
        module.__dict__["__all__"] = list(starred)
        module.__dict__.update({name: Silent() for name in starred})


class Namespaces:
    """The namespaces in which the statements of a submission are executed, one for each set of parts that saw the same."""

    def __init__(self, module: str, file: str | None) -> None:
        self._module = module
        self._file = file
        self._spaces: dict[int, dict[str, Any]] = {}
        self._problems: dict[tuple[int, str], str] = {}
        self._left = BUDGET_SECONDS

    def run(self, space: int, label: str, line: int, code: str, binds: tuple[str, ...], guarded: bool, annotations: bool) -> None:
        """Executes one statement, which stands at that line of what the label names. guarded: within the budget of time."""
        names = self._spaces.setdefault(
            space,
            {"__name__": self._module, "__file__": self._file, "__builtins__": __builtins__, "display": Silent(), "get_ipython": Silent()},
        )
        flags = __future__.annotations.compiler_flag if annotations else 0
        try:
            compiled = compile("\n" * (line - 1) + code, label, "exec", flags=flags, dont_inherit=True)
            if guarded:
                self._within_budget(compiled, names)
            else:
                exec(compiled, names)
        except BaseException as error:
            for name in binds:
                self._problems[space, name] = f"{type(error).__name__}: {error} ({label}, line {line})"
            raise

    def run_all(self, space: int, label: str, statements: tuple[tuple[int, str, tuple[str, ...]], ...], annotations: bool) -> None:
        """Executes statements that call nothing, (line, code, names bound) each; one that raises loses only itself, and is remembered."""
        for line, code, binds in statements:
            try:
                self.run(space, label, line, code, binds, False, annotations)
            except Exception:  # noqa: PERF203 - `export` says what was raised
                continue

    def export(self, space: int, expression: str, asked: str) -> Any:
        """What an expression of the student's means in a namespace; raises NameError that says why, where it means nothing."""
        try:
            return eval(expression, self._spaces.get(space, {}))
        except NameError:
            why = self._problems.get((space, expression))
            raise NameError(f"{asked} is not defined" + (f": {why}" if why else "")) from None

    def spoilt(self, reason: str) -> Any:
        """Raises SyntaxError: what was asked for was written down, but does not parse."""
        raise SyntaxError(reason)

    def _within_budget(self, compiled: types.CodeType, names: dict[str, Any]) -> None:
        ends = time.perf_counter() + self._left

        def trace(*_: Any) -> Any:
            if time.perf_counter() > ends:
                raise TimeoutError("this statement takes long, so it is left out; definitions are judged without it")
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            exec(compiled, names)
        finally:
            sys.settrace(before)
            self._left = max(0.0, ends - time.perf_counter())


def install() -> None:
    """Puts the stand-ins in place of their packages, once, loaded or not."""
    if any(isinstance(finder, SilentFinder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, SilentFinder())
    roots = {root for root in NEUTRALISED if root in sys.modules}
    if roots:  # else not a look at every name: in a fork that copies the pages that they lie on
        for loaded in [name for name in sys.modules if name.partition(".")[0] in roots]:
            del sys.modules[loaded]
