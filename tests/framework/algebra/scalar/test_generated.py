"""Generated steps of scalar calculus: valid chains get no remark, a chain with one broken link is remarked on at that link.

The generator has its own small language and its own numbers; nothing of what is tested takes part in making the tests.
"""

import random

import pytest
from submissions.typed_steps import ELBOW_CALCULUS, ELBOW_STEPS, Typed

from autograder.algebra import shown_steps

MANY = 500
SAMPLE = 60
CAUGHT = 0.98


# An expression is a number, a name, or a tuple ("+", ...), ("*", ...), ("/", a, b), ("-", a).

E = ("+", "phi", ("-", "y"))
AFTER_W, AFTER_B = ("+", "w", ("-", ("*", "lam", "x"))), ("+", "b", ("-", "lam"))
CLAIMS = {
    "6.a.ii": [(r"\frac{d\ell}{d\phi}", E), (r"d\ell", ("*", E, "dphi")), (r"\ell", ("/", ("*", E, E), 2))],
    "6.a.iii": [
        (r"\frac{\partial\ell}{\partial w}", ("*", E, "x")),
        (r"d\ell", ("*", E, "x", "dw")),
        (r"\frac{d\ell}{d\phi}\frac{\partial\phi}{\partial w}", ("*", E, "x")),
        ("dl/dw", ("*", E, "x")),
    ],
    "6.a.iv": [(r"\frac{\partial\ell}{\partial b}", E), (r"(\phi(x)-y)\,\frac{\partial\phi}{\partial b}", E), (r"d\ell", ("*", E, "db"))],
    "6.b.ii": [
        ("w'", ("+", "w", ("-", ("*", "lam", E, "x")))),
        ("w_{t+1}", AFTER_W),
        ("b'", ("+", "b", ("-", ("*", "lam", E)))),
        (r"b_{\text{new}}", AFTER_B),
        (r"-\frac{b'}{w'}", ("-", ("/", AFTER_B, AFTER_W))),
        (r"\frac{b}{w} - \frac{b'}{w'}", ("/", ("*", "lam", ("+", "w", ("-", ("*", "b", "x")))), ("*", "w", AFTER_W))),
        (r"\frac{\partial\ell}{\partial w}", "x"),
    ],
}
SPELLINGS = {
    "phi": ("\\phi(x)", "\\phi", "\\varphi(x)"),
    "lam": ("\\lambda", "\\lambda "),
    "dphi": ("d\\phi", "\\,d\\phi(x)", "d(\\phi(x))"),
    "dw": ("dw", "\\,dw"),
    "db": ("db", "\\, db"),
}


def value(e, at):
    if not isinstance(e, tuple):
        return at[e] if isinstance(e, str) else e
    parts = [value(a, at) for a in e[1:]]
    if e[0] == "+":
        return sum(parts)
    if e[0] == "*":
        out = 1
        for p in parts:
            out *= p
        return out
    return parts[0] / parts[1] if e[0] == "/" else -parts[0]


def latex(e, names, level=0):
    if not isinstance(e, tuple):
        return names.get(e, str(e))
    if e[0] == "/":
        return f"\\frac{{{latex(e[1], names)}}}{{{latex(e[2], names)}}}"
    if e[0] == "*":
        return " ".join(latex(a, names, 2) for a in e[1:])
    if e[0] == "-":
        text = f"-{latex(e[1], names, 2)}"
    else:
        text = latex(e[1], names)
        for a in e[2:]:
            text += f" - {latex(a[1], names, 2)}" if isinstance(a, tuple) and a[0] == "-" else f" + {latex(a, names, 1)}"
    return f"({text})" if level else text


def places(e, path=()):
    yield path, e
    if isinstance(e, tuple):
        for k, a in enumerate(e[1:], 1):
            yield from places(a, (*path, k))


def put(e, path, new):
    if not path:
        return new
    k, *rest = path
    parts = (*e[1:k], put(e[k], rest, new), *e[k + 1 :])
    flat = []
    for p in parts:
        flat += p[1:] if isinstance(p, tuple) and p[0] == e[0] and e[0] in "+*" else [p]
    return (e[0], *flat)


def rewritings(e, part, rng):
    if e == "phi":
        yield ("+", ("*", "w", "x"), "b")
    if e == E and part.startswith("6.b"):
        yield 1
    if not isinstance(e, tuple):
        return
    if e[0] in "+*" and len(e) > 2:
        rest = list(e[1:])
        rng.shuffle(rest)
        if not (isinstance(rest[0], tuple) and rest[0][0] == "-"):
            yield (e[0], *rest)
    if e[0] == "*":
        kept = [a for a in e[1:] if a != 1]
        if len(kept) < len(e) - 1 and len(kept) > 1:
            yield ("*", *kept)
        for k, a in enumerate(e[1:], 1):
            if isinstance(a, tuple) and a[0] == "+":
                others = (*e[1:k], *e[k + 1 :])
                yield ("+", *(("-", ("*", *others, t[1])) if isinstance(t, tuple) and t[0] == "-" else ("*", *others, t) for t in a[1:]))
    if e[0] == "-" and isinstance(e[1], tuple) and e[1][0] == "/" and isinstance(e[1][1], tuple) and e[1][1][0] == "+":
        top = [t[1] if isinstance(t, tuple) and t[0] == "-" else ("-", t) for t in e[1][1][1:]]
        yield ("/", ("+", *reversed(top)), e[1][2])
    if e[0] == "/" and isinstance(e[1], tuple):
        yield ("/", ("*", 2, e[1]) if e[1][0] != "*" else ("*", 2, *e[1][1:]), ("*", 2, e[2]))


