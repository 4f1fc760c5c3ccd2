"""The sides of a derivation read and typed, with the names that the derivation itself introduces, and each step decided.

A step is `false` only where a counterexample is at hand or where its shapes cannot fit; whatever rests on an undeclared symbol or on
notation that is not surely understood is `unreadable`, and costs nobody anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from autograder.algebra.calculus import differential
from autograder.algebra.derivations.counterexample import Violation, violation
from autograder.algebra.derivations.domain import Domain
from autograder.algebra.equivalence import decide_pair, mode_of, seed_of
from autograder.algebra.evaluation import Undefined, Unsupported
from autograder.algebra.notation import Grammar, Node, Typer, Undeclared, is_numpy
from autograder.algebra.symbols import ONE, SCALAR, Dim, Shape, Symbol, Symbols
from autograder.algebra.tree import Expr, Misfit, Misshapen, degree, occurring, show_shape, substituted, zero
from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext import Name, Token, read_name, tokens

MAX_NORMS: Final = 24
"""Norms by name in one side."""
_TRANSPOSED: Final = r"(?:\^\s*\{?\s*(?:T|\\top|\*|\\ast|H|\\intercal|\\mathsf\s*\{?T\}?|\\mathrm\s*\{?T\}?|-1|\\dagger)\s*\}?|'|ᵀ|⊤)"
_NAME: Final = (
    r"(?:\\(?:hat|tilde|bar|mathbf|bm|boldsymbol|mathrm|mathcal)\s*\{?\s*)?(?:\\[A-Za-z]+|[A-Za-zΑ-Ωα-ω])(?:\s*\})?(?:_\{?\w+\}?)?"
)
_PRODUCT_OF_THREE: Final = re.compile(rf"^\s*({_NAME})\s*({_NAME})\s*({_NAME})\s*{_TRANSPOSED}\s*$")
_SQUARE: Final = re.compile(rf"^\s*({_NAME})\s*({_TRANSPOSED})?\s*({_NAME})\s*({_TRANSPOSED})?\s*$")
_VARIABLE: Final = r"(?:_\s*(?:\{\s*(?P<v1>[^{}]+|\\\w+\s*\{\w\})\s*\}|(?P<v2>\\[A-Za-z]+|\w)))?"
_NABLA: Final = re.compile(rf"^\s*(?:\\nabla|∇){_VARIABLE}\s*(?P<body>.+)$", re.DOTALL)
_PARTIAL: Final = re.compile(
    r"^\s*\\d?t?frac\s*\{\s*(?:\\partial|d|\\mathrm\{d\}|∂)\s*(?P<top>.*?)\}\s*\{\s*(?:\\partial|d|\\mathrm\{d\}|∂)\s*(?P<v1>.+?)\s*\}\s*(?P<body>.*)$",
    re.DOTALL,
)
_ARGMIN: Final = re.compile(
    r"^\s*(?:\\(?:underset|mathop)\s*\{\s*(?P<u>[^{}]*)\}\s*\{\s*)?"
    r"(?:\\arg\s*\\?,?\s*\\?min(?:\\limits)?|\\operatorname\*?\s*\{\s*arg\s*(?:\\,)?\s*min\s*\}|\\argmin|\\mathrm\s*\{\s*arg\s*(?:\\,)?\s*min\s*\}|arg\s*min)"
    rf"\s*\}}?\s*(?:\\limits)?\s*{_VARIABLE}(?P<body>.+)$",
    re.DOTALL,
)
_STAR: Final = re.compile(r"\^\s*(?:\*|\\ast(?![A-Za-z]))")
_NORM_SQUARED: Final = re.compile(r"(\\\||\\[rR]?Vert|‖|\|\|)\s*\^\s*\{?\s*2\s*\}?\s*_\s*\{?\s*([2F])\s*\}?")
_EXTREME: Final = re.compile(
    r"\\(?P<which>sigma|lambda)(?P<p1>\s*\^\s*\{?\s*2\s*\}?)?\s*"
    r"_\s*(?:1|\\max|\{\s*(?:1|\\?max|\\text\s*\{\s*max\s*\}|\\mathrm\s*\{\s*max\s*\})\s*\})"
    r"(?P<p2>\s*\^\s*\{?\s*2\s*\}?)?\s*(?:\\left)?\s*\("
)
_NORM_OF: Final = re.compile(r"\\(?P<which>[nN]orm|abs)\s*\{")
_WITH_ARGUMENT: Final = re.compile(r"^(?P<name>.+?)\s*(?:\\left)?\s*\(\s*(?P<argument>[^()]+?)\s*(?:\\right)?\s*\)\s*$")


@dataclass(frozen=True)
class Notation:
    """What names mean at some place of a derivation. table: declared and introduced; meanings: of introduced names, in declared ones."""

    table: Symbols
    meanings: Mapping[str, Expr] = field(default_factory=dict)
    differentials: Mapping[str, str] = field(default_factory=dict)
    """Key of a symbol that may vary -> key of its differential."""
    generic: frozenset[str] = frozenset()
    """Keys of names that stand for anything of their shape, until they are defined."""


@dataclass(frozen=True)
class StepSide:
    """One side as read. expression: None where it is unreadable (`unread` says why) or its shapes do not fit (`misfit`)."""

    text: str
    node: Node | None = None
    expression: Expr | None = None
    mentions: frozenset[str] = frozenset()
    """Keys of the names that are typed, and the operations `block` and `eye`."""
    unread: str = ""
    unknown: str = ""
    """The undeclared name, where that is why."""
    misfit: str = ""
    operator: str = ""
    """`gradient` or `argmin` in `variable` of the expression."""
    variable: str = ""


@dataclass(frozen=True)
class Step:
    """A relation decided. verdict: `holds`, `false` or `unreadable`; how: by what, or why; slip: name of what went wrong."""

    line: int
    text: str
    verdict: str
    how: str = ""
    slip: str = ""
    found: Violation | None = None
    left: StepSide | None = None
    right: StepSide | None = None
    sign: str = "="
    chain: int = 0
    shapes: tuple[str, str] | None = None
    sampled: bool = False
    """It holds in that no sample violates it, which is evidence and no proof."""
    other: Step | None = None
    """For `two_meanings`: the step that needs the other meaning, failing at the same point under this one's."""


