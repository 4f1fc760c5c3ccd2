"""A zip in which the same files give the same bytes, so that two of them can be told apart by what they hold."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of every file in it: the earliest that the format knows."""


def write_archive(out: Path, files: Mapping[str, Path | str], executable: Collection[str] = ()) -> None:
    """Writes a zip of name -> a file's path, or a text of ours. executable: names of scripts. Raises OSError."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            about = zipfile.ZipInfo(name, EPOCH)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = (0o100755 if name in executable else 0o100644) << 16
            content = files[name]
            archive.writestr(about, content if isinstance(content, str) else content.read_bytes())
