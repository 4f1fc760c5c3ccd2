"""What a class handed in: Gradescope's export as zip and folder, plain folders, and everything odd about them."""

import re
import shutil
import time
import unicodedata
import zipfile

import pytest
import yaml
from submissions.made_up import zipped

from autograder.errors import UsageError
from autograder.submission.export import METADATA, Handed, Person, SubmissionNames, check_metadata, metadata, read_class

METADATA_TEXT = """\
---
submission_11:
  :submitters:
  - :name: Ann O'Neil
    :sid: '0012'
    :email: ann@example.edu
  - :name: "=cmd()|' /C calc'!A0"
    :sid: 34
  :created_at: 2024-09-06 23:59:58.123456789 -07:00
  :score: 61.5
  :status: processed
  :results:
    tests:
    - number: '1.a'
      score: 3
  :history:
  - :id: 9
    :created_at: 2024-09-05 10:00:00.000000000 Z
    :score: 12.0
submission_12: !ruby/hash:ActiveSupport::HashWithIndifferentAccess
  :submitters:
  - :name: ! 'Zoë'
    :sid:
    :email:
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: 2024-09-07 06:59:58.000000000 Z
  :score: .nan
submission_13:
  :submitters: []
  :created_at: soon
submission_14: nonsense
"""


def export(folder, text=METADATA_TEXT, names=("submission_11", "submission_12", "submission_20")):
    """A folder as Gradescope's export has it."""
    root = folder / "assignment_5_export"
    for name in names:
        (root / name).mkdir(parents=True)
        (root / name / "toy.py").write_text(f"# {name}\n", encoding="utf-8")
    (root / "__MACOSX").mkdir()
    (root / ".DS_Store").write_bytes(b"noise")
    (root / METADATA).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("form", ["folder", "around", "zip"])
def test_an_export_in_every_form(tmp_path, form):
    root = export(tmp_path / "class")
    path = {"folder": root, "around": root.parent, "zip": None}[form] or zipped(root, tmp_path / "export.zip")
    room = read_class(path)
    handed = {h.name: h for h in room.handed}

    assert list(handed) == ["submission_11", "submission_12", "submission_13", "submission_20"]
    eleven = handed["submission_11"]
    assert eleven.people == (Person("Ann O'Neil", "0012", "ann@example.edu"), Person("=cmd()|' /C calc'!A0", "34", ""))
    assert eleven.submitted == "2024-09-06T23:59:58.123456-07:00"
    assert eleven.score == 61.5
    assert eleven.late is None
    assert handed["submission_12"].people == (Person("Zoë"),)
    assert handed["submission_12"].score is None
    assert handed["submission_13"].place == ""
    assert handed["submission_20"].people == ()

    (tmp_path / "scratch").mkdir()
    source = room.open()
    found = source.submission(eleven, tmp_path / "scratch")
    assert (found / "toy.py").read_text(encoding="utf-8") == "# submission_11\n"
    with pytest.raises(UsageError, match="holds no folder"):
        source.submission(handed["submission_13"], tmp_path / "scratch")


def test_seconds_late_where_the_due_date_is_known(tmp_path):
    text = (
        ":assignment:\n  :due_date: 2024-09-06 23:59:00 -07:00\nsubmission_1:\n  :created_at: 2024-09-07 00:00:01 -07:00\n"
        "submission_2:\n  :created_at: 2024-09-01 00:00:00 -07:00\n"
    )
    handed = {h.name: h for h in read_class(export(tmp_path, text, ("submission_1", "submission_2"))).handed}

    assert (handed["submission_1"].late, handed["submission_2"].late) == (61.0, 0.0)


def test_the_pure_python_loader_reads_the_same(tmp_path, monkeypatch):
    root = export(tmp_path)
    fast = metadata(root)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)

    assert metadata(root)["submission_11"] == fast["submission_11"]
    assert fast["submission_11"]["results"]["tests"] == [{"number": "1.a", "score": 3}]
    assert fast["submission_11"]["history"][0]["score"] == 12.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n- b\n", "no list of submissions"),
        ("anna:\n  grade: 3\n", "no list of submissions"),
        ("submission_1: words\n", "no list of submissions"),
        ("a: [1, 2\nb: 3\n", "no YAML at line"),
        ("!!python/object:os.system {}", "no YAML"),
        (f"submission_11:\n  :score: {'9' * 10_000}\n", "no YAML of an export"),
        ("submission_11:\n  :created_at: 2024-13-41\n", "no YAML of an export"),
        ("? [a, b]\n: 1\n", "no YAML"),
        (f"submission_11: {'[' * 900}{']' * 900}", "holds too much, or is nested too deeply"),
        (f"submission_11: {'[' * 20_000}", "no YAML|nested too deeply|ended without a result"),
        ("a: &a [1]\nb: &b {x: *a}\nc: {<<: *b}\n", "no YAML"),
        ("submission_11: &a\n  :submitters: *a\n", "no YAML|nested too deeply|ended without a result"),
    ],
)
def test_metadata_that_cannot_be_used_are_one_line_and_the_folders_are_graded(tmp_path, text, said):
    """Also where nothing is left to grade: then the line is the error, and so it is for what earlier scores are taken from."""
    root = export(tmp_path, text)
    room = read_class(root)

    assert [(h.name, h.people) for h in room.handed] == [(f"submission_{n}", ()) for n in (11, 12, 20)]
    (note,) = room.notes
    assert re.search(said, note)
    assert "\n" not in note
    if "grade" not in text and "words" not in text:  # earlier scores may be listed under any names
        with pytest.raises(UsageError, match=said):
            check_metadata(root)
    for name in ("submission_11", "submission_12", "submission_20"):
        shutil.rmtree(root / name)
    with pytest.raises(UsageError, match=said):
        read_class(root)


