"""Generated derivations: valid ones are never called false, and one broken line is found.

The generator knows its own small language of matrices and norms, rewrites one thing per line by rules that are valid, and checks
with numpy alone that a broken line is really false. So nothing of what is tested takes part in making the tests.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pytest
from submissions.typed_steps import GRADIENT_DESCENT, RIDGE, Typed

from autograder.algebra import derivation

MANY = 500
SAMPLE = 30
CAUGHT = 0.98
RUBRICS = {"bounds": replace(GRADIENT_DESCENT, waypoints=()), "identities": replace(RIDGE, waypoints=())}


# An expression is a tuple (operation, children...). Shapes are pairs of letters; "1" is one.

SHAPES = {
    "X": "nd", "y": "n1", "w": "d1", "G": "dd", "S": "dd", "I": "dd",
    "F": "nd", "v": "d1", "wt": "d1", "eta": "11", "alpha": "11",
}  # fmt: skip
LATEX = {"G": "\\Gamma", "S": "\\Sigma", "v": "w_{t-1}", "wt": "w_t", "eta": "\\eta", "alpha": "\\alpha"}


def shape(e):
    op = e[0]
    if op == "sym":
        return SHAPES[e[1]]
    if op in ("num", "norm"):
        return "11"
    if op == "T":
        return shape(e[1])[::-1]
    if op == "mul":
        shapes = [shape(a) for a in e[1:] if shape(a) != "11"]
        return shapes[0][0] + shapes[-1][1] if shapes else "11"
    return shape(e[1])  # add, neg, inv


def value(e, env):
    op = e[0]
    if op == "sym":
        return env[e[1]]
    if op == "num":
        return np.array([[float(e[1])]])
    if op == "T":
        return value(e[1], env).T
    if op == "inv":
        return np.linalg.inv(value(e[1], env))
    if op == "neg":
        return -value(e[1], env)
    if op == "norm":
        return np.array([[np.linalg.norm(value(e[1], env), 2)]])
    parts = [value(a, env) for a in e[1:]]
    if op == "add":
        return sum(parts[1:], parts[0])
    out = parts[0]
    for p in parts[1:]:
        out = out * p if out.size == 1 or p.size == 1 else out @ p
    return out


def latex(e, level=0):
    op = e[0]
    if op == "sym":
        return LATEX.get(e[1], e[1])
    if op == "num":
        return str(e[1])
    if op in ("T", "inv"):
        return (
            f"{latex(e[1], 3)}^{'T' if op == 'T' else '{-1}'}" if e[1][0] in ("sym",) else f"({latex(e[1])})^{'T' if op == 'T' else '{-1}'}"
        )
    if op == "norm":
        return f"\\|{latex(e[1])}\\|_2"
    if op == "neg":
        text = f"-{latex(e[1], 2)}"
        return f"({text})" if level > 0 else text
    if op == "mul":
        text = " ".join(latex(a, 2) for a in e[1:])
        return f"({text})" if level > 2 else text
    text = latex(e[1], 0)
    for a in e[2:]:
        text += f" - {latex(a[1], 2)}" if a[0] == "neg" else f" + {latex(a, 1)}"
    return f"({text})" if level > 0 else text


def add(*terms):
    flat = []
    for t in terms:
        flat += t[1:] if t[0] == "add" else [t]
    return flat[0] if len(flat) == 1 else ("add", *flat)


def mul(*factors):
    flat = []
    for f in factors:
        flat += f[1:] if f[0] == "mul" else [f]
    return flat[0] if len(flat) == 1 else ("mul", *flat)


def sym(name):
    return ("sym", name)


def transposed(e):
    return e[1] if e[0] == "T" else ("T", e)


def size(e):
    return 1 + sum(size(a) for a in e[1:] if isinstance(a, tuple))


def places(e, path=()):
    yield path, e
    for k, a in enumerate(e[1:], 1):
        if isinstance(a, tuple):
            yield from places(a, (*path, k))


def put(e, path, new):
    if not path:
        return new
    k, *rest = path
    inner = put(e[k], rest, new)
    parts = (*e[1:k], inner, *e[k + 1 :])
    if e[0] == "add":
        return add(*parts)
    if e[0] == "mul":
        return mul(*parts)
    return (e[0], *parts)


# --- random expressions and valid rewritings

LEAVES = {
    "nd": [sym("X")],
    "dd": [sym("G"), sym("S"), ("inv", sym("S")), mul(("T", sym("X")), sym("X")), ("T", sym("G")), sym("I")],
    "d1": [sym("w"), mul(("T", sym("X")), sym("y"))],
    "n1": [sym("y"), mul(sym("X"), sym("w"))],
    "11": [mul(("T", sym("y")), sym("y")), ("num", 3)],
}


def random_expression(rng, wanted, depth):
    if wanted == "dn":
        return ("T", random_expression(rng, "nd", depth))
    if wanted in ("1n", "1d"):
        return ("T", random_expression(rng, wanted[::-1], depth))
    if depth == 0 or wanted == "nn":
        return rng.choice(LEAVES[wanted]) if wanted in LEAVES else mul(sym("X"), ("T", sym("X")))
    kind = rng.random()
    if kind < 0.4:
        return add(random_expression(rng, wanted, depth - 1), random_expression(rng, wanted, depth - 1))
    if kind < 0.85:
        middle = rng.choice("nd")
        return mul(random_expression(rng, wanted[0] + middle, depth - 1), random_expression(rng, middle + wanted[1], depth - 1))
    return mul(("num", rng.randint(2, 4)), random_expression(rng, wanted, depth - 1))


def rewritings(e, rng):
    """Pairs (rule, new) that are valid for a subexpression."""
    op, s = e[0], shape(e)
    if op == "mul":
        for k, a in enumerate(e[1:], 1):
            if a[0] == "add":
                yield (
                    "distribute",
                    add(*(mul(*e[1:k], t, *e[k + 1 :]) if t[0] != "neg" else ("neg", mul(*e[1:k], t[1], *e[k + 1 :])) for t in a[1:])),
                )
        for k in range(1, len(e) - 1):
            if e[k] == ("T", sym("G")) and e[k + 1] == sym("G"):
                yield "prior", mul(*e[1:k], ("inv", sym("S")), *e[k + 2 :])
            if {e[k], e[k + 1]} == {sym("S"), ("inv", sym("S"))}:
                yield "cancel", mul(*e[1:k], sym("I"), *e[k + 2 :])
            if sym("I") in (e[k], e[k + 1]) and shape(e[k]) != "11" and shape(e[k + 1]) != "11":
                yield "identity", mul(*e[1:k], e[k + 1] if e[k] == sym("I") else e[k], *e[k + 2 :])
        if s == "11" and all(shape(a) != "11" for a in e[1:]):
            yield "scalar", mul(*(transposed(a) for a in reversed(e[1:])))
    if op == "T" and e[1][0] == "mul":
        yield "product transposed", mul(*(a if shape(a) == "11" else transposed(a) for a in reversed(e[1][1:])))
    if op == "T" and e[1][0] == "add":
        yield "sum transposed", add(*(("neg", transposed(t[1])) if t[0] == "neg" else transposed(t) for t in e[1][1:]))
    if op == "add" and len(e) > 2:
        terms = list(e[1:])
        rng.shuffle(terms)
        if terms[0][0] != "neg":
            yield "commute", add(*terms)
        for k in range(1, len(e)):
            for j in range(k + 1, len(e)):
                if e[k] == e[j]:
                    yield (
                        "twice",
                        add(*(t for i, t in enumerate(e[1:], 1) if i not in (k, j)), mul(("num", 2), e[k]))
                        if len(e) > 3
                        else mul(("num", 2), e[k]),
                    )
                if e[j] == ("neg", e[k]) and len(e) > 3:
                    yield "difference", add(*(t for i, t in enumerate(e[1:], 1) if i not in (k, j)))
        heads = [a[1] if a[0] == "mul" and shape(a[1]) != "11" else None for a in e[1:]]
        if heads[0] is not None and all(h == heads[0] for h in heads) and all(len(a) > 2 for a in e[1:]):
            yield "factor", mul(heads[0], add(*(mul(*a[2:]) for a in e[1:])))
    if e == ("inv", sym("S")):
        yield "prior", mul(("T", sym("G")), sym("G"))
    if s == "dd" and op != "num":
        yield "insert", mul(e, sym("S"), ("inv", sym("S")))
        yield "identity", mul(e, sym("I"))
    if s in ("d1", "n1", "dd") and op == "sym" and e != sym("I"):
        yield "add and subtract", add(mul(("num", 2), e), ("neg", e))
    if op == "mul" and e[1] == ("num", 2) and len(e) > 2:
        yield "two of it", add(mul(*e[2:]), mul(*e[2:]))


def rewritten(e, rng, most=60):
    options = [(rule, put(e, path, new)) for path, sub in places(e) for rule, new in rewritings(sub, rng)]
    options = [(rule, new) for rule, new in options if new != e and size(new) <= most]
    return rng.choice(options) if options else None


def broken(e, rng):
    """A plausible mistake at one place."""
    options = []
    for path, sub in places(e):
        op = sub[0]
        if op == "add":
            options += [put(e, path, add(*(t for j, t in enumerate(sub[1:]) if j != k))) for k in range(len(sub) - 1)]
            flipped = [t[1] if t[0] == "neg" else ("neg", t) for t in sub[1:]]
            options += [
                put(e, path, ("add", *(flipped[j] if j == k else t for j, t in enumerate(sub[1:])))) for k in range(1, len(sub) - 1)
            ]
        if op == "T" and shape(sub) == "dd":
            options.append(put(e, path, sub[1]))
        if op == "inv":
            options.append(put(e, path, sub[1]))
        if op == "num":
            options.append(put(e, path, ("num", sub[1] + 1)))
        if op == "mul":
            for k in range(1, len(sub) - 1):
                if shape(sub[k]) == shape(sub[k + 1]) == "dd":
                    options.append(put(e, path, mul(*sub[1:k], sub[k + 1], sub[k], *sub[k + 2 :])))
                if shape(sub[k]) == "dd" and len(sub) > 2:
                    options.append(put(e, path, mul(*sub[1:k], *sub[k + 1 :])))
        if sub == sym("S"):
            options.append(put(e, path, sym("G")))
        if sub == ("inv", sym("S")):
            options.append(put(e, path, sym("G")))
    return rng.choice(options) if options else None


def environment(seed, n, d):
    rng = np.random.default_rng(seed)
    G = rng.normal(size=(d, d)) + 2 * np.eye(d)
    F = rng.normal(size=(n, d))
    alpha = np.linalg.norm(F, 2)
    eta = rng.choice([1.0, 0.5, rng.uniform(0, 1)]) * 2 / alpha**2
    u, _, vt = np.linalg.svd(F)
    y = rng.choice([1.0, 0.0, -1.0]) * u[:, :1] + rng.choice([0.0, 0.3]) * rng.normal(size=(n, 1))
    v = rng.choice([1.0, 0.0, -1.0]) * vt[rng.choice([0, -1])][:, None] + rng.choice([0.0, 0.3]) * rng.normal(size=(d, 1))
    env = {"X": rng.normal(size=(n, d)), "y": y, "w": rng.normal(size=(d, 1)), "G": G, "S": np.linalg.inv(G.T @ G), "I": np.eye(d)}
    return env | {"F": F, "alpha": np.array([[alpha]]), "eta": np.array([[eta]]), "v": v, "wt": v - eta * F.T @ (F @ v - y)}


ENVIRONMENTS = [environment(k, *sizes) for k, sizes in enumerate([(3, 2), (2, 3), (3, 3), (2, 2), (1, 1), (4, 2)] * 12)]


def differs(one, two):
    worst = 0.0
    for env in ENVIRONMENTS[:12]:
        a, b = value(one, env), value(two, env)
        worst = max(worst, float(np.max(np.abs(a - b)) / (1e-300 + np.max(np.abs(a)) + np.max(np.abs(b)))))
    return worst > 1e-3


def exceeds(one, two):
    return any(value(one, env)[0, 0] > value(two, env)[0, 0] * (1 + 1e-3) + 1e-9 for env in ENVIRONMENTS)


# --- chains of bounds

M = add(sym("I"), ("neg", mul(sym("eta"), ("T", sym("F")), sym("F"))))
STARTS = [
    ("norm", sym("wt")),
    add(("norm", sym("wt")), ("norm", sym("v"))),
    mul(sym("eta"), ("norm", mul(("T", sym("F")), sym("y")))),
    ("norm", add(mul(M, sym("v")), mul(sym("eta"), ("T", sym("F")), sym("y")))),
    ("norm", mul(sym("F"), sym("v"))),
]


def bounds_of(e):
    """Triples (rule, sign, new) that are valid for a subexpression that stands in a sum of products of norms."""
    if e == ("norm", sym("wt")):
        yield "update", "=", ("norm", add(mul(M, sym("v")), mul(sym("eta"), ("T", sym("F")), sym("y"))))
    if e in (("norm", ("T", sym("F"))), ("norm", sym("F"))):
        yield "alpha", "\\le", sym("alpha")
    if e == ("norm", M):
        yield "contraction", "\\le", ("num", 1)
    if e[0] == "norm" and e[1][0] == "add" and e[1] != M:
        yield "triangle", "\\le", add(*(("norm", t[1] if t[0] == "neg" else t) for t in e[1][1:]))
    if e[0] == "norm" and e[1][0] == "mul":
        head, rest = e[1][1], mul(*e[1][2:])
        if head == sym("eta"):
            yield "scale", "=", mul(sym("eta"), ("norm", rest))
        elif shape(head) != "11":
            yield "product", "\\le", mul(("norm", head), ("norm", rest))
    if e == ("norm", sym("v")):
        yield "more", "\\le", mul(("num", 2), ("norm", sym("v")))
    if e[0] == "mul" and ("num", 1) in e[1:] and len(e) > 2:
        yield "one", "=", mul(*(a for a in e[1:] if a != ("num", 1)))


def scalar_places(e, path=()):
    yield path, e
    if e[0] in ("add", "mul"):
        for k, a in enumerate(e[1:], 1):
            yield from scalar_places(a, (*path, k))


def bound_broken(e, rng):
    options = []
    for path, sub in scalar_places(e):
        if sub[0] == "add":
            options += [put(e, path, add(*(t for j, t in enumerate(sub[1:]) if j != k))) for k in range(len(sub) - 1)]
        if sub[0] == "mul" and len(sub) > 2:
            options += [put(e, path, mul(*(t for j, t in enumerate(sub[1:]) if j != k))) for k in range(len(sub) - 1)]
        if sub == sym("alpha"):
            options.append(put(e, path, mul(sym("alpha"), sym("alpha"))))
        if sub[0] == "norm":
            options.append(put(e, path, mul(("num", 0.5), sub)))
    return rng.choice(options) if options else None


# --- derivations


def derive(kind, seed, lines, fault):
    """Lines of LaTeX, and the line that is false (None if `fault` is not asked for); None where there is no such derivation."""
    rng = random.Random(seed)
    e = rng.choice(STARTS) if kind == "bounds" else random_expression(rng, rng.choice(["dd", "d1", "11", "n1"]), rng.randint(1, 3))
    chain, signs = [e], []
    at = rng.randrange(lines) if fault else -1
    for k in range(40):
        if len(signs) == lines:
            break
        if kind == "identities":
            found = rewritten(e, rng)
            if found is None:
                break
            sign, new = "=", found[1]
        else:
            options = [(sign, put(e, path, new)) for path, sub in scalar_places(e) for _, sign, new in bounds_of(sub)]
            options = [(sign, new) for sign, new in options if size(new) <= 60]
            if not options:
                break
            sign, new = rng.choice(options)
        if len(signs) == at:
            wrong = broken(new, rng) if kind == "identities" else bound_broken(new, rng)
            if wrong is None or shape(wrong) != shape(e) or not (differs(e, wrong) if sign == "=" else exceeds(e, wrong)):
                continue
            new = wrong
        if latex(new) == latex(e):
            continue
        chain.append(new)
        signs.append(sign)
        e = new
        del k
    if len(signs) < 2 or (fault and len(signs) <= at):
        return None
    style = rng.randrange(3)
    if style == 0:
        text = [f"$${latex(a)} {s} {latex(b)}$$" for a, s, b in zip(chain, signs, chain[1:], strict=False)]
    elif style == 1:
        text = [
            f"$${latex(chain[0])} {signs[0]} {latex(chain[1])}$$",
            *(f"$${s} {latex(b)}$$" for s, b in zip(signs[1:], chain[2:], strict=False)),
        ]
    else:
        rows = [
            f"{latex(chain[0])} &{signs[0]} {latex(chain[1])} \\\\",
            *(f"&{s} {latex(b)} \\\\" for s, b in zip(signs[1:], chain[2:], strict=False)),
        ]
        text = ["\\begin{align*}", *rows, "\\end{align*}"]
        at = at + 1 if fault else at
    return text, (at + 1 if fault else None)


def batch(kind, count, fault, first=0):
    out, seed = [], first
    while len(out) < count:
        made = derive(kind, f"{kind}-{fault}-{seed}", random.Random(seed).randint(3, 8), fault)
        seed += 1
        if made is not None:
            out.append(made)
    return out


def false_lines(kind, text):
    verdict = derivation(Typed("\n".join(text)), RUBRICS[kind])
    return [s["line"] for s in verdict.evidence["steps"] if s["verdict"] == "false"], verdict


def alarms(count):
    """Valid derivations of which a line was called false, or could not be read."""
    out = []
    for kind, share in (("identities", count * 3 // 5), ("bounds", count - count * 3 // 5)):
        for text, _ in batch(kind, share, False):
            lines, verdict = false_lines(kind, text)
            unread = [s["text"] for s in verdict.evidence["steps"] if s["verdict"] == "unreadable"]
            if lines or unread:
                out.append({"derivation": text, "false": lines, "unreadable": unread})
    return out


def misses(count):
    """Derivations with one false line of which not exactly that line was found."""
    out = []
    for kind, share in (("identities", count * 3 // 5), ("bounds", count - count * 3 // 5)):
        for text, line in batch(kind, share, True):
            lines, verdict = false_lines(kind, text)
            if lines != [line]:
                out.append({"derivation": text, "broken": line, "found": lines, "message": verdict.message})
    return out


def test_valid_derivations_are_not_called_false():
    assert alarms(SAMPLE) == []


def test_a_broken_line_is_found():
    assert len(misses(SAMPLE)) <= round((1 - CAUGHT) * SAMPLE)


@pytest.mark.slow
def test_many_valid_derivations_are_not_called_false():
    assert alarms(MANY) == []


@pytest.mark.slow
def test_many_broken_lines_are_found():
    missed = misses(MANY)
    assert len(missed) <= (1 - CAUGHT) * MANY, json.dumps(missed, indent=1)


def test_thirty_lines():
    """A long chain is read to its end."""
    seed = 0
    while True:
        made = derive("identities", f"long-{seed}", 30, False)
        seed += 1
        if made is not None and len(made[0]) >= 30:
            break
    lines, verdict = false_lines("identities", made[0])
    assert lines == []
    assert len(verdict.evidence["steps"]) >= 29