# --- names that a derivation introduces


def declared(table: Symbols, name: Name, text: str, shape: Shape, argument: str = "") -> tuple[Symbols, str]:
    """The table with one more name, and its key."""
    symbol = Symbol(text, name.key, shape, frozenset(), f"introduced: {text}")
    exact = {**table._exact, name.key: symbol}
    loose = {**table._loose, name.loose: symbol if name.loose not in table._loose else None}
    others = tuple(s for s in table.declared if s.key != name.key)
    functions = {**table.functions, name.key: argument} if argument else {k: v for k, v in table.functions.items() if k != name.key}
    return replace(
        table, declared=(*others, symbol), functions=functions, _exact=exact, _loose=loose, identity=f"{table.identity}|{name.key}:{shape}"
    ), name.key


def single_name(text: str) -> tuple[Name, str] | None:
    """A name alone, with its argument where one is typed: `A`, `L(w)`, `\\mathcal{L}(w)`."""
    argument = ""
    match = _WITH_ARGUMENT.match(text.strip())
    if match:
        text, argument = match["name"], match["argument"]
    try:
        name = read_name(text.strip())
    except (Unreadable, OutOfBudget, IndexError):
        return None
    toks = [t for t in tokens(text) if t.kind == "word"]
    if (len(toks) > 1 and not name.sub) or (len(name.base) > 1 and not (toks and toks[0].latex) and not name.accents):
        return None
    if (name.sup and not re.fullmatch(r"\(\w+\)|star|opt|new", name.sup)) or name.primes:
        return None
    return name, argument


def three_names(text: str) -> tuple[str, str, str] | None:
    """`U \\Sigma V^T`: the three names, as typed."""
    match = _PRODUCT_OF_THREE.match(text)
    return (match[1], match[2], match[3]) if match else None


def one_name_squared(text: str) -> tuple[str, str] | None:
    """`L L^T` (`lower`) or `R^T R` (`upper`): the name, and which."""
    match = _SQUARE.match(text)
    if match is None or match[1].strip() != match[3].strip() or (match[2] is None) == (match[4] is None):
        return None
    return match[1], "upper" if match[2] else "lower"


# --- reading a side


