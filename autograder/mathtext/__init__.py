"""Mathematics as it is typed: tokens, names, brackets, vocabulary. No symbols, no shapes."""

from autograder.mathtext.brackets import braced
from autograder.mathtext.lexer import Token, group_at, read_name, script_text, tokens
from autograder.mathtext.limits import MAX_CHARACTERS
from autograder.mathtext.name import Name, split_digits
from autograder.mathtext.vocabulary import (
    ACCENTS,
    ARGUMENTS,
    ARROWS,
    BARE,
    CASES,
    COMMANDS,
    ENTRYWISE,
    FILLERS,
    FRACTIONS,
    FUNCTIONS,
    GREEK,
    KEYWORDS,
    LOOKALIKES,
    MATRICES,
    METHODS,
    OPENERS,
    RELATION_SIGNS,
    TRANSPOSES,
    WRAPPERS,
)

__all__ = [
    "ACCENTS",
    "ARGUMENTS",
    "ARROWS",
    "BARE",
    "CASES",
    "COMMANDS",
    "ENTRYWISE",
    "FILLERS",
    "FRACTIONS",
    "FUNCTIONS",
    "GREEK",
    "KEYWORDS",
    "LOOKALIKES",
    "MATRICES",
    "MAX_CHARACTERS",
    "METHODS",
    "OPENERS",
    "RELATION_SIGNS",
    "TRANSPOSES",
    "WRAPPERS",
    "Name",
    "Token",
    "braced",
    "group_at",
    "read_name",
    "script_text",
    "split_digits",
    "tokens",
]