def test_aliases_that_stand_for_billions_are_refused_within_a_cap(tmp_path, monkeypatch):
    monkeypatch.setattr("autograder.submission.export.MAX_VALUES", 100_000)
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    room = read_class(export(tmp_path, "\n".join([*lines, "submission_11:\n  :submitters: []"])))

    assert "holds too much" in room.notes[0]


def test_a_few_aliases_as_ruby_writes_them_are_read(tmp_path):
    text = "submission_11:\n  :submitters: &s\n  - :name: Ann\nsubmission_12:\n  :submitters: *s\n"
    handed = {h.name: h for h in read_class(export(tmp_path, text)).handed}

    assert handed["submission_11"].people == handed["submission_12"].people == (Person("Ann"),)


def test_metadata_that_fill_the_memory_or_hang_cost_a_line(tmp_path, monkeypatch):
    root = export(tmp_path)
    monkeypatch.setattr("autograder.submission.export.MAX_METADATA_BYTES", 100)
    assert "larger than 100 bytes" in read_class(root).notes[0]
    monkeypatch.undo()
    monkeypatch.setattr("autograder.submission.export.metadata", lambda *_: bytearray(2**33))
    assert "MemoryError" in read_class(root).notes[0]
    monkeypatch.setattr("autograder.submission.export.metadata", lambda *_: time.sleep(60))
    monkeypatch.setattr("autograder.submission.export.METADATA_SECONDS", 0.2)
    assert "no result within" in read_class(root).notes[0]


FORGED = """submission_66:
  :submitters:
  - :name: Nobody
    :sid: '66'
submission_67:
  :submitters: []
"""


@pytest.mark.parametrize("form", ["folder", "zip", "zip of folders"])
@pytest.mark.parametrize("below", ["", "deep/deeper/"])
def test_metadata_inside_a_submission_are_a_file_of_it(tmp_path, form, below):
    root = tmp_path / "class"
    for name in ("anna", "ben"):
        (root / name / below).mkdir(parents=True)
        (root / name / "toy.py").write_text("A = 1\n", encoding="utf-8")
    (root / "anna" / below / METADATA).write_text(FORGED, encoding="utf-8")
    (root / "anna" / "submission_66").mkdir()
    path = root
    if form != "folder":
        path = tmp_path / "class.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(root.rglob("*")):
                archive.write(file, file.relative_to(root if form == "zip of folders" else tmp_path).as_posix())
    room = read_class(path)

    assert [(h.name, h.people) for h in room.handed] == [("anna", ()), ("ben", ())]
    assert room.notes == ()


def test_a_lone_submission_that_brings_metadata_stays_one_submission(tmp_path):
    (tmp_path / "class" / "anna").mkdir(parents=True)
    (tmp_path / "class" / "anna" / "toy.py").write_text("A = 1\n", encoding="utf-8")
    (tmp_path / "class" / "anna" / METADATA).write_text(FORGED, encoding="utf-8")

    assert [h.name for h in read_class(tmp_path / "class").handed] == ["anna"]


def test_records_that_are_no_submissions_are_not_taken_for_some(tmp_path):
    room = read_class(export(tmp_path, METADATA_TEXT + "forged:\n  :submitters: []\n../out:\n  :submitters: []\n"))

    assert [h.name for h in room.handed] == ["submission_11", "submission_12", "submission_13", "submission_20"]