def spelled(text: str) -> str:
    """Notations that mean the same, written in the one that the reader knows."""
    text = _NORM_SQUARED.sub(r"\1_\2^2", text)
    text = _STAR.sub("^{*}", text)
    for _ in range(MAX_NORMS):
        norm = _NORM_OF.search(text)
        stop = closing(text, norm.end() - 1, "{}") if norm else None
        if norm is None or stop is None:
            break
        bar = "|" if norm["which"] == "abs" else "\\|"
        text = f"{text[: norm.start()]}{bar} {text[norm.end() : stop]} {bar}{text[stop + 1 :]}"
    for _ in range(MAX_NORMS):
        match = _EXTREME.search(text)
        if match is None:
            break
        stop = closing(text, match.end() - 1)
        if stop is None:
            break
        inside = text[match.end() : stop].removesuffix("\\right")
        gram = re.fullmatch(rf"\s*({_NAME})\s*{_TRANSPOSED}\s*({_NAME})\s*|\s*({_NAME})\s*({_NAME})\s*{_TRANSPOSED}\s*", inside)
        if match["which"] == "lambda" and not (gram and (gram[1] or gram[3]) == (gram[2] or gram[4])):
            break
        power = "^2" if match["p1"] or match["p2"] else ""
        text = f"{text[: match.start()]}\\| {inside} \\|{power}{text[stop + 1 :]}"
    return text


def closing(text: str, opened: int, brackets: str = "()") -> int | None:
    """Where the bracket opened at an offset is closed."""
    depth = 0
    for k in range(opened, len(text)):
        depth += (text[k] == brackets[0]) - (text[k] == brackets[1])
        if depth == 0:
            return k
    return None


def node_of(text: str, table: Symbols) -> Node:
    """The raw tree of a side. Raises Unreadable, OutOfBudget."""
    toks = [t for t in tokens(text) if t.kind not in ("math", "eof")]
    while toks and (toks[-1].kind == "newline" or (toks[-1].kind == "op" and toks[-1].value in (",", ";", ":"))):
        toks.pop()
    if not toks:
        raise Unreadable(text, 0, "nothing stands here")
    end = toks[-1].end
    return Grammar(text, [*toks, Token("eof", "", end, end)], table, numpy=is_numpy(text)).whole()


def mentions_of(node: Node) -> frozenset[str]:
    """Names and kinds of operation in a raw tree."""
    own = {node.data} if node.op == "sym" else {node.op} if node.op in ("block", "eye") else set()
    return frozenset(own).union(*(mentions_of(a) for a in node.args))


def read_side(text: str, notation: Notation) -> StepSide:
    """A side as far as it can be read on its own; typing waits for the other side."""
    text = spelled(text)
    for pattern, operator in ((_ARGMIN, "argmin"), (_NABLA, "gradient"), (_PARTIAL, "gradient")):
        match = pattern.match(text)
        if match is None:
            continue
        groups = match.groupdict()
        body = (groups.get("top") or "").strip() or groups["body"]
        if groups.get("top") and groups["body"].strip():
            return StepSide(text, unread="a derivative inside a product")
        if operator == "gradient" and not groups.get("top") and not _is_one_term(body, notation.table):
            return StepSide(text, unread="how far the derivative reaches is not clear")
        variable = groups.get("v1") or groups.get("v2") or groups.get("u") or ""
        inner = read_side(body, notation)
        if inner.node is None or inner.operator:
            return replace(inner, text=text)
        try:
            var = node_of(variable, notation.table) if variable.strip() else None
        except (Unreadable, OutOfBudget):
            return StepSide(text, unread=f"{variable!r} is no variable of the problem")
        if var is None:
            only = [k for k in notation.differentials if k in _reach(inner.mentions, notation)]
            if len(only) != 1:
                return StepSide(text, unread="the derivative does not say in what")
            key = only[0]
        elif var.op == "sym" and var.data in notation.differentials:
            key = var.data
        else:
            return StepSide(text, unread=f"{variable.strip()!r} does not vary in this problem")
        return replace(inner, text=text, operator=operator, variable=key)
    try:
        node = node_of(text, notation.table)
    except Unreadable as bad:
        return StepSide(text, unread=bad.reason, unknown=bad.name if isinstance(bad, Undeclared) else "")
    except OutOfBudget as bad:
        return StepSide(text, unread=f"it is too long: {bad}")
    return StepSide(text, node, mentions=mentions_of(node))