def broken(e, rng):
    options = []
    for path, sub in places(e):
        if isinstance(sub, tuple) and sub[0] == "*" and len(sub) > 2:
            options += [put(e, path, ("*", *sub[1:k], *sub[k + 1 :]) if len(sub) > 3 else sub[3 - k]) for k in range(1, len(sub))]
        if isinstance(sub, tuple) and sub[0] == "+":
            for k in range(2, len(sub)):
                t = sub[k]
                options.append(put(e, path, (*sub[:k], t[1] if isinstance(t, tuple) and t[0] == "-" else ("-", t), *sub[k + 1 :])))
        if isinstance(sub, tuple) and sub[0] == "/":
            options.append(put(e, path, ("/", sub[2], sub[1])))
        if sub in ("w", "b", "x"):
            options.append(put(e, path, rng.choice(sorted({"w", "b", "x"} - {sub}))))
        if sub == 2:
            options.append(put(e, path, 3))
    return rng.choice(options) if options else None


def points(part, seed):
    rng = random.Random(seed)
    while True:
        at = {n: rng.uniform(0.3, 3) * (1 if part == "6.b.ii" and n in "wx" else rng.choice([1, -1])) for n in "wbxy"}
        at["lam"] = rng.uniform(0.05, 0.5)
        z = at["w"] * at["x"] + at["b"]
        if z > 0.1 and at["lam"] * abs(at["x"]) < abs(at["w"]):
            at["phi"] = z
            if part == "6.b.ii":
                at["y"] = z - 1
            at |= {"dw": 1.0, "db": 0.7} if part != "6.a.iv" else {"dw": 0.0, "db": 0.7}
            at["dphi"] = at["x"] * at["dw"] + (at["db"] if part != "6.a.iii" else 0)
            return at


def differ(one, two, part):
    return all(abs(value(one, at) - value(two, at)) > 1e-3 for at in (points(part, k) for k in range(5)))


def derive(seed, fault):
    """Lines, and the number of the broken one; None where there is no such chain."""
    rng = random.Random(seed)
    part = rng.choice(list(CLAIMS))
    left, e = rng.choice(CLAIMS[part])
    chain = [e]
    for _ in range(20):
        if len(chain) > rng.randint(2, 5):
            break
        options = [put(e, path, new) for path, sub in places(e) for new in rewritings(sub, part, rng)]
        options = [o for o in options if o != e and len(str(o)) < 260]
        if not options:
            break
        e = rng.choice(options)
        chain.append(e)
    at = rng.randrange(len(chain)) if fault else None
    if fault:
        wrong = broken(chain[at], rng)
        if wrong is None or not differ(wrong, chain[at], part):
            return None
        chain = [*chain[:at], wrong]
    names = {k: rng.choice(v) for k, v in SPELLINGS.items()}
    if "'" in left:
        names |= {}
    if "t+1" in left:
        names |= {"w": "w_t", "b": "b_t"}
    style = rng.randrange(3)
    sides = [latex(a, names) for a in chain]
    if style == 0:
        text = [f"$${left} = {sides[0]}$$", *(f"$$= {s}$$" for s in sides[1:])]
    elif style == 1:
        text = [rf"\begin{{align*}} {left} &= {sides[0]} \\", *(rf"&= {s} \\" for s in sides[1:]), r"\end{align*}"]
    else:
        text = [f"We get ${left} = {sides[0]}$", *(f"$= {s}$" for s in sides[1:])]
    return part, text, at + 1 if fault else None


def batch(count, fault):
    out, seed = [], 0
    while len(out) < count:
        made = derive(f"{fault}-{seed}", fault)
        seed += 1
        if made is not None:
            out.append(made)
    return out


def verdicts(part, text):
    return shown_steps(Typed("\n".join(text)), ELBOW_STEPS.get(part, ELBOW_CALCULUS))


def alarms(count):
    return [(part, text) for part, text, _ in batch(count, False) if any(s.verdict == "false" for s in verdicts(part, text))]


def unread(count):
    return [
        (part, text, [s.how for s in verdicts(part, text) if s.verdict != "holds"])
        for part, text, _ in batch(count, False)
        if any(s.verdict != "holds" for s in verdicts(part, text))
    ]


def misses(count):
    out = []
    for part, text, line in batch(count, True):
        found = sorted({s.line for s in verdicts(part, text) if s.verdict == "false"})
        if found != [line]:
            out.append((part, text, line, found))
    return out


def test_valid_steps_get_no_remark():
    assert alarms(SAMPLE) == []


def test_valid_steps_are_read():
    assert unread(SAMPLE) == []


def test_a_broken_step_is_found():
    assert len(misses(SAMPLE)) <= round((1 - CAUGHT) * SAMPLE)


@pytest.mark.slow
def test_many():
    assert alarms(MANY) == []
    assert len(misses(MANY)) <= (1 - CAUGHT) * MANY
