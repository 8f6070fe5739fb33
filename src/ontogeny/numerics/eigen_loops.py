"""Eigenvalues of symmetric matrices, compiled, several matrices side by side in the lanes of a register.

A library takes one small matrix at a time, and its loops are too short to fill a core. Here a register holds the same entry of
several matrices, so every loop is full whatever the size, and no matrix's arithmetic knows which others are there.

    A = Q T Qᵀ        Householder reflections (Golub & Van Loan, Matrix Computations, §8.3.1)
    T → eigenvalues   QL without square roots (Pal, Walker, Kahan; LAPACK's dsterf)

All compiled code is in this one file because Numba's cache on disk notices a change of a function's own file only.
"""

# mypy: disable-error-code="no-untyped-def,call-arg"

from __future__ import annotations

import llvmlite.binding  # type: ignore[import-untyped]
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from ontogeny.numerics.compiled import compiled

# Matrices at once: one register in the reduction, whose triangles should stay in a core's cache, and several in the chase, whose steps wait for one another.
LANES = 8 if llvmlite.binding.get_host_cpu_features().get("avx512f", False) else 4
CHASED = 16

_SMALL = 1e-12  # of the norm: an off-diagonal entry that counts as zero
_MOST = 60  # sweeps for one eigenvalue; two or three are needed


@intrinsic
def _row(typing, A, at, first, i, v, w, u, y):
    """Row i of the triangle from column ``first``: A −= v wᵀ + w vᵀ, and y += A u, for the entry and its mirror image.

    In registers by hand: of loops this short in this many arrays a compiler makes scalar code, six times slower.
    """
    lanes = ir.VectorType(ir.DoubleType(), LANES)

    def generate(context, builder, signature, args):
        A, at, first, i, *rest = args
        kinds = (signature.args[0], *signature.args[4:])
        A, v, w, u, y = (
            context.make_array(kind)(context, builder, array).data
            for kind, array in zip(kinds, (A, *rest), strict=True)
        )

        def place(data, row):
            index = builder.mul(row, ir.Constant(row.type, LANES))
            return builder.bitcast(builder.gep(data, [index]), lanes.as_pointer())

        def load(data, row):
            return builder.load(place(data, row), align=8)

        def less(total, a, b):
            return builder.fsub(total, builder.fmul(a, b, flags=("contract",)), flags=("contract",))

        def more(total, a, b):
            return builder.fadd(total, builder.fmul(a, b, flags=("contract",)), flags=("contract",))

        v_i, w_i, u_i = load(v, i), load(w, i), load(u, i)
        total = cgutils.alloca_once_value(builder, load(y, i))

        def entry(j):
            pair = builder.add(at, j)
            a = less(less(load(A, pair), v_i, load(w, j)), w_i, load(v, j))
            builder.store(a, place(A, pair), align=8)
            builder.store(more(builder.load(total), a, load(u, j)), total)
            return a

        with cgutils.for_range_slice(builder, first, i, ir.Constant(i.type, 1)) as (j, _):
            a = entry(j)
            builder.store(more(load(y, j), a, u_i), place(y, j), align=8)
        entry(i)
        builder.store(builder.load(total), place(y, i), align=8)
        return context.get_dummy_value()

    return numba.void(A, at, first, i, v, w, u, y), generate