def _is_one_term(body: str, table: Symbols) -> bool:
    """Is it one factor, so that an operator before it acts on all of it?"""
    stripped = re.sub(r"\\(?:left|right|[bB]igg?[lr]?)(?![A-Za-z])", "", body).strip()
    whole = any(stripped.startswith(pair[0]) and closing(stripped, 0, pair) == len(stripped) - 1 for pair in ("()", "[]"))
    if whole or single_name(stripped):
        return True
    try:
        node = node_of(stripped, table)
    except (Unreadable, OutOfBudget):
        return True  # said where it is read
    return node.op not in ("add", "neg") and not (node.op == "prod" and stripped.startswith(("(", "[")))


def _reach(mentions: frozenset[str], notation: Notation) -> frozenset[str]:
    """Names, and what the introduced ones are made of."""
    out = set(mentions)
    for key in mentions:
        if key in notation.meanings:
            out |= occurring(notation.meanings[key])
    return frozenset(out)


def typed_side(node: Node, notation: Notation, expected: Shape | None, text: str) -> Expr:
    """The typed tree in declared names. Raises Misshapen, OutOfBudget."""
    e = Typer(notation.table, numpy=is_numpy(text)).whole(node, expected)
    degree(e)
    return substituted(e, notation.meanings)


def _variants(node: Node, table: Symbols) -> Iterator[Node]:
    """The node; then with the bare zeros of its blocks as vectors and matrices of the problem's dimensions."""
    yield node
    if not _has_open_zero(node):
        return
    dims = sorted(table.dimensions)
    for d in dims:
        yield _filled(node, (d,))
    for d in dims:
        yield _filled(node, (d, d))


def _is_open_zero(node: Node, around: str) -> bool:
    """Is it a 0 whose size its surroundings leave open: in a block, transposed, or as a factor?"""
    bare = node.op == "num" and node.data == 0
    return (around == "block" and (bare or node.op == "zeros")) or (
        around in ("prod", "transpose") and (bare or (node.op == "zeros" and not node.data))
    )


def _has_open_zero(node: Node, around: str = "") -> bool:
    return _is_open_zero(node, around) or any(_has_open_zero(a, node.op) for a in node.args)


def _has_inverse(node: Node) -> bool:
    """Is there a negative power, which is an inverse?"""
    return (node.op == "pow" and node.args[1].op == "neg") or any(_has_inverse(a) for a in node.args)


def _filled(node: Node, dims: tuple[str, ...], around: str = "") -> Node:
    if _is_open_zero(node, around):
        return Node("zeros", (), dims, node.at)
    return replace(node, args=tuple(_filled(a, dims, node.op) for a in node.args)) if node.args else node


def expressions(side: StepSide, notation: Notation, expected: Shape | None = None) -> Iterator[Expr | Misshapen]:
    """Every way in which a side can be typed, the plain one first; where none fits, how the plain one does not."""
    assert side.node is not None
    failure: Misshapen | None = None
    any_found = False
    for node in _variants(side.node, notation.table):
        for shape in dict.fromkeys((expected, None)):
            try:
                yield typed_side(node, notation, shape, side.text)
                any_found = True
                break
            except Misshapen as bad:
                failure = failure or bad
    if not any_found and failure is not None:
        yield failure


def bracketed(node: Node) -> Iterator[Node]:
    """The node with `A - B w` read as `(A - B) w`, at one place."""
    for k, a in enumerate(node.args):
        for other in bracketed(a):
            yield replace(node, args=(*node.args[:k], other, *node.args[k + 1 :]))
    if node.op != "add" or len(node.args) < 2:
        return
    last = node.args[-1]
    sign, product = (True, last.args[0]) if last.op == "neg" else (False, last)
    if product.op == "prod" and len(product.args) >= 2:
        rest = Node("prod", product.args[:-1], product.data[:-1], product.at) if len(product.args) > 2 else product.args[0]
        inner = Node("add", (*node.args[:-1], Node("neg", (rest,), None, rest.at) if sign else rest), None, node.at)
        yield Node("prod", (inner, product.args[-1]), ("",), node.at)


# --- deciding