HOSTILE_NAMES = (
    *("journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "Journal.SQLite-journal", "journal.lock", "grades.csv", "class.html"),
    *("CLASS.HTML", "class.html_", "class.html.", "class.html ", "changes.html", "changes.csv", "overrides.toml", "overrides.toml.bak"),
    *("anna", "Anna", "anna.", "anna..", "ANNA", "ａｎｎａ", "anna_", "café", "cafe\u0301", "straße", "STRASSE", "\u202eanna", "_anna"),
    *("\udcff", "\udcfe", "a\nb", "a\tb", "a_b", "é" * 300, "é" * 301, ".", "...", " ", "submission class.html", "review.json"),
)


def test_names_of_results_meet_neither_ours_nor_each_other():
    """On file systems that ignore letter case, normal forms, final dots and blanks, too."""

    def seen(name):
        return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).rstrip(" .")

    for order in (HOSTILE_NAMES, HOSTILE_NAMES[::-1], sorted(HOSTILE_NAMES)):
        names = SubmissionNames()
        taken = [names.take(name) for name in order]

        assert len({seen(name) for name in taken}) == len(order)
        assert not [n for n in taken if seen(n).startswith(("journal.", "grades.", "class.", "changes.", "overrides.", "review."))]
        assert not [n for n in taken if "/" in n or not n.isprintable() or n.startswith((".", " ")) or len(n.encode()) > 255]


def test_ordinary_names_stay_as_they_are():
    names = SubmissionNames()
    for name in ("submission_11", "anna", "ben.zip", "Zoë O'Neil", "class", "journal", "class_html", "grades"):
        assert names.take(name) == name


def test_many_names_that_become_one_are_told_apart_in_no_time():
    names = SubmissionNames()
    began = time.process_time()
    assert len({names.take("a" * 300 + str(n)) for n in range(20_000)}) == 20_000
    assert time.process_time() - began < 20


def test_a_folder_of_folders_zips_and_single_files(tmp_path):
    (tmp_path / "anna").mkdir()
    (tmp_path / "ben.zip").write_bytes(b"PK broken")
    (tmp_path / "carl.md").write_text("# 1\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no submission", encoding="utf-8")
    (tmp_path / ".git").mkdir()
    room = read_class(tmp_path)

    assert [h.name for h in room.handed] == ["anna", "ben.zip", "carl.md"]
    assert room.open().submission(room.handed[2], tmp_path) == tmp_path / "carl.md"


def test_an_archive_of_folders_and_zips(tmp_path):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("class/anna/toy.py", "A = 1\n")
        archive.writestr("class/anna/sub/b.py", "B = 1\n")
        archive.writestr("class/ben.zip", b"PK broken")
        archive.writestr("class/../../out.py", "evil")
        archive.writestr("/abs/olute.py", "evil")
        archive.writestr("__MACOSX/class/._anna", "noise")
    room = read_class(path)
    assert [h.name for h in room.handed] == ["anna", "ben.zip"]

    source = room.open()
    for handed in room.handed:
        (tmp_path / f"for {handed.name}").mkdir()
    anna = source.submission(room.handed[0], tmp_path / "for anna")
    assert sorted(p.relative_to(anna).as_posix() for p in anna.rglob("*.py")) == ["sub/b.py", "toy.py"]
    assert source.submission(room.handed[1], tmp_path / "for ben.zip").read_bytes() == b"PK broken"
    assert not (tmp_path / "out.py").exists()


def test_a_damaged_member_is_the_exports_fault_and_says_so(tmp_path):
    path = zipped(export(tmp_path / "class"), tmp_path / "export.zip", zipfile.ZIP_STORED)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"# submission_11", b"# submission_99"))
    room = read_class(path)
    (tmp_path / "scratch").mkdir()

    with pytest.raises(UsageError, match="damaged in the export"):
        room.open().submission(room.handed[0], tmp_path / "scratch")


def test_odd_names_are_made_printable_and_stay_apart(tmp_path):
    for name in ("a\nb", "a\tb", "\udcff", "Zoë"):
        (tmp_path / name).mkdir()
    names = [h.name for h in read_class(tmp_path).handed]

    assert sorted(names) == sorted(["a_b", "a_b (2)", "Zoë", "\ufffd"])


@pytest.mark.parametrize("kind", ["nowhere", "text", "broken", "empty"])
def test_what_is_no_class_is_one_line_with_what_would_be_accepted(tmp_path, kind):
    path = tmp_path / {"broken": "class.zip", "text": "class.txt"}.get(kind, kind)
    if kind == "empty":
        path.mkdir()
    elif kind != "nowhere":
        path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(UsageError, match="give Gradescope's export") as caught:
        read_class(path)
    assert "\n" not in str(caught.value)


def test_a_handed_in_submission_is_small(tmp_path):
    """A class is held in memory as names and places, never as results."""
    assert set(Handed.__dataclass_fields__) == {"name", "place", "people", "submitted", "late", "score"}


def test_a_name_is_never_longer_than_a_file_system_takes(tmp_path):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"class/{'é' * 300}/toy.py", "A = 1\n")
        archive.writestr("class/b/toy.py", "A = 1\n")

    assert max(len(h.name.encode()) for h in read_class(path).handed) == 200