@compiled("contract", part=True)
def tridiagonal(packed, d, e):
    """Diagonals ``d`` and squared off-diagonals ``e`` (n, LANES) of the first LANES matrices of ``packed`` (pair, matrix).

    ``packed`` holds lower triangles row by row. One pass over the triangle a step: the rank-two update of the step before, and
    the product with the reflection of this one.
    """
    n, count = d.shape[0], min(LANES, packed.shape[1])
    A, at = np.zeros((packed.shape[0], LANES)), 0
    for pair in range(packed.shape[0]):
        for lane in range(count):
            A[pair, lane] = packed[pair, lane]
    v, w = np.zeros((n, LANES)), np.zeros((n, LANES))
    u, y = np.zeros((n, LANES)), np.zeros((n, LANES))
    for k in range(n):
        for i in range(k, n):
            at = i * (i + 1) // 2 + k
            for x in range(LANES):
                u[i, x] = A[at, x] - v[i, x] * w[k, x] - w[i, x] * v[k, x]
        if k == n - 1:
            for x in range(LANES):
                d[k, x], e[k, x] = u[k, x], 0.0
            return
        for x in range(LANES):
            d[k, x] = u[k, x]
            square = 0.0
            for i in range(k + 1, n):
                square += u[i, x] * u[i, x]
            e[k, x] = square
            # Reflect onto the first axis: u ← u ± ‖u‖ e₁, scaled so that the reflection is 1 − u uᵀ.
            norm, head = np.sqrt(square), u[k + 1, x]
            half = square + abs(head) * norm
            u[k + 1, x] = head + np.copysign(norm, head)
            scale = 1 / np.sqrt(half) if half > 0 else 0.0
            for i in range(k + 1, n):
                u[i, x] *= scale
        for i in range(k + 1, n):
            for x in range(LANES):
                y[i, x] = 0.0
        for i in range(k + 1, n):
            _row(A, i * (i + 1) // 2, k + 1, i, v, w, u, y)
        for x in range(LANES):
            product = 0.0
            for i in range(k + 1, n):
                product += u[i, x] * y[i, x]
            for i in range(k + 1, n):
                v[i, x], w[i, x] = u[i, x], y[i, x] - product / 2 * u[i, x]


@compiled("contract", part=True)
def chase(d, e):
    """Eigenvalues of tridiagonal matrices in place of their diagonals ``d`` (n, CHASED), unsorted; ``e`` squared off-diagonals.

    Every lane goes through the same rows; one whose eigenvalue is found stands still until the others have theirs.
    """
    n = d.shape[0]
    tiny, moving, shift = np.zeros(CHASED), np.zeros(CHASED), np.zeros(CHASED)
    c, s, gamma, p = np.zeros(CHASED), np.zeros(CHASED), np.zeros(CHASED), np.zeros(CHASED)
    for x in range(CHASED):
        for i in range(n):
            tiny[x] = max(tiny[x], d[i, x] * d[i, x] * _SMALL**2, e[i, x] * _SMALL**2)
    for first in range(n - 1):
        for _ in range(_MOST):
            left = 0.0
            for x in range(CHASED):
                moving[x] = 1.0 if e[first, x] > tiny[x] else 0.0
                left += moving[x]
            if left == 0:
                break
            for x in range(CHASED):
                root = np.sqrt(max(e[first, x], tiny[x])) + 1e-300
                sigma = (d[first + 1, x] - d[first, x]) / (2 * root)
                shift[x] = d[first, x] - root / (sigma + np.copysign(np.sqrt(sigma * sigma + 1), sigma))
                c[x], s[x] = 1.0, 0.0
                gamma[x] = d[n - 1, x] - shift[x]
                p[x] = gamma[x] * gamma[x]
            for i in range(n - 2, first - 1, -1):
                for x in range(CHASED):
                    square = e[i, x]
                    r = p[x] + square
                    below, inverse = s[x] * r, 1 / r
                    cosine = p[x] * inverse if r > 0 else 1.0
                    sine = square * inverse if r > 0 else 0.0
                    new = cosine * (d[i, x] - shift[x]) - sine * gamma[x]
                    diagonal = gamma[x] + (d[i, x] - new)
                    p[x] = new * new / cosine if cosine > 0 else c[x] * square
                    c[x], s[x], gamma[x] = cosine, sine, new
                    e[i + 1, x] = below if moving[x] > 0 else e[i + 1, x]
                    d[i + 1, x] = diagonal if moving[x] > 0 else d[i + 1, x]
            for x in range(CHASED):
                if moving[x] > 0:
                    e[first, x], d[first, x] = s[x] * p[x], shift[x] + gamma[x]


@compiled("contract")
def eigenvalues(packed, first, last, out):
    """Of the matrices ``first … last − 1`` of ``packed`` (pair, matrix), lower triangles row by row: ``out`` (n, matrix),
    unsorted."""
    n = out.shape[0]
    for group in range(first, last, CHASED):
        d, e = np.zeros((n, CHASED)), np.zeros((n, CHASED))
        for start in range(0, min(CHASED, last - group), LANES):
            part_d, part_e = np.zeros((n, LANES)), np.zeros((n, LANES))
            tridiagonal(packed[:, group + start : last], part_d, part_e)
            d[:, start : start + LANES], e[:, start : start + LANES] = part_d, part_e
        chase(d, e)
        for x in range(min(CHASED, last - group)):
            out[:, group + x] = d[:, x]