def decided(step: Step, left: StepSide, right: StepSide, notation: Notation, domains: tuple[Domain, ...]) -> Step:
    """The step with its verdict. Never raises for what the sides hold."""
    step = replace(step, left=left, right=right)
    for side in (left, right):
        if side.unread:
            return replace(step, verdict="unreadable", how=side.unread)
    if step.sign == "~":
        return replace(step, verdict="unreadable", how="an approximation is no step")
    try:
        return _decided(step, left, right, notation, domains)
    except OutOfBudget as bad:
        return replace(step, verdict="unreadable", how=f"it is too long: {bad}")
    except (Unsupported, Undefined, Misshapen) as bad:
        return replace(step, verdict="unreadable", how=str(bad))


def _decided(step: Step, left: StepSide, right: StepSide, notation: Notation, domains: tuple[Domain, ...]) -> Step:
    if left.operator or right.operator:
        return _operated(step, left, right, notation, domains)
    pairs = list(_pairs(left, right, notation))
    fitting = [p for p in pairs if isinstance(p[0], Expr) and isinstance(p[1], Expr)]
    if not fitting:
        one, two = pairs[0]
        bad, side = (one, left) if isinstance(one, Misshapen) else (two, right)
        assert isinstance(bad, Misshapen)
        assert side.node is not None
        sure = bad.misfit is Misfit.SURE or (bad.misfit is Misfit.POWER and _has_inverse(side.node))
        loose = _has_open_zero(side.node) or bool(side.mentions & notation.generic)
        if not sure or loose:
            return replace(step, verdict="unreadable", how=str(bad))
        return _repaired(step, left, right, notation, str(bad))
    same = [p for p in fitting if p[0].shape == p[1].shape]  # type: ignore[union-attr]
    if not same:
        one, two = fitting[0]
        assert isinstance(one, Expr)
        assert isinstance(two, Expr)
        if any(side.node is not None and (_has_open_zero(side.node) or side.mentions & notation.generic) for side in (left, right)):
            return replace(step, verdict="unreadable", how="the size of something is not clear")
        return replace(
            step,
            verdict="false",
            slip="transposed" if one.shape == (two.shape[1], two.shape[0]) else "shape",
            how=f"the left side is {show_shape(one.shape)}, the right side {show_shape(two.shape)}",
            shapes=(show_shape(one.shape), show_shape(two.shape)),
            left=replace(left, expression=one),
            right=replace(right, expression=two),
        )
    outcome: Step | None = None
    for one, two in same[:3]:
        assert isinstance(one, Expr)
        assert isinstance(two, Expr)
        here = replace(step, left=replace(left, expression=one), right=replace(right, expression=two))
        result = _compared(here, one, two, domains)
        if result.verdict == "holds":
            return result
        outcome = outcome or result
    assert outcome is not None
    return outcome


def _pairs(left: StepSide, right: StepSide, notation: Notation) -> Iterator[tuple[Expr | Misshapen, Expr | Misshapen]]:
    """Ways to type both sides; a side whose size is open takes it from the other, and a bare 0 is the zero of the other."""
    for one in expressions(left, notation):
        if isinstance(one, Misshapen):
            for two in expressions(right, notation):
                if isinstance(two, Expr) and one.misfit is not Misfit.SURE:
                    for again in expressions(left, notation, two.shape):
                        yield again, two
                elif isinstance(two, Misshapen) and Misfit.SURE not in (one.misfit, two.misfit):
                    yield from _of_any_size(left, right, notation)
                    yield one, two
                else:
                    yield one, two
            continue
        for two in expressions(right, notation, one.shape):
            yield _matched(left, right, one, two, notation)


def _of_any_size(left: StepSide, right: StepSide, notation: Notation) -> Iterator[tuple[Expr | Misshapen, Expr | Misshapen]]:
    """`I + I = 2 I`: both sides are open, so that any of the problem's dimensions will do."""
    for name in sorted(notation.table.dimensions):
        square = (Dim(0, (name,)), Dim(0, (name,)))
        for one in expressions(left, notation, square):
            for two in expressions(right, notation, square):
                if isinstance(one, Expr) and isinstance(two, Expr) and one.shape == two.shape:
                    yield one, two


