"""Evidence of a call that gave no value, or none that can be judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from autograder.evidence.calls import HAPPENED, NO_ARGUMENTS, CallEvidence
from autograder.evidence.context import ScriptContext, SubmissionNow, Tried
from autograder.evidence.values import comment, named

TIMEOUT_SECONDS = 10
"""A call that hung is ended after this."""

MEMORY_GIB = 4
"""Address space of a call that took too much memory; torch alone reserves more than one of them."""


@dataclass(frozen=True, kw_only=True)
class FailureEvidence(CallEvidence):
    """What happened instead of a value."""

    kind: ClassVar[str] = "failure"
    failure: str
    """One of `HAPPENED`."""
    message: str | None = None
    line: str | None = None
    """Where in the submission's files."""

    def show(self) -> Iterator[str]:
        """The call and what happened."""
        yield from self.show_call()
        yield f"what happened: it {HAPPENED.get(self.failure, self.failure)}"
        if self.message:
            yield f"    {self.message}"
        if self.line:
            yield f"    at {self.line}"

    def try_again(self, now: SubmissionNow) -> Tried:
        """The same call now. Whether what a call returns can be judged is not known without its judge."""
        if self.failure == "not_reached":
            return Tried(["it was never called: the time was over"], None)
        returned = now.call(self.function, self.args)
        if returned is None:
            return Tried([NO_ARGUMENTS], None)
        if returned.failure:
            return Tried([returned.failure], True)
        return Tried(list(named("returned now", now.as_json(returned.value), sign="")), None if self.failure == "type" else False)

    def write_script(self, context: ScriptContext) -> list[str]:
        """The call, guarded where it once did not end or took too much memory."""
        if not isinstance(self.args, list) or self.function.partition(".")[2] == "" or self.failure == "not_reached":
            return super().write_script(context)
        lines = [*GUARDS.get(self.failure, []), f"differs = True  # recorded: {self.failure}, {comment(self.message)}", "try:"]
        lines += [f"    {line}" for line in self.write_call(context)]
        lines += ['    print("returned", type(got).__name__, got)', f"    differs = {self.failure == 'type'}  # of what comes back"]
        return [*lines, "except BaseException as problem:", '    print("raised", type(problem).__name__, problem)']


GUARDS = {
    "timeout": [
        "def late():",
        f'    print("did not end within {TIMEOUT_SECONDS} s", flush=True)',
        "    os._exit(0)",
        f"timer = threading.Timer({TIMEOUT_SECONDS}, late)",
        "timer.daemon = True",
        "timer.start()",
    ],
    "memory": [
        "try:",
        "    import resource",
        f"    resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_GIB} * 2**30,) * 2)  # so that this machine stays usable",
        "except ImportError:",
        '    print("this system has no limits on memory: watch it")',
    ],
}
"""Lines before a call that once did not end, or took too much memory."""
