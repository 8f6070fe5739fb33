"""Projections on functions of the answer s = (a + b) mod p, without an array of p² × p × frequencies.

cos w_k(a + b) and sin w_k(a + b), with w_k = 2πk/p, depend on the two numbers through s alone. So the component of any
activations along them is a component of their *table*, the mean over the inputs with answer s, (…, s, unit): p rows instead of
p². In the same way cos w_k(a + b − c) depends on s − c alone, and the projection of a logit cube is one of its p × p table.

All of this holds when every answer is equally common; :func:`inputs_by_answer` refuses anything else.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.numerics.fourier import fourier_basis, frequency_of_row


def inputs_by_answer(answer: Tensor, p: int) -> Tensor:
    """Which inputs have answer s: (s, input), from the answers (example,)."""
    counts = torch.bincount(answer.reshape(-1), minlength=p)
    if len(counts) != p or counts.min() != counts.max():
        raise UserError(
            f"Projections on cos w_k(a + b) need every answer 0 … {p - 1} equally often; here there are "
            f"{len(counts)} answers, occurring {int(counts.min())} to {int(counts.max())} times. "
            "Use a task whose probe is the whole grid of a group operation, as modular addition."
        )
    return answer.reshape(-1).argsort(stable=True).reshape(p, -1)


def table(values: Tensor, inputs: Tensor) -> Tensor:
    """Mean over the inputs of each answer: (…, example, unit) → (…, s, unit)."""
    total = values[..., inputs[:, 0], :].clone()
    for column in inputs[:, 1:].unbind(1):
        total += values[..., column, :]
    return total / inputs.shape[1]


def keep_frequencies(table: Tensor, is_kept: Tensor) -> Tensor:
    """The part of a table (…, s, unit) along cos w_k s and sin w_k s of the kept frequencies (…, frequency).

    Equation: T ↦ Σ_h f_h (f_h · T) over the rows f_h of the Fourier basis whose frequency is kept.
    """
    basis = fourier_basis(table.shape[-2], table.dtype, table.device)
    kept = is_kept[..., frequency_of_row(table.shape[-2])].to(table.dtype)
    return torch.einsum("hs,...h,ht,...tu->...su", basis, kept, basis, table)


def table_loss(logits: Tensor, counts: Tensor) -> Tensor:
    """Mean cross-entropy (nats, float64) of logits that depend on the answer alone, (…, s, output).

    ``counts`` (s,) says how many of the inputs that are averaged over have each answer.
    """
    log_p = logits.double().log_softmax(-1).diagonal(dim1=-2, dim2=-1)
    weight = counts.to(log_p) / counts.sum()
    return -(log_p * weight).sum(-1)


def table_accuracy(logits: Tensor, counts: Tensor) -> Tensor:
    """Share of inputs that logits (…, s, output), which depend on the answer alone, get right; ``counts`` as for :func:`table_loss`."""
    right = logits.argmax(-1) == torch.arange(logits.shape[-2], device=logits.device)
    return (right * (counts.double() / counts.sum()).to(logits.device)).sum(-1)


def rows_accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of inputs whose largest logit (…, example, output) is that of their label (example,): (…)."""
    return (logits.argmax(-1) == labels).double().mean(-1)


def rows_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy (nats, float64) of logits (…, example, output) at labels (example,): (…)."""
    return -log_probability(logits, labels).mean(-1)


def log_probability(logits: Tensor, labels: Tensor) -> Tensor:
    """log softmax(logits)[label] in float64: (…, example, output), (example,) → (…, example)."""
    picked = logits.gather(-1, labels.expand(logits.shape[:-1]).unsqueeze(-1)).squeeze(-1)
    return picked.double() - logits.double().logsumexp(-1)


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """logit[label] − max over the other classes: (…, example, output), (example,) → (…, example)."""
    index = labels.expand(logits.shape[:-1]).unsqueeze(-1)
    right = logits.gather(-1, index).squeeze(-1)
    return right - logits.scatter(-1, index, -torch.inf).amax(-1)
