"""Looking again after every save."""

import pytest
from places import ROOT

from autograder.assignment import load_assignment
from autograder.check import watching
from autograder.check.watching import file_stamps, watch

HW0 = load_assignment(ROOT / "tests" / "hw0")
TOY = load_assignment(ROOT / "tests" / "corpora" / "toy" / "tests" / "toy")
REFERENCE = ROOT / "reference" / "hw0"


class Saves:
    """Stands for the time between two looks: does one thing at each, then ends."""

    def __init__(self, *things):
        self.things = list(things)

    def __call__(self, _seconds):
        if not self.things:
            raise KeyboardInterrupt
        self.things.pop(0)()


def noted(rounds, lines):
    """Puts each line into `lines` as it comes; yields nothing more."""
    for line in rounds:
        lines.append(line)
    yield from ()


def watched(folder, *things):
    lines, heard = [], []
    rounds = watch(folder, TOY, heard.append, sleep=Saves(*things))
    with pytest.raises(KeyboardInterrupt):
        lines.extend(noted(rounds, lines))
    return lines[next(k for k, line in enumerate(lines) if line.startswith("Watching")) :], heard


def test_watching_says_only_what_has_changed(tmp_path):
    code, text = tmp_path / "toy.py", tmp_path / "writeup.md"
    code.write_text("def double(x):\n    return 2 * x\n", encoding="utf-8")
    text.write_text("# 1. Numbers\n\n(a)\n\nAnswer: yes\n", encoding="utf-8")
    lines, heard = watched(
        tmp_path,
        lambda: None,
        lambda: code.write_text("def double(x):\n    return 2 * x + 1\n", encoding="utf-8"),
        lambda: text.write_text("# 1. Numbers\n\n(a)\n\nAnswer: no\n", encoding="utf-8"),
        lambda: text.write_text("# 1. Numbers\n\n(a)\n\nAnswer:  no\n", encoding="utf-8"),
        lambda: code.unlink(),
    )

    assert lines[1:] == [
        "",
        "Saved: toy.py",
        "  1.code.double: LOOK HERE  of zero is not zero",
        "",
        "Saved: writeup.md",
        "     1.a  read as 'no'",
        "",
        "Saved: writeup.md",
        "Nothing is read or behaves differently.",
        "",
        "Saved: toy.py",
        "1.code.double  no answer found",
    ]
    assert len(heard) == 5


def test_hidden_files_and_byte_code_are_not_watched(tmp_path):
    (tmp_path / "__pycache__").mkdir()
    for name in (".swap", "__pycache__/a.pyc", "toy.py"):
        (tmp_path / name).write_text("", encoding="utf-8")

    assert set(file_stamps(tmp_path)) == {"toy.py"}
    assert set(file_stamps(tmp_path / "toy.py")) == {"toy.py"}


@pytest.mark.parametrize(
    ("changed", "source", "looked_at"),
    [
        ({"toy.py"}, "toy", True),
        ({"toy.py"}, "writeup", False),
        ({"writeup.md"}, "writeup", True),
        ({"writeup.md"}, "toy", False),
        ({"my_helper.py"}, "toy", True),
        ({"course.ipynb"}, "toy", True),
        ({"course.ipynb"}, "writeup", True),
        ({"toy.py"}, "", True),
    ],
)
def test_what_a_save_touches(changed, source, looked_at):
    assert watching._touched(changed, TOY)(source) is looked_at
