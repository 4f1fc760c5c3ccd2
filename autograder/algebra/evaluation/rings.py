"""Where expressions are evaluated: integers modulo a prime, exact fractions, real numbers of high precision.

A ring says how to bring in a constant, how to reduce after a sum of products, how to invert, and, where numbers are ordered,
how to compare and what the usual functions are. `Undefined` means that an expression has no value at a point.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from random import Random
from typing import Any, Final, TypeAlias

from autograder.algebra.limits import DIGITS, MODULUS_BITS
from autograder.errors import AutograderError

Number: TypeAlias = Any
"""An element of a ring: int, Fraction or mpf."""
Matrix: TypeAlias = list[list[Number]]
Value: TypeAlias = Any
"""A Number, or a Matrix for whatever is no single number."""

TOO_LARGE: Final = 10**4
"""Arguments of exp beyond this have no value for us: results that long would take minutes."""


class Undefined(AutograderError):
    """No value at this point: a division by zero, a singular matrix, a logarithm of a negative number."""


class Unsupported(AutograderError):
    """This ring cannot compute this: an order in a finite field, a root among fractions."""


class Ring:
    """What all rings share; see the module."""

    ordered = False

    def const(self, value: Fraction) -> Number:
        """A rational constant."""
        raise NotImplementedError

    def red(self, x: Number) -> Number:
        """The representative of a sum of products."""
        return x

    def inv(self, x: Number) -> Number:
        """1/x. Raises Undefined for 0."""
        raise NotImplementedError

    def constant(self, name: str) -> Number:
        """`pi` or `e`."""
        raise Unsupported(name)

    def is_zero(self, x: Number) -> bool:
        """Is x zero?"""
        return bool(x == 0)

    def sign(self, x: Number) -> int:
        """-1, 0 or 1. Raises Unsupported where there is no order."""
        raise Unsupported("order", x)

    def function(self, name: str, x: Number) -> Number:
        """exp, log, sqrt, ... of a number."""
        raise Unsupported(name, x)

    def root_power(self, x: Number, exponent: Fraction) -> Number:
        """x to a fraction."""
        raise Unsupported("root", x, exponent)

    def real_power(self, x: Number, y: Number) -> Number:
        """x to the y."""
        raise Unsupported("power", x, y)

    def size(self, x: Number) -> Any:
        """What a pivot is chosen by."""
        return 0 if self.is_zero(x) else 1


class Modular(Ring):
    """Integers modulo a prime. pi and e are transcendental over the rationals, so each is an indeterminate: a random element."""

    def __init__(self, prime: int, rng: Random) -> None:
        self.p = prime
        self.constants = {"pi": rng.randrange(prime), "e": rng.randrange(prime)}

    def const(self, value: Fraction) -> int:
        """Raises Undefined where the prime divides the denominator."""
        if value.denominator == 1:
            return value.numerator % self.p
        return value.numerator * self.inv(value.denominator) % self.p

    def red(self, x: int) -> int:
        """Modulo the prime."""
        return x % self.p

    def inv(self, x: int) -> int:
        """By the extended Euclidean algorithm."""
        try:
            return pow(x, -1, self.p)
        except ValueError:
            raise Undefined("a division by zero") from None

    def constant(self, name: str) -> int:
        """A random element that stands for it."""
        return self.constants[name]

    def is_zero(self, x: int) -> bool:
        """Zero modulo the prime."""
        return x % self.p == 0


class Exact(Ring):
    """Fractions. Roots only of perfect squares."""

    ordered = True

    def const(self, value: Fraction) -> Fraction:
        """As it is."""
        return value

    def inv(self, x: Fraction) -> Fraction:
        """Exactly."""
        if x == 0:
            raise Undefined("a division by zero")
        return 1 / Fraction(x)

    def sign(self, x: Fraction) -> int:
        """Exactly."""
        return (x > 0) - (x < 0)

    def function(self, name: str, x: Fraction) -> Fraction:
        """The functions that stay rational."""
        if name == "abs":
            return abs(x)
        if name == "sign":
            return Fraction(self.sign(x))
        if name == "relu":
            return x if x > 0 else Fraction(0)
        if name == "relu_prime":
            return Fraction(int(x > 0))
        if name == "reciprocal":
            return self.inv(x)
        if name == "sqrt":
            return self.root_power(x, Fraction(1, 2))
        raise Unsupported(name)

    def root_power(self, x: Fraction, exponent: Fraction) -> Fraction:
        """Where the root is a fraction again."""
        x = Fraction(x)
        if x < 0:
            raise Undefined("a root of a negative number")
        if exponent.denominator != 2:
            raise Unsupported("root")
        top, bottom = math.isqrt(x.numerator), math.isqrt(x.denominator)
        if top * top != x.numerator or bottom * bottom != x.denominator:
            raise Unsupported("root")
        root = Fraction(top, bottom)
        if root == 0 and exponent < 0:
            raise Undefined("a division by zero")
        return root**exponent.numerator


@lru_cache(maxsize=4)
def _context(digits: int) -> Any:
    """A context of its own, so that nobody's precision is changed."""
    import mpmath

    context = mpmath.MPContext()
    context.dps = digits
    return context


EXACT: Final = Exact()
"""It has no state, so that one is enough."""


