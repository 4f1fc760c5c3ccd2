"""What was handed in, honest or hostile, as a private copy."""

import io
import os
import socket
import stat
import struct
import tarfile
import warnings
import zipfile
from pathlib import Path

import pytest
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st
from places import HW0

from autograder.assignment import load_assignment
from autograder.errors import UsageError
from autograder.submission import intake as room
from autograder.submission.intake import open_submission

SHEET = load_assignment(HW0)
FILES = {"writeup.md": b"# 5\n", "ridge.py": b"x = 1\n", "data/points.csv": b"1,2\n"}


def folder(path, files=None):
    for name, content in (FILES if files is None else files).items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def zipped(path, files=None, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in (FILES if files is None else files).items():
            archive.writestr(name, content)
    return path


def opened(path):
    """(files, notes, digest) of a submission."""
    with open_submission(path, SHEET) as one:
        assert all((one.root / name).is_file() and not (one.root / name).is_symlink() for name in one.files)
        return one.files, " ".join(one.notes), one.digest


def test_a_folder_is_copied_and_the_copy_removed(tmp_path):
    source = folder(tmp_path / "given")
    before = {p: p.stat().st_mtime_ns for p in source.rglob("*")}
    with open_submission(source, SHEET) as one:
        root = one.root
        assert one.name == "given"
        assert one.files == ("data/points.csv", "ridge.py", "writeup.md")
        assert stat.S_IMODE(root.stat().st_mode) == 0o700
        assert (root / "ridge.py").read_bytes() == FILES["ridge.py"]
        assert source not in root.parents
        (root / "ridge.py").write_bytes(b"changed")
    assert not root.exists()
    assert {p: p.stat().st_mtime_ns for p in source.rglob("*")} == before
    assert (source / "ridge.py").read_bytes() == FILES["ridge.py"]


def test_the_copy_goes_when_the_body_fails(tmp_path):
    seen = []

    def fails():
        with open_submission(folder(tmp_path / "given"), SHEET) as one:
            seen.append(one.root)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert not seen[0].exists()


def test_one_digest_for_folder_zip_and_nested_forms(tmp_path):
    nested = {f"homework/{name}": content for name, content in FILES.items()}
    forms = [
        folder(tmp_path / "flat"),
        folder(tmp_path / "nested", nested),
        zipped(tmp_path / "flat.zip"),
        zipped(tmp_path / "nested.ZIP", nested),
        zipped(tmp_path / "stored.zip", nested, zipfile.ZIP_STORED),
        zipped(
            tmp_path / "mac.zip",
            {**nested, "__MACOSX/homework/._ridge.py": b"x", "homework/.DS_Store": b"y", "homework/__pycache__/a.pyc": b"z"},
        ),
    ]
    assert len({opened(form)[2] for form in forms}) == 1
    assert {opened(form)[0] for form in forms} == {("data/points.csv", "ridge.py", "writeup.md")}
    assert opened(folder(tmp_path / "other", {**FILES, "ridge.py": b"x = 2\n"}))[2] != opened(forms[0])[2]


def test_names_and_contents_do_not_run_together_in_the_digest(tmp_path):
    one = opened(folder(tmp_path / "one", {"a.py": b"b.pyc", "d.py": b""}))[2]
    assert one != opened(folder(tmp_path / "two", {"a.py": b"b.py", "cd.py": b""}))[2]


def test_letter_case_is_ignored(tmp_path):
    with open_submission(folder(tmp_path / "given", {"WriteUp.MD": b"x", "RIDGE.py": b"y"}), SHEET) as one:
        assert one.find("writeup.md") == one.root / "WriteUp.MD"
        assert one.find("ridge.py") == one.root / "RIDGE.py"
        assert one.find("relu_elbow.py") is None


def test_a_file_one_folder_down_is_found_if_there_is_just_one(tmp_path):
    given_files = {"writeup.md": b"x", "code/ridge.py": b"y", "a/relu_elbow.py": b"1", "b/relu_elbow.py": b"2"}
    with open_submission(folder(tmp_path / "given", given_files), SHEET) as one:
        assert one.find("ridge.py") == one.root / "code" / "ridge.py"
        assert one.find("relu_elbow.py") is None


def test_the_folder_that_holds_the_files_is_the_submission(tmp_path):
    source = folder(tmp_path / "given", {"hw/writeup.md": b"x", "notes.txt": b"y"})
    assert opened(source)[0] == ("notes.txt", "writeup.md")


@pytest.mark.parametrize("name", ["mine.md", "mine.TEX", "mine.ipynb"])
def test_one_file_is_a_submission(tmp_path, name):
    path = tmp_path / name
    path.write_text("x", encoding="utf-8")
    assert opened(path)[0] == (name,)


def test_nothing_usable_is_an_empty_submission(tmp_path):
    (tmp_path / "empty").mkdir()
    assert opened(tmp_path / "empty")[0] == ()
    assert opened(zipped(tmp_path / "empty.zip", {}))[0] == ()
    assert opened(zipped(tmp_path / "junk.zip", {"__MACOSX/a": b"", ".DS_Store": b""}))[0] == ()


def encrypted(path):
    """An archive whose only member is flagged as encrypted."""
    zipped(path, {"ridge.py": b"x = 1"}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    return path


def written(path, data):
    path.write_bytes(data)
    return path


UNUSABLE = {
    "missing": lambda d: d / "missing",
    "missing and strange": lambda d: d / "mis\nsing\x1b[31m",
    "other type": lambda d: written(d / "writeup.docx", b"x"),
    "pdf": lambda d: written(d / "writeup.pdf", b"%PDF"),
    "no type": lambda d: written(d / "writeup", b"x"),
    "no zip": lambda d: written(d / "a.zip", b"this is no archive"),
    "empty zip file": lambda d: written(d / "a.zip", b""),
    "truncated zip": lambda d: written(d / "b.zip", zipped(d / "a.zip").read_bytes()[:60]),
    "encrypted zip": lambda d: encrypted(d / "a.zip"),
    "device": lambda d: Path("/dev/null"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_cannot_be_a_submission_is_refused_in_one_line(tmp_path, kind):
    with pytest.raises(UsageError) as caught, open_submission(UNUSABLE[kind](tmp_path), SHEET):
        pass
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    assert said.isprintable()
    assert "accepted" in said


def test_a_folder_that_may_not_be_read_is_refused(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0)
    if os.access(locked, os.R_OK):
        pytest.skip("root may read everything")
    with pytest.raises(UsageError, match="permission denied"), open_submission(locked, SHEET):
        pass


def raw_zip(path, members):
    """An archive with names that zipfile would not write itself: (name, content, external attributes)."""
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for name, content, attributes in members:
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.external_attr = attributes
            archive.writestr(info, content)
    return path


LINK = (stat.S_IFLNK | 0o777) << 16
FIFO = (stat.S_IFIFO | 0o777) << 16


def test_hostile_members_are_skipped_and_said(tmp_path):
    outside = tmp_path / "outside.txt"
    path = raw_zip(
        tmp_path / "a.zip",
        [
            ("ridge.py", b"good", 0),
            ("../outside.txt", b"bad", 0),
            ("a/../../outside.txt", b"bad", 0),
            (str(outside), b"bad", 0),
            ("C:\\outside.txt", b"bad", 0),
            ("..\\outside.txt", b"bad", 0),
            ("link.py", b"/etc/passwd", LINK),
            ("pipe.py", b"", FIFO),
            ("d/" * 40 + "deep.py", b"bad", 0),
            ("n" * 250 + ".py", b"bad", 0),
            ("inner.zip", b"PK", 0),
            ("\x1b[31mred\n.py", b"odd", 0),
        ],
    )
    files, notes, _ = opened(path)

    assert files == ("_[31mred_.py", "inner.zip", "ridge.py")
    assert not outside.exists()
    for said in ("leads out", "absolute", "a link", "special file", "deeper", "more than", "not opened", "strange name"):
        assert said in notes
    assert notes.isprintable()


def test_two_members_of_one_name(tmp_path):
    path = raw_zip(tmp_path / "a.zip", [("ridge.py", b"first", 0), ("ridge.py", b"second", 0), ("Ridge.py", b"other", 0)])
    with open_submission(path, SHEET) as one:
        assert one.files == ("ridge.py",)
        assert (one.root / "ridge.py").read_bytes() == b"second"
        assert "more than once" in " ".join(one.notes)
        assert "letter case" in " ".join(one.notes)


def test_a_file_and_a_folder_of_one_name(tmp_path):
    path = raw_zip(tmp_path / "a.zip", [("ridge.py", b"file", 0), ("ridge.py/x.py", b"inside", 0), ("writeup.md", b"y", 0)])
    files, notes, _ = opened(path)
    assert files == ("ridge.py", "writeup.md")
    assert "both a file and a folder" in notes


def test_a_bomb_is_stopped_while_it_unpacks(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "RATIO_ALLOWANCE", 1000)
    files, notes, _ = opened(zipped(tmp_path / "a.zip", {"bomb.py": b"\0" * 3_000_000, "ridge.py": b"x"}))
    assert files == ("ridge.py",)
    assert "larger than our limits" in notes


def test_a_size_that_lies_is_found_out(tmp_path):
    path = zipped(tmp_path / "a.zip", {"ridge.py": b"x" * 5000, "writeup.md": b"y"})
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02") + 24
    data[place : place + 4] = struct.pack("<I", 10)
    path.write_bytes(data)
    files, _, _ = opened(path)
    assert "writeup.md" in files


def test_a_broken_member_costs_only_itself(tmp_path):
    path = zipped(tmp_path / "a.zip", {"ridge.py": b"abcdefgh" * 20, "writeup.md": b"y"}, zipfile.ZIP_STORED)
    data = path.read_bytes().replace(b"abcdefgh", b"abcdefgx", 1)
    path.write_bytes(data)
    files, notes, _ = opened(path)
    assert files == ("writeup.md",)
    assert "cannot be read" in notes


def test_caps_hold_for_folders_too(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MAX_FILE_BYTES", 100)
    monkeypatch.setattr(room, "MAX_TOTAL_BYTES", 150)
    source = folder(tmp_path / "given", {"big.bin": b"x" * 101, "ridge.py": b"x" * 90, "writeup.md": b"y" * 50, "z.txt": b"z" * 90})
    files, notes, _ = opened(source)
    assert files == ("ridge.py", "writeup.md")
    assert "big.bin" in notes
    assert "z.txt" in notes


def test_a_flood_of_files_displaces_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MAX_FILES", 10)
    flood = {f"a{n:03}.txt": b"" for n in range(50)}
    for path in (folder(tmp_path / "given", {**flood, **FILES}), zipped(tmp_path / "a.zip", {**flood, **FILES})):
        files, notes, _ = opened(path)
        assert len(files) == 10
        assert {"ridge.py", "writeup.md"} <= set(files)
        assert "more than 10 files" in notes


def test_an_archive_of_very_many_members_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MAX_SEEN", 20)
    with (
        pytest.raises(UsageError, match="more than 20"),
        open_submission(zipped(tmp_path / "a.zip", {f"{n}.py": b"" for n in range(30)}), SHEET),
    ):
        pass
    files, notes, _ = opened(folder(tmp_path / "given", {f"{n:02}.py": b"" for n in range(30)}))
    assert len(files) == 20
    assert "not looked at" in notes


def test_an_archive_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MAX_ARCHIVE_BYTES", 10)
    with pytest.raises(UsageError, match="at most 10"), open_submission(zipped(tmp_path / "a.zip"), SHEET):
        pass


def test_links_pipes_and_sockets_of_a_folder_are_skipped(tmp_path, monkeypatch):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret", encoding="utf-8")
    source = folder(tmp_path / "given")
    (source / "link.py").symlink_to(secret)
    (source / "loop").symlink_to(source)
    os.mkfifo(source / "pipe.py")
    monkeypatch.chdir(source)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.py")
        files, notes, _ = opened(source)
    assert files == ("data/points.csv", "ridge.py", "writeup.md")
    assert notes.count("is a link") == 2
    assert notes.count("no regular file") == 2


def test_strange_names_of_a_folder_are_made_safe(tmp_path):
    source = folder(tmp_path / "given")
    Path(os.fsdecode(os.fsencode(source) + b"/\xff\xfe.py")).write_bytes(b"x")
    (source / "new\nline.py").write_bytes(b"x")
    files, notes, _ = opened(source)
    assert "__.py" in files
    assert "new_line.py" in files
    assert notes.count("strange name") == 2


def test_many_notes_are_counted(tmp_path):
    source = folder(tmp_path / "given")
    for n in range(30):
        (source / f"link{n}").symlink_to(source)
    with open_submission(source, SHEET) as one:
        assert len(one.notes) == room.MAX_NOTES + 1
        assert one.notes[-1].startswith("There are 10 more")


def test_a_tar_is_no_submission(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("x.py"), io.BytesIO())
    with pytest.raises(UsageError), open_submission(tmp_path / "a.tar", SHEET):
        pass


@examples(60)
@given(st.data())
def test_a_damaged_archive_is_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "a.zip"
    content = bytearray(zipped(path).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    refused = ""
    try:
        opened(path)
    except UsageError as why:
        refused = str(why)
    assert "\n" not in refused


@pytest.mark.parametrize("form", ["in a folder", "nested in a folder", "in a zip", "with a folder in it"])
def test_a_zip_that_is_all_that_was_handed_in_is_opened(tmp_path, form):
    folder = tmp_path / "anna" / ("deep" if form == "nested in a folder" else "")
    folder.mkdir(parents=True)
    around = "hw/" if form == "with a folder in it" else ""
    with zipfile.ZipFile(folder / "hw.zip", "w") as archive:
        archive.writestr(f"{around}writeup.md", "# 1\n")
        archive.writestr(f"{around}linear.py", "A = 1\n")
        archive.writestr(f"{around}hw.zip/inner.py", "B = 1\n")
    path = tmp_path / "anna"
    if form == "in a zip":
        path = tmp_path / "outer.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(folder / "hw.zip", "hw.zip")
    with open_submission(path, SHEET) as submission:
        assert submission.files == ("hw.zip/inner.py", "linear.py", "writeup.md")
        assert (submission.root / "linear.py").read_text(encoding="utf-8") == "A = 1\n"
        assert sorted(p.name for p in submission.root.iterdir()) == ["hw.zip", "linear.py", "writeup.md"]
        assert any("is all that was handed in: its files were taken out of it" in note for note in submission.notes)


def test_a_zip_beside_other_files_or_inside_another_stays_closed(tmp_path):
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "writeup.md").write_text("# 1\n", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as archive:
        archive.writestr("linear.py", "A = 1\n")
    with zipfile.ZipFile(tmp_path / "middle.zip", "w") as archive:
        archive.write(tmp_path / "inner.zip", "inner.zip")
    with zipfile.ZipFile(tmp_path / "anna" / "hw.zip", "w") as archive:
        archive.write(tmp_path / "inner.zip", "inner.zip")
    with open_submission(tmp_path / "anna", SHEET) as submission:
        assert submission.files == ("hw.zip", "writeup.md")
    (tmp_path / "anna" / "writeup.md").unlink()
    with open_submission(tmp_path / "anna", SHEET) as submission:
        assert submission.files == ("inner.zip",)
        assert any("inner.zip is an archive inside the submission" in note for note in submission.notes)


@pytest.mark.parametrize("content", [b"PK\x03\x04 broken", b"", b"no zip"])
def test_a_zip_alone_that_cannot_be_read_is_said(tmp_path, content):
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "hw.zip").write_bytes(content)
    with open_submission(tmp_path / "anna", SHEET) as submission:
        assert submission.files == ("hw.zip",)
        assert any("no file could be taken out of it" in note for note in submission.notes)
        assert [p.name for p in submission.root.iterdir()] == ["hw.zip"]
