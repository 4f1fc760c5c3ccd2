"""The worker room: the only one that starts student code. It does so in another process; see `docs/wire.md` and `docs/security.md`."""

from autograder.worker.host import Worker
from autograder.worker.libraries import has_torch, needs_torch
from autograder.worker.parents import ParentGone, WarmParent, can_fork
from autograder.worker.reply import Failure, File, Kept, Limits, Named, Polynomial, Reply, Source, Tensor, Unit, Units, evidence, references

__all__ = [
    "Failure",
    "File",
    "Kept",
    "Limits",
    "Named",
    "ParentGone",
    "Polynomial",
    "Reply",
    "Source",
    "Tensor",
    "Unit",
    "Units",
    "WarmParent",
    "Worker",
    "can_fork",
    "child",
    "evidence",
    "has_torch",
    "layers",
    "leftovers",
    "needs_torch",
    "processes",
    "references",
    "wire",
]
