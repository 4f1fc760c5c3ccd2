"""The command line: one function per command, exit codes in one place.

0: the command did its job, whatever the score. 1: the grader itself failed, or a verdict is `error`.
2: unusable arguments or input; exactly one line on standard error, and nothing is written.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Abort, Exit, TyperException

from autograder.errors import AutograderError, UsageError

app = typer.Typer(
    name="autograder",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

AssignmentOption = Annotated[str, typer.Option("--assignment", help="Name of an assignment beside the package, or the path of one.")]
ProfileOption = Annotated[str, typer.Option("--profile", help="Which parts count: one of the assignment's profiles.")]
DeadlineOption = Annotated[float | None, typer.Option("--deadline", help="Seconds for the whole grading, wall clock.")]
OverridesOption = Annotated[Path | None, typer.Option("--overrides", help="Decisions of persons, as `autograder review` writes them.")]

BEGAN = time.monotonic()
"""The time for a grading counts from here: our own imports are part of it."""

GRADER_FAILED = 1
UNUSABLE = 2


@app.callback()
def without_command(context: typer.Context) -> None:
    """Grades, checks and regrades submissions to a mathematical machine-learning homework."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def grade(
    submission: Annotated[Path, typer.Argument(help="A folder, a .zip, one .ipynb, or one .md or .tex write-up.")],
    assignment: AssignmentOption = "hw0",
    profile: ProfileOption = "full",
    out: Annotated[Path | None, typer.Option("--out", help="Write Gradescope's results.json here.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a page for people here.")] = None,
    deadline: DeadlineOption = None,
    overrides: OverridesOption = None,
    known_as: Annotated[str, typer.Option("--known-as", help="The submission's name in the decisions, if not its folder's.")] = "",
) -> int:
    """Grade one submission and print a table."""
    from autograder.assignment import find_assignment
    from autograder.grading import load_overrides, run
    from autograder.report import page, table

    for target in (out, report):
        writable(target)
    suite = find_assignment(assignment)
    decisions = load_overrides(overrides, suite) if overrides is not None else None
    whole = suite.total_seconds if deadline is None else deadline
    seconds = whole - min(time.monotonic() - BEGAN, whole / 2)
    result = run.grade(submission, suite, profile, seconds=seconds, out=out, overrides=decisions, known_as=known_as)
    console = table.console()
    for note in result.notes:
        console.print(note, markup=False)
    console.print(table.table(result))
    if report is not None:
        page.write(result, report)
    for path, what in ((out, "results.json for Gradescope"), (report, "the report")):
        if path is not None:
            console.print(f"{what}: {path}", markup=False)
    return GRADER_FAILED if any(entry.verdict.kind == "error" for entry in result.entries) else 0


@app.command()
def check(
    submission: Annotated[Path, typer.Argument(help="What you are about to hand in; the current folder by default.")] = Path(),
    assignment: AssignmentOption = "hw0",
    report: Annotated[Path | None, typer.Option("--report", help="Write a page with every answer typeset as it is read here.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Keep looking: after every save, check what has changed.")] = False,
) -> int:
    """Check a submission before handing it in: is everything there, how is each answer read, what is visibly wrong."""
    from autograder.check import Finding, sheet_of, write_zip
    from autograder.check import check as checked
    from autograder.check import watch as watched
    from autograder.report import plain, table

    writable(report)
    console, found, sheet = table.console(), list[Finding](), sheet_of(assignment)

    def written(findings: Sequence[Finding]) -> None:
        if report is not None:
            from autograder.report import page

            page.write_check(sheet, submission.resolve().name, findings, report)
            console.print(f"the report: {report}", markup=False)

    try:
        for line in watched(submission, sheet, written) if watch else checked(submission, sheet, found.append):
            console.print(plain(line), markup=False, soft_wrap=True)
    except KeyboardInterrupt:
        if not watch:
            raise
        return 0
    written(found)
    if any(finding.section == "upload" and finding.state != "missing" for finding in found) and sys.stdin.isatty() and sys.stdout.isatty():
        out = Path(f"{sheet.name}-upload.zip")
        if typer.confirm(f"Write them to {out}?", default=False):
            console.print(f"{out}: {write_zip(submission, sheet, out)} files", markup=False)
    return 0


@app.command()
def regrade(
    submissions: Annotated[Path, typer.Argument(help="Gradescope's export (zip or folder), or a folder of submissions.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the journal, results.json of each, grades.csv and a page.")],
    assignment: AssignmentOption = "hw0",
    profile: ProfileOption = "full",
    deadline: DeadlineOption = None,
    jobs: Annotated[int | None, typer.Option("--jobs", help="Submissions graded at the same time; all cores by default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that was stopped or killed.")] = False,
    against: Annotated[Path | None, typer.Option("--against", help="What changed since: an earlier folder, or an export's scores.")] = None,
    overrides: OverridesOption = None,
) -> int:
    """Grade many submissions: results.json of each, grades.csv, a page of the class; a kill loses only what was in flight."""
    from autograder.assignment import find_assignment
    from autograder.classroom import Stopped
    from autograder.classroom import regrade as regraded

    suite = find_assignment(assignment)
    try:
        failed = regraded(
            submissions, out, suite, profile, seconds=deadline, jobs=jobs, resume=resume, overrides=overrides, against=against
        )
    except Stopped as stopped:
        print(f"autograder: {stopped}", file=sys.stderr)
        return GRADER_FAILED
    return GRADER_FAILED if failed else 0


