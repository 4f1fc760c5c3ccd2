"""Notebooks for tests, from text: cells separated by lines `#%% code` and `#%% markdown`."""

from __future__ import annotations

import json
import re


def cells_of(text: str) -> list[tuple[str, str]]:
    """(kind, source) of each cell."""
    parts = re.split(r"^#%% (\w+)\n", text, flags=re.MULTILINE)[1:]
    return [(kind, source.rstrip("\n")) for kind, source in zip(parts[::2], parts[1::2], strict=True)]


def version_4(text: str, outputs: tuple[object, ...] = ()) -> str:
    """The JSON of a notebook in format 4; outputs: of every code cell."""
    cells = [
        {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True)}
        | ({"execution_count": None, "outputs": list(outputs)} if kind == "code" else {})
        for kind, source in cells_of(text)
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


def version_3(text: str) -> str:
    """The JSON of the same notebook in format 3: worksheets, `input` instead of `source`."""
    cells = [
        {"cell_type": "code", "input": source, "language": "python", "outputs": [], "collapsed": False, "metadata": {}}
        if kind == "code"
        else {"cell_type": kind, "source": source, "metadata": {}}
        for kind, source in cells_of(text)
    ]
    return json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells, "metadata": {}}]})
