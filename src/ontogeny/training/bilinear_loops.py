"""The bilinear network, its gradient and AdamW, compiled: one model through many updates inside one core's cache.

    h = (W_l x) ⊙ (W_r x),   logits = W_p h,   loss = mean cross-entropy of the batch
    ∂logits = (softmax − onehot) / batch,   ∂W_p = ∂logitsᵀ h,   ∂h = ∂logits W_p,   ∂W_l x = ∂h ⊙ W_r x,   ∂W_r x = ∂h ⊙ W_l x

x is one one-hot vector per position, so W x is a sum of looked-up rows of Wᵀ, and its gradient is scattered to the same rows.
AdamW is PyTorch's: p ← (1 − lr·decay) p − lr/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε).

All compiled code is in this one file because Numba's cache on disk notices a change of a function's own file only.
Types are Numba's to infer, at the first call.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import Any

import llvmlite.binding  # type: ignore[import-untyped]
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from ontogeny.numerics.compiled import compiled

# A tile of sums should fill the machine's registers and not spill: 32 of 16 floats, or 16 of 8 (also good for 32 of 4).
_WIDEST = llvmlite.binding.get_host_cpu_features().get("avx512f", False)
LANES, ROWS, VECTORS = (16, 6, 4) if _WIDEST else (8, 6, 2)


def _tile(rows: int, vectors: int) -> Any:
    """C[:rows, :LANES·vectors] = Σ_k A[:, k] B[k, :], the sums held in registers. Matrices are (array, offset, strides)."""
    lanes = ir.VectorType(ir.FloatType(), LANES)

    @intrinsic
    def tile(typing, a, a_at, a_row, a_k, b, b_at, b_k, c, c_at, c_row, depth):
        def generate(context, builder, signature, args):
            a, a_at, a_row, a_k, b, b_at, b_k, c, c_at, c_row, depth = args
            a, b, c = (
                context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 4, 7)
            )

            def at(data, *terms):
                index = terms[0]
                for term in terms[1:]:
                    index = builder.add(index, term)
                return builder.gep(data, [index])

            def times(stride, n):
                return builder.mul(stride, ir.Constant(stride.type, n))

            def vector(pointer):
                return builder.bitcast(pointer, lanes.as_pointer())

            zero, splat = ir.Constant(lanes, None), ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)
            sums = {
                (r, v): cgutils.alloca_once_value(builder, zero) for r in range(rows) for v in range(vectors)
            }
            with cgutils.for_range(builder, depth) as loop:
                k = loop.index
                base = builder.add(b_at, builder.mul(k, b_k))
                right = [
                    builder.load(vector(at(b, base, ir.Constant(base.type, LANES * v))), align=4)
                    for v in range(vectors)
                ]
                for r in range(rows):
                    left = builder.load(at(a, a_at, times(a_row, r), builder.mul(k, a_k)))
                    left = builder.insert_element(zero, left, ir.Constant(ir.IntType(32), 0))
                    left = builder.shuffle_vector(left, zero, splat)
                    for v in range(vectors):
                        product = builder.fmul(left, right[v], flags=("contract",))
                        total = builder.fadd(builder.load(sums[r, v]), product, flags=("contract",))
                        builder.store(total, sums[r, v])
            for (r, v), held in sums.items():
                place = at(c, c_at, times(c_row, r), ir.Constant(c_at.type, LANES * v))
                builder.store(builder.load(held), vector(place), align=4)
            return context.get_dummy_value()

        return numba.void(a, a_at, a_row, a_k, b, b_at, b_k, c, c_at, c_row, depth), generate

    return tile


_wide, _wide_row, _narrow, _narrow_row = _tile(ROWS, VECTORS), _tile(1, VECTORS), _tile(8, 1), _tile(1, 1)


@compiled("contract", "reassoc", "nsz", part=True)
def _matmul(a, a_row, a_k, b, b_k, c, c_row, rows, columns, depth):
    """C = A B for flat arrays. The last tile of a side overlaps the one before it: the same sums are written twice."""
    if columns < LANES:
        for i in range(rows):
            for j in range(columns):
                total = np.float32(0)
                for k in range(depth):
                    total += a[i * a_row + k * a_k] * b[k * b_k + j]
                c[i * c_row + j] = total
        return
    j = 0
    while j < columns:
        if j + VECTORS * LANES <= columns:
            for i in range(0, rows, ROWS if rows >= ROWS else 1):
                if rows >= ROWS:
                    i = min(i, rows - ROWS)
                    _wide(a, i * a_row, a_row, a_k, b, j, b_k, c, i * c_row + j, c_row, depth)
                else:
                    _wide_row(a, i * a_row, a_row, a_k, b, j, b_k, c, i * c_row + j, c_row, depth)
            j += VECTORS * LANES
        else:
            j = min(j, columns - LANES)
            for i in range(0, rows, 8 if rows >= 8 else 1):
                if rows >= 8:
                    i = min(i, rows - 8)
                    _narrow(a, i * a_row, a_row, a_k, b, j, b_k, c, i * c_row + j, c_row, depth)
                else:
                    _narrow_row(a, i * a_row, a_row, a_k, b, j, b_k, c, i * c_row + j, c_row, depth)
            j += LANES


_LOG2E, _LN2_HIGH, _LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
_C = tuple(
    map(
        np.float32, (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5)
    )
)
_ONE, _SHIFT, _FLOOR = np.float32(1), np.float32(1.5 * 2**23), np.float32(-80)


@compiled("contract", part=True)
def _exp(x):
    """e^x for x ≤ 0, without a branch: 2^n · polynomial (Cephes), 1e−7 relative. Below −80 it stays e^−80: no subnormals."""
    x = _FLOOR if x < _FLOOR else x
    shifted = x * _LOG2E + _SHIFT  # the nearest integer stands in the last bits of this number
    n = shifted - _SHIFT
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_C[0] * r + _C[1]) * r + _C[2]) * r + _C[3]) * r + _C[4]) * r + _C[5]
    return (p * r * r + r + _ONE) * np.int32(
        (np.float32(shifted).view(np.int32) + np.int32(127)) << np.int32(23)
    ).view(np.float32)


@compiled(part=True)
def _maxima(logits, tops):
    """The largest entry of each row, found among integers that sort like the floats: those vectorise without assuming away
    NaN."""
    for e in range(tops.size):
        top = np.int32(-(2**31))
        for j in range(logits.shape[1]):
            bits = np.float32(logits[e, j]).view(np.int32)
            top = max(top, np.int32(bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF))))
        tops[e] = np.int32(top ^ ((top >> np.int32(31)) & np.int32(0x7FFFFFFF))).view(np.float32)


@compiled("contract", "reassoc", "nsz", part=True)
def _exponentials(logits, tops, sums):
    """logits ← e^(logits − top) row by row, and the sums of the rows. One loop for all rows: constants stay in registers."""
    for e in range(tops.size):
        top, total = tops[e], np.float32(0)
        for j in range(logits.shape[1]):
            logits[e, j] = _exp(logits[e, j] - top)
            total += logits[e, j]
        sums[e] = total


@compiled("contract", part=True)
def _hidden(W_l, W_r, inputs, rows, left, right, hidden):
    vocab, d = W_l.shape[0] // 2, W_l.shape[1]
    for e in range(rows.size):
        a, b = inputs[rows[e], 0], vocab + inputs[rows[e], 1]
        for h in range(d):
            left[e, h] = W_l[a, h] + W_l[b, h]
            right[e, h] = W_r[a, h] + W_r[b, h]
            hidden[e, h] = left[e, h] * right[e, h]


@compiled("contract", part=True)
def _adamw(w, m, v, g, lr, weight_decay, beta1, beta2, eps, t):
    """Update number t. The gradient is left at zero for the next one."""
    keep, step = np.float32(1 - lr * weight_decay), np.float32(lr / (1 - beta1**t))
    root, eps = np.float32(1 / np.sqrt(1 - beta2**t)), np.float32(eps)
    old1, new1, old2, new2 = (
        np.float32(beta1),
        np.float32(1 - beta1),
        np.float32(beta2),
        np.float32(1 - beta2),
    )
    for i in range(w.size):
        m[i] = old1 * m[i] + new1 * g[i]
        v[i] = old2 * v[i] + new2 * (g[i] * g[i])
        w[i] = keep * w[i] - step * m[i] / (np.sqrt(v[i]) * root + eps)
        g[i] = np.float32(0)


@compiled(part=True)
def _finite(w):
    """Looks at exponent bits, which no arithmetic freedom can optimise away."""
    mask, bad = np.int32(0x7F800000), 0
    for i in range(w.size):
        bad += (np.float32(w[i]).view(np.int32) & mask) == mask
    return bad == 0


@compiled("contract")
def advance(w, m, v, d, n_in, n_out, hyper, inputs, labels, batches, first_step):
    """All updates of one model, in place; w, m, v are flat (W_lᵀ, W_rᵀ, W_pᵀ). Are the weights finite afterwards?"""
    lr, weight_decay, beta1, beta2, eps = hyper
    size, batch, wide = n_in * d, batches.shape[1], (d + LANES - 1) // LANES * LANES
    W_l, W_r, W_p = w[:size].reshape(n_in, d), w[size : 2 * size].reshape(n_in, d), w[2 * size :]
    g = np.zeros_like(w)
    g_l, g_r, g_p = g[:size].reshape(n_in, d), g[size : 2 * size].reshape(n_in, d), g[2 * size :]
    left, right = np.empty((batch, d), np.float32), np.empty((batch, d), np.float32)
    hidden, logits = np.empty((batch, d), np.float32), np.empty((batch, n_out), np.float32)
    tops, sums = np.empty(batch, np.float32), np.empty(batch, np.float32)
    g_hidden, back = np.empty((batch, wide), np.float32), np.zeros((n_out, wide), np.float32)
    flat_hidden, flat_logits = hidden.reshape(-1), logits.reshape(-1)
    vocab, share = n_in // 2, np.float32(1 / batch)
    for s in range(batches.shape[0]):
        rows = batches[s]
        _hidden(W_l, W_r, inputs, rows, left, right, hidden)
        _matmul(flat_hidden, d, 1, W_p, n_out, flat_logits, n_out, batch, n_out, d)
        _maxima(logits, tops)
        _exponentials(logits, tops, sums)
        for e in range(batch):
            scale = share / sums[e]
            for j in range(n_out):
                logits[e, j] *= scale
            logits[e, labels[rows[e]]] -= share
        _matmul(flat_hidden, 1, d, flat_logits, n_out, g_p, n_out, d, n_out, batch)
        for j in range(n_out):
            for h in range(d):
                back[j, h] = W_p[h * n_out + j]
        _matmul(flat_logits, n_out, 1, back.reshape(-1), wide, g_hidden.reshape(-1), wide, batch, wide, n_out)
        for e in range(batch):
            a, b = inputs[rows[e], 0], vocab + inputs[rows[e], 1]
            for h in range(d):  # left and right have done their work: ∂ of each takes the other's place
                left[e, h], right[e, h] = g_hidden[e, h] * right[e, h], g_hidden[e, h] * left[e, h]
            for h in range(d):
                g_l[a, h] += left[e, h]
            for h in range(d):
                g_l[b, h] += left[e, h]
            for h in range(d):
                g_r[a, h] += right[e, h]
            for h in range(d):
                g_r[b, h] += right[e, h]
        _adamw(w, m, v, g, lr, weight_decay, beta1, beta2, eps, first_step + s + 1)
    return _finite(w)


@compiled(part=True)
def _is_first(logits, top, label):
    """Whether the label's logit is the largest, and the first of those that are."""
    first = logits[label] == top
    if first:
        for j in range(label):
            first &= logits[j] != top
    return first


