"""The journal: what stands, what was in flight, the lock, a full disk, files that are none of ours."""

import os
import sqlite3
import subprocess
import sys

import pytest

from autograder.classroom.journal import JOURNAL, Journal, JournalFailed, Outcome, read_run
from autograder.errors import UsageError

GRADED = Outcome("graded", content="c1", results='{"tests": []}', review={"keys": {"1": ["a"]}}, score=7.0, seconds=0.5)


def test_what_was_ended_stands_and_what_was_in_flight_does_not(tmp_path):
    with Journal(tmp_path) as journal:
        run = journal.begin_run("key", {"suite": 1})
        journal.end(journal.begin(run, "anna"), GRADED)
        journal.begin(run, "ben")
    with Journal(tmp_path) as journal:
        assert journal.last_run() == (run, "key", False)
        assert journal.names(run) == {"anna"}
        assert list(journal.standing(run)) == [("anna", GRADED)]
        assert journal.earlier("key", "anna")[1] == GRADED
        assert journal.earlier("key", "ben") is None
        assert journal.earlier("another key", "anna") is None
        journal.end_run(run)
        assert journal.last_run() == (run, "key", True)
    assert list(read_run(tmp_path)) == [("anna", GRADED)]


def test_a_later_run_takes_over_what_did_not_change(tmp_path):
    with Journal(tmp_path) as journal:
        first = journal.begin_run("key", {})
        number = journal.begin(first, "anna")
        journal.end(number, GRADED)
        second = journal.begin_run("key", {})
        journal.take_over(second, "anna", number)

        assert list(journal.standing(second)) == [("anna", GRADED)]


def test_a_grading_that_is_done_again_replaces_the_one_before(tmp_path):
    with Journal(tmp_path) as journal:
        run = journal.begin_run("key", {})
        journal.end(journal.begin(run, "anna"), Outcome("failed", "killed"))
        journal.end(journal.begin(run, "anna"), GRADED)

        assert list(journal.standing(run)) == [("anna", GRADED)]


@pytest.mark.parametrize(
    ("outcome", "is_final"),
    [
        (GRADED, True),
        (Outcome("unusable", "broken zip"), False),
        (Outcome("failed", "killed"), False),
        (Outcome("graded", results='{"tests": [{"extra_data": {"verdict": "error"}}]}'), False),
    ],
)
def test_only_what_cannot_get_better_stands(outcome, is_final):
    assert outcome.is_final is is_final


def test_a_second_process_is_kept_out_and_told_who_holds_it(tmp_path):
    script = "import sys; from pathlib import Path; from autograder.classroom.journal import Journal; Journal(Path(sys.argv[1]))"
    with Journal(tmp_path):
        ran = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 1
    assert f"another regrade writes there (process {os.getpid()})" in ran.stderr

    with Journal(tmp_path):
        pass  # and let in again afterwards


def test_a_full_disk_is_one_line_and_what_stood_stands(tmp_path):
    with Journal(tmp_path) as journal:
        run = journal.begin_run("key", {})
        journal.end(journal.begin(run, "anna"), GRADED)
        journal._db.execute(f"PRAGMA max_page_count = {journal._db.execute('PRAGMA page_count').fetchone()[0]}")
        number = journal.begin(run, "ben")
        with pytest.raises(JournalFailed, match="the disk is full; nothing that was graded is lost") as caught:
            journal.end(number, Outcome("graded", results=os.urandom(200_000).hex()))
        assert "\n" not in str(caught.value)
    assert [name for name, _ in read_run(tmp_path)] == ["anna"]


def test_files_of_others_are_refused(tmp_path):
    (tmp_path / JOURNAL).write_text("no database at all, but long enough to be read as one" * 40, encoding="utf-8")
    with pytest.raises(UsageError, match="no journal of ours"):
        Journal(tmp_path)

    (tmp_path / "new").mkdir()
    database = sqlite3.connect(tmp_path / "new" / JOURNAL)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(UsageError, match="version 99"):
        Journal(tmp_path / "new")


def test_a_folder_without_a_journal_is_said(tmp_path):
    with pytest.raises(UsageError, match="no journal"):
        list(read_run(tmp_path))
