"""Derivations followed relation by relation, to the first that is false.

NOTE TO COLLEAGUES: the derivations colleague owns this file, `chains.py` and `bounds.py` beside it, and `derivation(...)` in the door; leave them to them.
"""
