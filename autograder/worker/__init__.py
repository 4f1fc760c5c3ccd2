"""The worker room: the only one that starts student code. It does so in another process; see `docs/wire.md` and `docs/security.md`."""

from autograder.worker.host import Worker
from autograder.worker.parents import WarmParent
from autograder.worker.reply import Failure, File, Kept, Limits, Named, Polynomial, Reply, Source, Tensor, Units

__all__ = ["Failure", "File", "Kept", "Limits", "Named", "Polynomial", "Reply", "Source", "Tensor", "Units", "WarmParent", "Worker"]