def _matched(left: StepSide, right: StepSide, one: Expr, two: Expr | Misshapen, notation: Notation) -> tuple[Expr, Expr | Misshapen]:
    if isinstance(two, Misshapen):
        return one, two
    if one.op == "num" and one.data == 0:
        one = zero(two.shape)
    elif two.op == "num" and two.data == 0:
        two = zero(one.shape)
    if one.shape != two.shape and right.node is not None and left.node is not None:
        for again in expressions(left, notation, two.shape):
            if isinstance(again, Expr) and again.shape == two.shape:
                return again, two
    return one, two


def _compared(step: Step, one: Expr, two: Expr, domains: tuple[Domain, ...], *, equation: bool = False) -> Step:
    """One relation of two expressions of one shape. equation: it is one for the unknown, and need hold only at the solution."""
    if one.shape != SCALAR and step.sign != "=":
        return replace(step, verdict="unreadable", how="an order between things that are no numbers")
    found: Violation | None = None
    names = occurring(one, two)
    for k, domain in enumerate(domains):
        if k and not _is_affected(domain, names):
            continue
        free = replace(domain, assumed=())
        exactly = _exactly(step.sign, one, two, domain)
        if exactly:
            if domain.solved and one.shape == SCALAR and not equation:
                return replace(step, verdict="unreadable", how="it holds at the solution, and for no other value")
            return replace(step, verdict="holds", how="the same expression" if one == two else "exact evaluation")
        found = violation(one, step.sign, two, free)
        if found is not None and not found.strict and domain.assumed:
            found = violation(one, step.sign, two, domain)
            exactly = None
        if found is None and exactly is not None:
            return replace(step, verdict="unreadable", how="the sides differ, but no point was found that shows it")
        if found is None:
            return replace(step, verdict="holds", how="no violation found in tilted samples", sampled=True)
        if found.strict:
            return replace(step, verdict="holds", how="no violation, but both sides can be equal", slip="strict", found=found, sampled=True)
    return replace(step, verdict="false", how="a counterexample", found=found)


def _is_affected(domain: Domain, names: frozenset[str]) -> bool:
    special = {key for key, _ in domain.values} | ({domain.iteration.last, domain.iteration.counter} if domain.iteration else set())
    return bool(special & names)


def _exactly(sign: str, one: Expr, two: Expr, domain: Domain) -> bool | None:
    """Are two sides equal, decided exactly? None for bounds, and where that takes more than rational operations."""
    if sign != "=":
        return None
    if one == two:
        return True
    drawn = {key for i in domain.introduced for key in i.keys}
    if domain.iteration or drawn & occurring(one, two):
        return None
    values = dict(domain.values)
    one, two = substituted(one, values), substituted(two, values)
    if mode_of(one, two) != "field":
        return None
    return decide_pair(one, two, domain.table, seed_of(one, two)).equal


def _repaired(step: Step, left: StepSide, right: StepSide, notation: Notation, misfit: str) -> Step:
    """Shapes that do not fit: false, with the slip of the pen that explains it where one does."""
    step = replace(step, verdict="false", slip="shape", how=misfit, shapes=(misfit, ""))
    for which, side in (("left", left), ("right", right)):
        assert side.node is not None
        if any(isinstance(e, Expr) for e in expressions(side, notation)):
            continue
        for node in bracketed(side.node):
            try:
                e = typed_side(node, notation, None, side.text)
            except Misshapen:
                continue
            fixed = replace(side, node=node, expression=e)
            return replace(
                step, slip="missing_parentheses", left=fixed if which == "left" else left, right=fixed if which == "right" else right
            )
        bad = replace(side, misfit=misfit)
        step = replace(step, left=bad) if which == "left" else replace(step, right=bad)
    return step


