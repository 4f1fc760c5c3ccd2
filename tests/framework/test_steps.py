"""Derivations: wheats pass without a false alarm, chaffs are caught at the right line with a counterexample that numpy confirms."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from autograder.algebra import derivation

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "corpora" / "derivations"
MARK = "%!"

sys.path.insert(0, str(ROOT / "tests" / "hw0"))
from derivations import GRADIENT_DESCENT, RIDGE  # noqa: E402

RUBRICS = {"3": GRADIENT_DESCENT, "4": RIDGE}


@dataclass
class Typed:
    """What the write-up hands over."""

    body: str
    text: str = ""
    state: str = "typed"
    start: int = 1


def judged(body: str, problem: str):
    formulas = re.findall(r"\$\$?(.+?)\$?\$", body)
    return derivation(Typed(body, formulas[-1] if formulas else body.split("\n")[-1]), RUBRICS[problem])


def corpus(name: str):
    for part in (CORPUS / name).read_text(encoding="utf-8").split("\n# ")[1:]:
        head, _, body = part.partition("\n")
        lines = body.strip("\n").split("\n")
        claims = {k: line.partition(MARK)[2].strip() for k, line in enumerate(lines, 1) if MARK in line}
        yield pytest.param(head[0], "\n".join(line.partition(MARK)[0].rstrip() for line in lines), claims, id=head)


def steps(verdict, kind: str):
    return [s for s in verdict.evidence["steps"] if s["verdict"] == kind]


def confirmed(claim: str, witness: dict) -> bool:
    """Does the claim fail in numpy at the witness?"""
    values = {name: np.asarray(value, dtype=float) for name, value in witness.items() if name not in ("shapes", "left side", "right side")}
    if "shapes" in witness:
        rng = np.random.default_rng(1)
        values = {"F": rng.normal(size=(3, 2)), "y": rng.normal(size=3), "w_{t-1}": rng.normal(size=2), "eta": np.array(0.1)} | {
            "X": rng.normal(size=(3, 2)), "Gamma": np.eye(2), "w": rng.normal(size=2)
        }  # fmt: skip
    names: dict[str, object] = {k: getattr(np, k) for k in ("isclose", "allclose", "eye")}
    names |= {"norm": np.linalg.norm, "inv": np.linalg.inv, "solve": np.linalg.solve}
    for name, short in {"F": "F", "X": "X", "Gamma": "G", "Sigma": "S", "U": "U", "V": "V", "\\Sigma": "S"}.items():
        if name in values:
            names[short] = values[name]
    for name, short in {"y": "y", "w_{t-1}": "w", "w": "w", "\\hat{w}": "w", "dw": "dw"}.items():
        if name in values:
            names[short] = values[name].ravel()
    if "eta" in values:
        names["eta"] = float(values["eta"])
    if "F" in names:
        F, eta = names["F"], names.get("eta", 0.0)
        names |= {"alpha": np.linalg.norm(F, 2), "M": np.eye(F.shape[1]) - eta * F.T @ F, "n": F.shape[0]}
        assert eta <= 2 / names["alpha"] ** 2 * (1 + 1e-9)
        if "y" in names and "w" in names:
            names["wt"] = names["w"] - eta * F.T @ (F @ names["w"] - names["y"])
    if "G" in names:
        assert "S" not in names or np.allclose(names["G"].T @ names["G"] @ names["S"], np.eye(len(names["G"])))
        if "X" in names:
            names["Xh"] = np.vstack([names["X"], names["G"]])
        if "y" in names:
            names["yh"] = np.concatenate([names["y"], np.zeros(len(names["G"]))])
    try:
        return not eval(claim, {"__builtins__": {}}, names)  # the corpus is ours
    except ValueError:
        return "shapes" in witness


@pytest.mark.parametrize(("problem", "body", "claims"), [*corpus("wheats.md")])
def test_wheat(problem, body, claims):
    verdict = judged(body, problem)
    assert not steps(verdict, "false"), verdict.message
    assert not steps(verdict, "unreadable"), verdict.remarks
    assert verdict.kind == "correct", verdict.message


@pytest.mark.parametrize(("problem", "body", "claims"), [*corpus("chaffs.md")])
def test_chaff(problem, body, claims):
    verdict = judged(body, problem)
    assert verdict.kind in ("partial", "incorrect")
    assert verdict.share < 1
    false = steps(verdict, "false")
    assert sorted({s["line"] for s in false}) == sorted(claims)
    for step in false:
        assert confirmed(claims[step["line"]], step["witness"]), step


@pytest.mark.parametrize(("problem", "body", "claims"), [*corpus("open.md")])
def test_what_cannot_be_read_is_never_false(problem, body, claims):
    verdict = judged(body, problem)
    assert not steps(verdict, "false"), verdict.message
    assert verdict.kind in ("correct", "undecided"), verdict.message
