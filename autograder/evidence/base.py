"""Evidence: what a person can replay, one class for each kind.

To add a kind, write one file here: a frozen dataclass over `Evidence` with a `kind`, its fields in the order in which they
stand in results.json, and whichever of `show`, `try_again` and `write_script` has more to say than the general one. Name the class
in the door, so that judges can build it, and its keys in docs/schema.md. Nothing else lists the kinds: judges hand an instance to
`incorrect` or `partial`, and reports, `replay` and its scripts read it back by `read_evidence`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, TypeVar

from autograder.evidence.context import ScriptContext, SubmissionNow, Tried
from autograder.evidence.values import Json

KINDS: dict[str, type[Evidence]] = {}
"""Every kind that is defined, by its name in results.json."""

BESIDE = "beside"

Self = TypeVar("Self", bound="Evidence")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One piece of evidence. A field that is None by default may be absent: it is left out of results.json while it is None."""

    kind: ClassVar[str]
    beside: Mapping[str, Json] = field(default_factory=dict)
    """Further keys, which stand after the kind's own: `plot`, and what a suite adds for people to read."""

    def __init_subclass__(cls) -> None:
        """Makes the kind known. Raises TypeError where its name is taken."""
        kind = vars(cls).get("kind")
        if kind is not None and KINDS.setdefault(kind, cls) is not cls:
            raise TypeError(f"there is a kind of evidence {kind!r} already: {KINDS[kind].__qualname__}")

    @classmethod
    def of(cls: type[Self], document: Mapping[str, Json]) -> Self:
        """The evidence that stands in a results.json; further keys are kept `beside`. Raises ValueError where a key is missing."""
        own = [f for f in fields(cls) if f.name != BESIDE]
        lacking = [f.name for f in own if f.name not in document and f.default is MISSING]
        if lacking:
            raise ValueError(f"evidence of kind {cls.kind!r} without {', '.join(lacking)}")
        names = {f.name for f in own}
        known: dict[str, Any] = {key: value for key, value in document.items() if key in names}
        return cls(**known, beside={key: value for key, value in document.items() if key not in names and key != "kind"})

    def document(self) -> dict[str, Json]:
        """What lands in results.json, see docs/schema.md."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != BESIDE}
        absent = {f.name for f in fields(self) if f.default is None and own.get(f.name) is None}
        return {"kind": self.kind} | {key: value for key, value in own.items() if key not in absent} | dict(self.beside)

    def show(self) -> Iterator[str]:
        """Lines for people: the inputs, what was due, what came. In general what is `said`, else all of it."""
        document = self.document()
        if document.get("said"):
            yield from str(document["said"]).splitlines()
        else:
            yield from json.dumps(document, ensure_ascii=False, indent=1).splitlines()

    def try_again(self, now: SubmissionNow) -> Tried:  # noqa: ARG002 - nothing to try
        """What the submission does now with the inputs of the evidence. In general there is nothing that could be tried."""
        return Tried((), None)

    def show_now(self, now: Evidence) -> Iterator[str]:  # noqa: ARG002 - nothing to add
        """Lines on what the suite finds now, where that says more than the verdict. now: the evidence of the new one."""
        yield from ()

    def write_script(self, context: ScriptContext) -> list[str]:  # noqa: ARG002 - all is recorded
        """Lines of Python that show the difference and bind `differs`. In general both sides as they were recorded."""
        document = self.document()
        shown = {key: value for key, value in document.items() if key not in ("kind", "plot")}
        lines = [f"print({f'{key}:'!r}, {value!r})" for key, value in shown.items()]
        if "expected" in document and "got" in document:
            return [*lines, f"differs = {document['got']!r} != {document['expected']!r}"]
        return [*lines, "differs = True"]


@dataclass(frozen=True, kw_only=True)
class ForeignEvidence(Evidence):
    """Evidence of a kind that is not known here, or without the keys of its kind: shown as it stands."""

    as_read: Mapping[str, Json]

    def document(self) -> dict[str, Json]:
        """All of it, as it was read."""
        return dict(self.as_read)


def read_evidence(document: Mapping[str, Json]) -> Evidence:
    """The evidence of a verdict or of a results.json, of this version or another. Never fails: what is strange is `ForeignEvidence`."""
    kind = KINDS.get(str(document.get("kind")))
    try:
        return kind.of(document) if kind is not None else ForeignEvidence(as_read=document)
    except ValueError:
        return ForeignEvidence(as_read=document)