def _operated(step: Step, left: StepSide, right: StepSide, notation: Notation, domains: tuple[Domain, ...]) -> Step:
    """An equation with a gradient or a minimiser on a side, as an equation of numbers that holds in every direction."""
    if step.sign != "=":
        return replace(step, verdict="unreadable", how="a derivative in a bound")
    one, two = (_first(side, notation, None) for side in (left, right))
    step = replace(step, left=replace(left, expression=one), right=replace(right, expression=two))
    if left.operator and right.operator:
        if left.variable != right.variable:
            return replace(step, verdict="unreadable", how="two derivatives in different variables")
        pair = tuple(slope_of(e, left.variable, notation) for e in (one, two))
        result = _compared(step, pair[0], pair[1], domains)
        same = result.verdict == "holds" or "argmin" not in (left.operator, right.operator)
        return (
            replace(result, left=step.left, right=step.right)
            if same
            else replace(step, verdict="unreadable", how="two minimisers of different objectives")
        )
    operated, objective, plain, answer = (left, one, right, two) if left.operator else (right, two, left, one)
    shape = notation.table.by_key(operated.variable).shape
    if operated.operator == "argmin" and objective.shape != SCALAR:
        return replace(step, verdict="unreadable", how="a minimum of something else than a number")
    if operated.operator == "argmin":
        answer = _first(plain, notation, shape)
        if answer.shape != shape:
            return replace(step, verdict="unreadable", how="the minimiser has another shape than what varies")
        result = _compared(step, stationarity(objective, operated.variable, answer, notation), zero(SCALAR), domains, equation=True)
        return replace(result, left=step.left, right=step.right)
    if (answer.op == "num" and answer.data == 0) or answer.op == "zeros":
        result = _compared(step, slope_of(objective, operated.variable, notation), zero(objective.shape), domains, equation=True)
        return replace(result, left=step.left, right=step.right)
    for e in expressions(plain, notation, shape):
        if isinstance(e, Misshapen):
            raise e
        pair_of = directional(objective, operated.variable, e, notation)
        if pair_of is not None:
            free = tuple(d for d in domains if operated.variable not in {key for key, _ in d.values})
            result = _compared(step, pair_of[0], pair_of[1], free)
            return replace(result, left=step.left, right=step.right)
    return replace(step, verdict="unreadable", how="the layout of the derivative is not clear")


def _first(side: StepSide, notation: Notation, expected: Shape | None) -> Expr:
    for e in expressions(side, notation, expected):
        if isinstance(e, Misshapen):
            raise e
        return e
    raise Misshapen("nothing can be typed here", 0)


def slope_of(e: Expr, variable: str, notation: Notation) -> Expr:
    """The differential of an expression in the direction of the differential of a variable."""
    return differential(e, {variable: Expr("sym", (), notation.differentials[variable], notation.table.by_key(variable).shape)})


def stationarity(objective: Expr, variable: str, at: Expr, notation: Notation) -> Expr:
    """The differential of an objective at a point, in any direction: zero where the point is stationary."""
    direction = notation.differentials[variable]
    slope = differential(objective, {variable: Expr("sym", (), direction, at.shape)})
    return substituted(slope, {variable: at})


def directional(gradient_of: Expr, variable: str, answer: Expr, notation: Notation) -> tuple[Expr, Expr] | None:
    """A stated gradient as an equation of numbers: the differential in a direction, and the stated gradient times that direction."""
    direction_key = notation.differentials[variable]
    shape = notation.table.by_key(variable).shape
    direction = Expr("sym", (), direction_key, shape)
    slope = differential(gradient_of, {variable: direction})
    if shape == SCALAR:
        if answer.shape != gradient_of.shape:
            return None
        return slope, Expr("mul" if answer.shape == SCALAR else "scale", _ordered(answer, direction), None, answer.shape)
    if gradient_of.shape != SCALAR:
        # numerator layout: the Jacobian of a column
        if gradient_of.shape[1] != ONE or answer.shape != (gradient_of.shape[0], shape[0]) or shape[1] != ONE:
            return None
        return slope, Expr("matmul", (answer, direction), None, gradient_of.shape)
    if answer.shape == shape:
        row = Expr("transpose", (answer,), None, (shape[1], shape[0]))
    elif answer.shape == (shape[1], shape[0]):
        row = answer
    else:
        return None
    if shape[1] != ONE:
        return None
    return slope, Expr("matmul", (row, direction), None, SCALAR)


def _ordered(answer: Expr, direction: Expr) -> tuple[Expr, Expr]:
    return (answer, direction) if answer.shape == SCALAR else (direction, answer)


__all__ = [
    "Notation",
    "Step",
    "StepSide",
    "closing",
    "decided",
    "declared",
    "directional",
    "read_side",
    "single_name",
    "spelled",
    "stationarity",
    "three_names",
]
