"""What an instructor makes of an assignment: the zips."""

__all__ = [
    "bundle",
]
