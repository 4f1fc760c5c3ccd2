"""Definitions taken out of a notebook or a script, without running it: what a suite asks for and what that needs.

A notebook is graded as students leave it: with magics, widgets, plots, cells that raise or do not parse, names bound
several times, and training that takes minutes. Nothing of it runs here. `definitions` reads the text, keeps the
statements on which the wanted names rest, and puts them into units which the worker executes one by one.
"""

from __future__ import annotations

from autograder.notebook.extract import FIRST_UNIT, Extraction, definitions

__all__ = ["FIRST_UNIT", "Extraction", "definitions"]