class Real(Ring):
    """Real numbers with `digits` decimal digits (mpmath). What is smaller than half of the digits counts as zero in comparisons."""

    ordered = True

    def __init__(self, digits: int = DIGITS) -> None:
        self.ctx = _context(digits)
        self.tiny = self.ctx.mpf(10) ** (-(digits * 4) // 5)

    def const(self, value: Fraction) -> Any:
        """Correctly rounded."""
        if value.denominator == 1:
            return self.ctx.mpf(value.numerator)
        return self.ctx.mpf(value.numerator) / value.denominator

    def inv(self, x: Any) -> Any:
        """Undefined where x cannot be told from 0."""
        if abs(x) <= self.tiny:
            raise Undefined("a division by zero")
        return 1 / x

    def constant(self, name: str) -> Any:
        """To all digits."""
        return +self.ctx.pi if name == "pi" else +self.ctx.e

    def is_zero(self, x: Any) -> bool:
        """Up to rounding."""
        return bool(abs(x) <= self.tiny)

    def sign(self, x: Any) -> int:
        """Up to rounding."""
        return 0 if abs(x) <= self.tiny else (1 if x > 0 else -1)

    def size(self, x: Any) -> Any:
        """For partial pivoting."""
        return abs(x)

    def function(self, name: str, x: Any) -> Any:
        """Raises Undefined outside of the domain, and where the value would be too long to compute."""
        ctx = self.ctx
        x = ctx.mpf(x)
        if name in ("exp", "sinh", "cosh", "expm1", "exp_prime"):
            if abs(x) > TOO_LARGE:
                raise Undefined("an overflow")
            if name == "expm1":
                return ctx.exp(x) - 1
            return ctx.exp(x) if name in ("exp", "exp_prime") else getattr(ctx, name)(x)
        if name in ("log", "log1p", "log2", "log10"):
            x = 1 + x if name == "log1p" else x
            if x <= self.tiny:
                raise Undefined("a logarithm of a number that is not positive")
            return ctx.log(x) if name in ("log", "log1p") else ctx.log(x) / ctx.log(2 if name == "log2" else 10)
        if name == "sqrt":
            return self.root_power(x, Fraction(1, 2))
        if name == "abs":
            return abs(x)
        if name == "sign":
            return ctx.mpf(self.sign(x))
        if name == "relu":
            return x if self.sign(x) > 0 else ctx.mpf(0)
        if name == "relu_prime":
            return ctx.mpf(int(self.sign(x) > 0))
        if name in ("reciprocal", "log_prime"):
            return self.inv(x)
        if name in ("sigmoid", "sigmoid_prime", "softplus", "softplus_prime", "tanh", "tanh_prime"):
            if abs(x) > TOO_LARGE:
                raise Undefined("an overflow")
            s = 1 / (1 + ctx.exp(-x))
            if name in ("sigmoid", "softplus_prime"):
                return s
            if name == "sigmoid_prime":
                return s * (1 - s)
            if name == "softplus":
                return ctx.log(1 + ctx.exp(x))
            return ctx.tanh(x) if name == "tanh" else 1 - ctx.tanh(x) ** 2
        if name in ("sin", "cos", "tan"):
            if abs(x) > 10**9:
                raise Undefined("an overflow")
            return getattr(ctx, name)(x)
        if name == "atan":
            return ctx.atan(x)
        raise Unsupported(name)

    def root_power(self, x: Any, exponent: Fraction) -> Any:
        """Of numbers that are not negative; odd roots of negative ones are real, too."""
        if self.sign(x) == 0:
            if exponent < 0:
                raise Undefined("a division by zero")
            return self.ctx.mpf(0)
        if x < 0:
            if exponent.denominator % 2 == 0:
                raise Undefined("a root of a negative number")
            root = -self.ctx.root(-x, exponent.denominator)
        else:
            root = self.ctx.root(x, exponent.denominator)
        return root**exponent.numerator

    def real_power(self, x: Any, y: Any) -> Any:
        """Of a positive base."""
        if self.sign(x) <= 0:
            raise Undefined("a power of a number that is not positive")
        exponent = y * self.ctx.log(x)
        if abs(exponent) > TOO_LARGE:
            raise Undefined("an overflow")
        return self.ctx.exp(exponent)


_SMALL_PRIMES: Final = math.prod((3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97))
_WITNESSES: Final = (2, 325, 9375, 28178, 450775, 9780504, 1795265022)
"""Bases for which the Miller-Rabin test is a proof below 2^64 (found by J. Sinclair, 2011)."""


@lru_cache(maxsize=1024)
def prime_of(seed: int) -> int:
    """The prime of a decision: `random_prime`, drawn from its seed."""
    return random_prime(Random(seed))


def random_prime(rng: Random) -> int:
    """A prime of MODULUS_BITS bits, about uniformly drawn: the first one after a random number."""
    n = rng.getrandbits(MODULUS_BITS - 1) | (1 << (MODULUS_BITS - 1)) | 1
    while not _is_prime(n):
        n += 2
    return n


def _is_prime(n: int) -> bool:
    if math.gcd(n, _SMALL_PRIMES) != 1:
        return False
    d, s = n - 1, 0
    while d % 2 == 0:
        d //= 2
        s += 1
    for a in _WITNESSES:
        x = pow(a, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(s - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True
