"""The decider over corpora of cases with known truth: its own, and the shared one where that is at hand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import CORPORA, SHARED

from autograder.algebra import Tally, equiv_lines
from autograder.algebra.equivalence.corpus import read_case
from autograder.algebra.equivalence.decision import decide
from autograder.algebra.notation.declare import cached_symbols
from autograder.errors import UsageError

OWN = CORPORA / "symbolic.jsonl"
DEVELOPMENT = SHARED / "corpus" / "symbolic-dev.jsonl"
COVERED_BY_REPLAY = 0.4


@lru_cache(maxsize=2)
def judged(path: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each case with its verdict."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(zip(map(json.loads, lines), map(json.loads, equiv_lines(lines)), strict=True))


def corpora() -> list[Path]:
    return [OWN, DEVELOPMENT]


@pytest.fixture(params=corpora(), ids=["own", "shared"])
def results(request):
    if not request.param.exists():
        pytest.skip("the shared corpus is not at hand")
    return judged(request.param)


def test_no_case_is_accepted_that_is_not_equivalent(results):
    wrong = [(c["id"], c["answer"]) for c, r in results if r["verdict"] == "equivalent" != c["verdict"]]
    assert not wrong


def test_every_verdict_is_right(results):
    wrong = [(c["id"], c["answer"], r["verdict"], r["reason"]) for c, r in results if r["verdict"] != c["verdict"]]
    assert not wrong


def test_nine_slips_in_ten_are_named(results):
    labelled = [(c, r) for c, r in results if c["diagnosis"]]
    right = [c for c, r in labelled if (r["diagnosis"] or "").partition(":")[0] == c["diagnosis"].partition(":")[0]]
    assert len(right) >= 0.9 * len(labelled)


def test_every_line_keeps_its_promises(results):
    for case, result in results:
        assert result["id"] == case["id"]
        if result["verdict"] == "different":
            witness = result["witness"]
            assert set(witness) in ({"values", "expected_value", "answer_value"}, {"expected_shape", "answer_shape"}), case
            if "values" in witness:
                assert set(witness["values"]) == set(case["symbols"])
        else:
            assert result["witness"] is None
            assert result["diagnosis"] is None
        if result["verdict"] == "unreadable":
            assert result["reason"]
            assert 0 <= result["offset"] <= len(case["answer"])
        if result["verdict"] in ("equivalent", "different"):
            assert result["method"] in ("sympy", "normal-form", "exact", "numeric")


# --- a second opinion on the witnesses: a few lines that share nothing with the package


def number(x: Any) -> float:
    """A number of a witness: a fraction is a text."""
    top, _, bottom = str(x).partition("/")
    return float(top) / float(bottom or 1)


def array(x: Any) -> np.ndarray:
    return np.array([[number(y) for y in row] for row in x]) if isinstance(x, list) else np.array([[number(x)]])


class Replay:
    """Sums and products of one-letter names with transposes, inverses and small powers, in LaTeX or plain text."""

    def __init__(self, text: str, values: dict[str, Any]) -> None:
        if re.search(r"\{?1\}?(\^|')", text):
            raise NotImplementedError  # a vector of ones
        text = re.sub(r"\\(mathbf|left|right|,|mathrm|boldsymbol|displaystyle)|\$", "", text.strip())
        text = text.replace("\\top", "T").replace("\\operatorname{tr}", "!").replace("\\lambda", "l").replace("\\sigma", "s")
        text = (
            re.sub(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", text)
            .replace("{", "(")
            .replace("}", ")")
            .replace("'", "^T")
            .replace("@", "")
        )
        if re.search(r"[\\_|=,\[\]&<>]|[a-z]{2}\(|\.T|\*\*|np|inv|tr|norm", text):
            raise NotImplementedError
        self.tokens = re.findall(r"\d+(?:\.\d+)?|\S", text)
        self.values = values

    def peek(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def sum(self) -> np.ndarray:
        sign = -1.0 if self.peek() == "-" and self.tokens.pop(0) else 1.0
        total = sign * self.product()
        while self.peek() in ("+", "-"):
            sign = -1.0 if self.tokens.pop(0) == "-" else 1.0
            term = self.product()
            assert term.shape == total.shape
            total = total + sign * term
        return total

    def product(self) -> np.ndarray:
        factors = [self.factor()]
        while self.peek() and self.peek() not in "+-)":
            if self.peek() == "*":
                self.tokens.pop(0)
            if self.peek() == "/":
                self.tokens.pop(0)
                factors.append(1.0 / self.factor())
                assert factors[-1].shape == (1, 1)
            else:
                factors.append(self.factor())
        return self.join(factors)

    def join(self, factors: list[np.ndarray]) -> np.ndarray:
        if len(factors) == 1:
            return factors[0]
        for k in range(len(factors) - 1, 0, -1):
            try:
                a, b = self.join(factors[:k]), self.join(factors[k:])
            except ValueError:
                continue
            if 1 in (a.size, b.size) or a.shape[1] == b.shape[0]:
                return a * b if 1 in (a.size, b.size) else a @ b
        raise ValueError

    def factor(self) -> np.ndarray:
        token = self.tokens.pop(0)
        if token == "!":
            out = np.array([[np.trace(self.factor())]])
        elif token == "(":
            out = self.sum()
            assert self.tokens.pop(0) == ")"
        elif token in self.values:
            out = self.values[token]
        elif token[0].isdigit():
            out = np.array([[float(token)]])
        else:
            raise NotImplementedError
        while self.peek() == "^":
            self.tokens.pop(0)
            power = self.tokens.pop(0)
            if power == "(":
                power = "".join(iter(lambda: self.tokens.pop(0), ")"))
            elif power == "-":
                power += self.tokens.pop(0)
            if power.endswith("T"):
                out, power = out.T, power[:-1] + "1"
            out = np.linalg.matrix_power(out, int(power)) if power != "1" else out
        return out


def test_witnesses_are_confirmed_by_an_independent_script(results):
    replayed = total = 0
    for case, result in results:
        witness = result["witness"]
        if not witness or "values" not in witness or result["method"] == "numeric":
            continue
        total += 1
        values = {name.replace("\\", "").replace("lambda", "l").replace("sigma", "s"): array(v) for name, v in witness["values"].items()}
        for key, text in (("expected_value", case["expected"]), ("answer_value", case["answer"])):
            try:
                value = Replay(text, values).sum()
            except (NotImplementedError, ValueError, AssertionError, IndexError):
                break
            assert np.allclose(value, array(witness[key]), rtol=1e-9, atol=1e-9), case
        else:
            assert not np.allclose(array(witness["expected_value"]), array(witness["answer_value"]), rtol=1e-12, atol=1e-12)
            replayed += 1
    assert replayed >= COVERED_BY_REPLAY * total, f"{replayed} of {total}"


# --- the command's lines


CASE = {"id": "q", "symbols": {"x": "vector n", "A": "matrix n n"}, "expected": "A x", "answer": "Ax"}


def test_lines_stream_and_are_counted():
    tally = Tally()
    lines = (json.dumps(CASE | {"answer": a}) for a in ("Ax", "A^T x", "", "xA"))
    outputs = equiv_lines(lines, tally=tally)
    assert json.loads(next(outputs))["verdict"] == "equivalent"
    assert tally.verdicts == Counter(equivalent=1)
    assert [json.loads(line)["verdict"] for line in outputs] == ["different", "unreadable", "different"]
    assert tally.text().startswith("4 cases: 2 different, 1 equivalent, 1 unreadable (decided by:")
    assert not tally.has_failed


def test_blank_lines_are_no_cases():
    assert list(equiv_lines(["\n", "  \n"])) == []


def test_sympy_is_named_where_it_proves_and_disagreement_is_an_error(monkeypatch):
    tally = Tally()
    line = json.dumps(CASE | {"answer": "(x^T A^T)^T"})
    assert json.loads(next(equiv_lines([line], prove=True, tally=tally)))["method"] == "sympy"
    assert tally.proved == 1
    monkeypatch.setattr("autograder.algebra.equivalence.sympy_bridge.proved", lambda *_: True)
    wrong = json.dumps(CASE | {"answer": "A^T x"})
    tally = Tally()
    result = json.loads(next(equiv_lines([wrong], prove=True, tally=tally)))
    assert result["verdict"] == "error"
    assert tally.has_failed
    assert "sympy" in result["reason"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 7 is no JSON"),
        ("[" * 100_000, "line 7 is no JSON"),
        ("[]", "line 7 is no JSON object"),
        ('{"id": 1}', "line 7 lacks 'symbols'"),
        (json.dumps(CASE | {"symbols": []}), "'symbols' is no object"),
        (json.dumps(CASE | {"symbols": {"x": 1}}), "'symbols' is no object"),
        (json.dumps(CASE | {"answer": None}), "'answer' is no text"),
        (json.dumps(CASE | {"expected": 3}), "'expected' is no text"),
    ],
)
def test_a_line_that_is_no_case_is_named(line, says):
    with pytest.raises(UsageError, match=re.escape(says)):
        read_case(line, 7)


@pytest.mark.parametrize("change", [{"symbols": {"x": "tensor n"}}, {"expected": "A q"}, {"expected": "A x^T"}, {"expected": "x" * 9000}])
def test_a_case_that_cannot_be_used_is_undecided_with_the_reason(change):
    result = json.loads(next(equiv_lines([json.dumps(CASE | change)])))
    assert result["verdict"] == "undecided"
    assert result["reason"].startswith("the case cannot be used: ")


def test_the_two_arguments_are_treated_alike():
    cases = [c for c, _ in judged(OWN) if c["verdict"] in ("equivalent", "different")]
    for case in cases[:: max(1, len(cases) // 100)]:
        table = cached_symbols(tuple(case["symbols"].items()))
        try:
            swapped = decide(case["expected"], case["answer"], table)
        except ValueError:
            continue  # an answer that does not compose cannot be what is expected
        assert swapped.verdict == case["verdict"], case


def test_verdicts_do_not_hang_on_the_process():
    """Hash seeds differ from process to process: nothing may depend on the order of a set, or on an address."""
    code = (
        "import hashlib, sys; from autograder.algebra import equiv_lines;"
        "lines = open(sys.argv[1], encoding='utf-8').read().splitlines()[::9];"
        "print(hashlib.sha256('\\n'.join(equiv_lines(lines)).encode()).hexdigest())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code, str(OWN)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