@compiled("contract")
def reach(w, d, n_in, n_out, inputs, labels, rows, needed):
    """Whether at least ``needed`` of the rows are right (NaN beside the largest logit is not looked for); ends when that is out
    of reach."""
    size, chunk, right = n_in * d, 32, 0
    W_l, W_r, W_p = w[:size].reshape(n_in, d), w[size : 2 * size].reshape(n_in, d), w[2 * size :]
    by_l, by_r = np.empty((chunk, d), np.float32), np.empty((chunk, d), np.float32)
    hidden, logits = np.empty((chunk, d), np.float32), np.empty((chunk, n_out), np.float32)
    tops = np.empty(chunk, np.float32)
    for start in range(0, rows.size, chunk):
        if right + rows.size - start < needed:
            return False
        seen = rows[start : start + chunk]
        n = seen.size
        _hidden(W_l, W_r, inputs, seen, by_l, by_r, hidden)
        _matmul(hidden.reshape(-1), d, 1, W_p, n_out, logits.reshape(-1), n_out, n, n_out, d)
        _maxima(logits, tops[:n])
        for e in range(n):
            right += _is_first(logits[e], tops[e], labels[seen[e]])
    return right >= needed


@compiled("contract", part=True)
def _evaluate(w, d, n_in, n_out, inputs, labels, loss, correct):
    size, chunk = n_in * d, 64
    W_l, W_r, W_p = w[:size].reshape(n_in, d), w[size : 2 * size].reshape(n_in, d), w[2 * size :]
    left, right = np.empty((chunk, d), np.float32), np.empty((chunk, d), np.float32)
    hidden, logits = np.empty((chunk, d), np.float32), np.empty((chunk, n_out), np.float32)
    tops, sums, own = (
        np.empty(chunk, np.float32),
        np.empty(chunk, np.float32),
        np.empty(chunk, np.float32),
    )
    for start in range(0, labels.size, chunk):
        rows = np.arange(start, min(start + chunk, labels.size))
        n = rows.size
        _hidden(W_l, W_r, inputs, rows, left, right, hidden)
        _matmul(hidden.reshape(-1), d, 1, W_p, n_out, logits.reshape(-1), n_out, n, n_out, d)
        _maxima(logits, tops[:n])
        for e in range(n):
            own[e] = logits[e, labels[start + e]]
            correct[start + e] = _is_first(logits[e], tops[e], labels[start + e])
        _exponentials(logits, tops[:n], sums[:n])
        for e in range(n):
            loss[start + e] = np.log(sums[e]) + (tops[e] - own[e])
            correct[start + e] &= loss[start + e] == loss[start + e]


@compiled("contract")
def evaluate(w, d, n_in, n_out, inputs, labels, loss, correct):
    """Per-example loss, and whether the first largest logit is the label's."""
    _evaluate(w, d, n_in, n_out, inputs, labels, loss, correct)


@compiled("contract")
def means(w, d, n_in, n_out, inputs, labels, rows, ends, out):
    """Mean loss and accuracy over parts of the table, in float64: out (part, 2). Part i is ``rows[ends[i − 1] : ends[i]]``."""
    loss, correct = np.empty(labels.size, np.float32), np.empty(labels.size, np.bool_)
    _evaluate(w, d, n_in, n_out, inputs, labels, loss, correct)
    start = 0
    for part in range(ends.size):
        total, right = 0.0, 0
        for row in rows[start : ends[part]]:
            total += loss[row]
            right += correct[row]
        out[part, 0], out[part, 1] = total / (ends[part] - start), right / (ends[part] - start)
        start = ends[part]
