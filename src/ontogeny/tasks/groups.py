"""Tasks that are addition under other names: which number, and which answer, is which element of Z_n.

A circuit for addition in Z_n is made of waves over the elements, so lenses of frequency look at a task in this labelling:

    (a + b) mod p        as it is
    (a − b) mod p        b counted backwards
    (αa + βb + γ) mod p  a and b in multiples of 1/α and 1/β
    a b mod p            discrete logarithms of the units; what has none (0, divisors of p) is left out

Multiplication has such a labelling where the units of Z_p are a cyclic group (p = 2, 4, qᵏ, 2qᵏ with q an odd prime).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Group:
    """Element i of Z_n is the number ``a[i]`` as first operand, ``b[i]`` as second, and the output ``answers[i]``."""

    a: Tensor
    b: Tensor
    answers: Tensor
    words: str = ""  # how the labelling is said; empty: numbers are elements as they are

    @property
    def n(self) -> int:
        return len(self.a)


def plain(p: int) -> Group:
    """Addition modulo p."""
    return Group(*3 * (torch.arange(p),))


def affine(p: int, first: int, second: int, constant: int) -> Group | None:
    """(first · a + second · b + constant) mod p; None unless both factors have an inverse."""
    if gcd(first, p) > 1 or gcd(second, p) > 1:
        return None
    if (first % p, second % p, constant % p) == (1, 1, 0):
        return plain(p)
    i = torch.arange(p)
    a, b = pow(first, -1, p) * (i - constant) % p, pow(second, -1, p) * i % p
    if (first % p, second % p, constant % p) == (1, p - 1, 0):
        return Group(a, b, i, "b counted backwards")
    return Group(a, b, i, f"a counted as ({first}·a + {constant}) mod {p}, b as {second}·b mod {p}")


def units(p: int, factor: int = 1, first: int = 0, second: int = 0, constant: int = 0) -> Group | None:
    """factor · (a + first)(b + second) + constant modulo p; None unless the units of Z_p are one cycle and the factor is one."""
    base = primitive_root(p)
    if base is None or gcd(factor, p) > 1:
        return None
    power = [1]
    while (following := power[-1] * base % p) != 1:
        power.append(following)
    u = torch.tensor(power)
    shifts = [f" of {x} + {by % p}" for x, by in (("a", first), ("b", second)) if by % p]
    words = f"discrete logarithms to base {base} modulo {p}" + ",".join(shifts)
    return Group((u - first) % p, (u - second) % p, (factor * u + constant) % p, words)


def polynomial(p: int, aa: int, ab: int, bb: int, a: int, b: int, constant: int) -> Group | None:
    """aa·a² + ab·a b + bb·b² + a·a + b·b + constant modulo p, where it is a sum or a product of shifted numbers."""
    if aa % p or bb % p:
        return None
    if ab % p == 0:
        return affine(p, a, b, constant)
    if gcd(ab, p) > 1:
        return None
    inverse = pow(ab, -1, p)
    return units(p, ab, b * inverse, a * inverse, constant - a * b * inverse)


def primitive_root(p: int) -> int | None:
    """The smallest number whose powers are all units of Z_p; None where no number's are."""
    order = sum(gcd(x, p) == 1 for x in range(1, p))
    for base in range(1, p):
        power, steps = base, 1
        while gcd(base, p) == 1 and power != 1:
            power, steps = power * base % p, steps + 1
        if gcd(base, p) == 1 and steps == order:
            return base
    return None