@app.command()
def review(
    folder: Annotated[Path, typer.Argument(help="A folder that `autograder regrade --out` wrote.")],
    overrides: Annotated[Path, typer.Option("--overrides", help="The file that decisions are written to.")] = Path("overrides.toml"),
) -> int:
    """Decide what waits for a person: each answer once, for everyone who gave it, the most frequent first."""
    from autograder.classroom import review as reviewed
    from autograder.report import table

    writable(overrides)
    console = table.console()
    reviewed(folder, overrides, input, lambda line: console.print(line, markup=False, soft_wrap=True))
    return 0


@app.command()
def replay(
    results: Annotated[Path, typer.Argument(help="A results.json.")],
    number: Annotated[str, typer.Argument(help="The entry's number, such as 5.d or 4.code.solve.")],
    submission: Annotated[
        Path | None, typer.Option("--submission", help="Run exactly this evidence on what the submission does now.")
    ] = None,
    script: Annotated[Path | None, typer.Option("--script", help="Write a short script here that shows the difference by itself.")] = None,
    assignment: Annotated[str | None, typer.Option("--assignment", help="By default the one that the results name.")] = None,
) -> int:
    """Show a verdict's evidence again and, with the submission, run that on the same evidence."""
    from autograder.replay import replay as replayed
    from autograder.report import table

    writable(script)
    console = table.console()
    for line in replayed(results, number, submission, assignment=assignment, out=script):
        console.print(line, markup=False, soft_wrap=True)
    return 0


@app.command()
def build(
    out: Annotated[Path | None, typer.Option("--out", help="The zip to write: autograder.zip, or handout.zip, by default.")] = None,
    assignment: AssignmentOption = "hw0",
    profile: ProfileOption = "full",
    torch_index: Annotated[str | None, typer.Option("--torch-index", help="Package index that has CPU builds of torch.")] = None,
    student: Annotated[bool, typer.Option("--student", help="The students' handout: template and check, no reference, no tests.")] = False,
    overrides: OverridesOption = None,
) -> int:
    """Make the zip to upload to Gradescope, or the handout for students."""
    from autograder.assignment import find_assignment
    from autograder.authoring import bundle
    from autograder.report import table

    if student and overrides is not None:
        raise UsageError("--overrides with --student: decisions of persons are no part of the handout; leave one of the two out")
    target = out or Path("handout.zip" if student else "autograder.zip")
    writable(target)
    console, sheet = table.console(), find_assignment(assignment)
    for line in bundle.build_handout(target, sheet) if student else bundle.build(target, sheet, profile, torch_index, overrides):
        console.print(line, markup=False, soft_wrap=True)
    return 0


@app.command()
def equiv(
    cases: Annotated[Path, typer.Argument(help="Cases, one JSON object a line.")],
    prove: Annotated[bool, typer.Option("--prove", help="Let sympy prove as well; a disagreement is an error.")] = False,
) -> int:
    """Decide symbolic equivalence over a corpus: verdicts as JSON lines on standard output, a summary on standard error."""
    try:
        # Not splitlines: texts may hold other ends of line than the file's own.
        lines = cases.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{cases}: cannot be read ({problem}); expected one JSON object a line") from None
    from autograder.algebra import Tally, equiv_lines

    tally = Tally()
    for line in equiv_lines(lines, prove=prove, tally=tally):
        print(line, flush=True)
    print(tally.text(), file=sys.stderr)
    return GRADER_FAILED if tally.has_failed else 0


def writable(path: Path | None) -> None:
    """Raises UsageError where a file could not be written at the path."""
    if path is None:
        return
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(f"{path}: no file can be written there; give a file name in a folder that exists")


def main() -> None:
    """Runs the command line and exits with its code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # terminals that know no ᵀ, and names of files that are no text
    try:
        code = app(standalone_mode=False)
    except UsageError as problem:
        code = refused(str(problem))
    except Exit as done:
        code = done.exit_code
    except TyperException as problem:
        code = refused(problem.format_message())
    except (Abort, KeyboardInterrupt):
        code = refused("stopped")
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives until exit
        code = 0
    except (AutograderError, OSError) as problem:
        print(f"autograder: the grader failed: {problem}", file=sys.stderr)
        code = GRADER_FAILED
    sys.exit(code or 0)


def refused(message: str) -> int:
    """Says what is unusable in one line on standard error."""
    print(f"autograder: {' '.join(message.split())}", file=sys.stderr)
    return UNUSABLE
