"""TopK autoencoding without the zeros: the encoder is a product of matrices, everything behind it k products of vectors an example.

    pre = x W_enc + b_enc,   acts = the k largest of max(pre, 0),   rebuilt = acts W_dec

A dense backward pass multiplies five matrices of which 1 − k/atoms are zeros; here loops visit the k atoms of each example. Examples
are gone through in their order and every model by itself, so nobody's bits depend on company. For float32 on a processor; the dense spelling is
:func:`ontogeny.numerics.sparse_codes.top_k`, with which it is tested to agree.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ontogeny.numerics.compiled import compiled


def can(*tensors: Tensor) -> bool:
    """Whether the loops apply to these."""
    return all(t.device.type == "cpu" and t.dtype == torch.float32 for t in tensors)


def top_k_autoencode(x: Tensor, W_enc: Tensor, b_enc: Tensor, W_dec: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """(rebuilt (…, example, d), acts (…, example, atom)) of x (…, example, d) with weights of the same leading axes; differentiable."""
    lead = W_enc.shape[:-2]
    flat = [
        t.reshape(-1, *t.shape[len(lead) :]) for t in (x.expand(*lead, *x.shape[-2:]), W_enc, b_enc, W_dec)
    ]
    rebuilt, acts = _TopK.apply(*flat, k)
    return rebuilt.view(*lead, *rebuilt.shape[1:]), acts.view(*lead, *acts.shape[1:])


class _TopK(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, W_enc: Tensor, b_enc: Tensor, W_dec: Tensor, k: int) -> Any:
        ctx.set_materialize_grads(False)
        pre = x @ W_enc + b_enc.unsqueeze(-2)
        places, examples, _ = pre.shape
        index = np.empty((places, examples, k), np.int32)
        acts, rebuilt = torch.zeros_like(pre), torch.zeros(places, examples, W_dec.shape[-1])
        for p in range(places):
            _encode(
                pre[p].numpy(), index[p], acts[p].numpy(), W_dec[p].contiguous().numpy(), rebuilt[p].numpy()
            )
        ctx.save_for_backward(x, W_enc, W_dec, acts)
        ctx.index = index
        return rebuilt, acts

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        d_rebuilt, d_acts = gradients
        x, W_enc, W_dec, acts = ctx.saved_tensors
        places, atoms, d = W_dec.shape
        d_rebuilt = torch.zeros_like(x) if d_rebuilt is None else d_rebuilt.contiguous()
        d_acts = torch.zeros(0, 0, 0) if d_acts is None else d_acts.contiguous()
        d_x = torch.zeros_like(x) if ctx.needs_input_grad[0] else torch.zeros(places, 0, 0)
        d_enc, d_dec, d_b = (
            torch.zeros(places, atoms, d),
            torch.zeros(places, atoms, d),
            torch.zeros(places, atoms),
        )
        for p in range(places):
            outer = d_acts[p].numpy() if len(d_acts) else np.zeros((0, 0), np.float32)
            _back(
                x[p].contiguous().numpy(), W_enc[p].mT.contiguous().numpy(), W_dec[p].contiguous().numpy(), ctx.index[p], acts[p].numpy(),
                d_rebuilt[p].numpy(), outer, d_x[p].numpy(), d_enc[p].numpy(), d_dec[p].numpy(), d_b[p].numpy(),
            )  # fmt: skip
        return d_x if ctx.needs_input_grad[0] else None, d_enc.mT.contiguous(), d_b, d_dec, None


@compiled("contract")
def _encode(pre, index, acts, W_dec, rebuilt):
    """The k largest positive entries of each row, lowest atom first; −1 where there are fewer. Ties go to the lower atom."""
    k = index.shape[1]
    value = np.empty(k, np.float32)
    for n in range(pre.shape[0]):
        there, least, at = 0, np.float32(0.0), 0
        for j in range(pre.shape[1]):
            v = pre[n, j]
            if v > least:
                if there < k:
                    at = there
                    there += 1
                index[n, at], value[at] = j, v
                if there == k:
                    at = 0
                    for i in range(1, k):
                        if value[i] < value[at] or (value[i] == value[at] and index[n, i] > index[n, at]):
                            at = i
                    least = value[at]
        for i in range(there, k):
            index[n, i] = -1
        index[n, :there].sort()
        for i in range(there):
            j = index[n, i]
            a = pre[n, j]
            acts[n, j] = a
            for c in range(W_dec.shape[1]):
                rebuilt[n, c] += a * W_dec[j, c]


@compiled("contract", "reassoc")
def _back(x, encoders, W_dec, index, acts, d_rebuilt, d_acts, d_x, d_enc, d_dec, d_b):
    """Gradients, (atom, d) those of the encoder too; only of atoms that are active."""
    for n in range(x.shape[0]):
        for i in range(index.shape[1]):
            j = index[n, i]
            if j < 0:
                break
            a, g = acts[n, j], np.float32(0.0)
            for c in range(W_dec.shape[1]):
                g += d_rebuilt[n, c] * W_dec[j, c]
                d_dec[j, c] += a * d_rebuilt[n, c]
            if d_acts.size:
                g += d_acts[n, j]
            d_b[j] += g
            for c in range(x.shape[1]):
                d_enc[j, c] += g * x[n, c]
            if d_x.size:
                for c in range(x.shape[1]):
                    d_x[n, c] += g * encoders[j, c]
