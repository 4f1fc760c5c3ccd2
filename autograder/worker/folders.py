"""A guest's scratch folder: a copy of the submission that is the guest's own. Part of the guest's process: standard library only."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator

WORK, TEMPORARY = "work", "tmp"
"""Where the copy lies in a scratch folder, and where temporary files go."""


def prepare(root: str, folder: str, user: int | None) -> None:
    """Fills a folder with a copy of a submission and room for temporary files, all of it a user's (ours for None)."""
    copy_submission(root, os.path.join(folder, WORK))
    os.mkdir(os.path.join(folder, TEMPORARY), 0o700)
    if user is not None:
        give_away(folder, user)


def copy_submission(root: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Copies regular files and folders; links, devices and byte code are left behind, and what lies too deep for a path."""
    waiting = [(os.fspath(root), os.fspath(target))]
    while waiting:
        here, there = waiting.pop()
        with _not_too_deep():
            os.mkdir(there)
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False) and entry.name != "__pycache__":
                        waiting.append((entry.path, os.path.join(there, entry.name)))
                    elif entry.is_file(follow_symlinks=False):
                        with _not_too_deep():
                            shutil.copyfile(entry.path, os.path.join(there, entry.name))


@contextlib.contextmanager
def _not_too_deep() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise


def give_away(folder: str, user: int) -> None:
    """Makes everything in a folder that we filled, and itself, another user's."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    os.chown(entry.path, user, user, follow_symlinks=False)
        os.chown(here, user, user)
