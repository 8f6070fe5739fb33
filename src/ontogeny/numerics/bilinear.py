"""Bilinear networks as symmetric matrices, one per output: logit_r(x) = xᵀ B[r] x.

    B[r] = Σ_h W_p[r,h] · ½ (l_h r_hᵀ + r_h l_hᵀ),   l_h, r_h: rows of W_l, W_r
         = Cᵀ diag(W_p[r], −W_p[r]) C,               C = [(W_l + W_r)/2; (W_l − W_r)/2]  (2 d_hidden, input)

so rank B[r] ≤ 2 d_hidden, and a QR of Cᵀ, shared by all outputs, leaves symmetric 2d × 2d problems. Weights are W_l, W_r
(…, d_hidden, input) and W_p (…, output, d_hidden); input = position · vocab + token. Functions that need P matrices a model go
through the leading axes one model at a time: that is batch enough, and memory stays that of one model.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

import torch
from torch import Tensor

from ontogeny.numerics.cores import one_core_each
from ontogeny.numerics.eigen import eigh, packed_eigenvalues
from ontogeny.numerics.fourier import power_by_frequency

P = ParamSpec("P")
Function = Callable[Concatenate[Tensor, Tensor, Tensor, P], Any]


def each_model(function: Function[P]) -> Function[P]:
    """Apply a function of one model's W_l, W_r, W_p to every place of the leading axes, models side by side, and stack."""

    @functools.wraps(function)
    def over_leading_axes(W_l: Tensor, W_r: Tensor, W_p: Tensor, *args: P.args, **kwargs: P.kwargs) -> Any:
        lead = W_p.shape[:-2]
        if not lead:
            return function(W_l, W_r, W_p, *args, **kwargs)
        models = zip(*(w.reshape(-1, *w.shape[-2:]) for w in (W_l, W_r, W_p)), strict=True)
        with one_core_each() as share:
            results = share(lambda weights: function(*weights, *args, **kwargs), models)
        if isinstance(results[0], tuple):
            return tuple(torch.stack(r).unflatten(0, lead) for r in zip(*results, strict=True))
        return torch.stack(results).unflatten(0, lead)

    return over_leading_axes


def interaction_matrices(W_l: Tensor, W_r: Tensor, W_p: Tensor) -> Tensor:
    """B, symmetric: (…, output, input, input_other), with logit_r(x) = xᵀ B[r] x."""
    B = torch.einsum("...rh,...hi,...hj->...rij", W_p, W_l, W_r)
    return (B + B.mT) / 2


def visible_mask(positions: int, vocab: int) -> Tensor:
    """Which entries of B some input touches: (input, input_other) booleans.

    An input has exactly one token at each position, so two different tokens of one position never meet: the off-diagonal
    entries of the blocks of a position with itself are invisible.
    """
    position = torch.arange(positions * vocab) // vocab
    return (position[:, None] != position) | torch.eye(positions * vocab, dtype=torch.bool)


@each_model
def eigenspectrum(W_l: Tensor, W_r: Tensor, W_p: Tensor) -> Tensor:
    """Eigenvalues of every B[r], by |λ| descending: (…, output, m), m = min(2 d_hidden, input); the others are zero.

    NaN where the weights are not finite.
    """
    size = min(2 * len(W_l), W_l.shape[-1])
    if not _finite(W_l, W_r, W_p):
        return W_p.new_full((len(W_p), size), torch.nan)
    columns = _columns(W_l.double(), W_r.double())
    factor = torch.linalg.qr(columns, mode="r").R if size < len(columns) else columns
    plus, minus = factor.chunk(2, dim=-1)
    i, j = torch.tril_indices(size, size)
    lower = (plus[i] * plus[j] - minus[i] * minus[j]) @ W_p.double().mT
    return largest_first(packed_eigenvalues(lower))[0].to(W_p)


@each_model
def eigenvectors(W_l: Tensor, W_r: Tensor, W_p: Tensor) -> tuple[Tensor, Tensor]:
    """The spectrum and its eigenvectors, (…, output, m) and (…, output, input, m)."""
    columns = _columns(W_l, W_r)
    if not _finite(W_l, W_r, W_p):
        nothing = W_p.new_full((len(W_p), *columns.shape), torch.nan)[..., : len(columns)]
        return nothing[:, 0], nothing
    frame, factor = torch.linalg.qr(columns) if columns.shape[1] < columns.shape[0] else (None, columns)
    core = (factor * torch.cat([W_p, -W_p], dim=-1)[:, None, :]) @ factor.mT
    values, turned = eigh(core)
    values, order = largest_first(values)
    turned = turned.gather(-1, order[:, None, :].expand_as(turned))
    return values, turned if frame is None else frame @ turned


def _columns(W_l: Tensor, W_r: Tensor) -> Tensor:
    """Cᵀ: (input, 2 d_hidden)."""
    return torch.cat([W_l + W_r, W_l - W_r]).mT / 2


def _finite(*weights: Tensor) -> bool:
    """A diverged model has no spectrum, and must not stop the others."""
    return all(bool(w.isfinite().all()) for w in weights)


def largest_first(eigenvalues: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (…, m) by |λ| descending, and the order that did it."""
    order = eigenvalues.abs().argsort(dim=-1, descending=True, stable=True)
    return eigenvalues.gather(-1, order), order


def frequency_power(W_l: Tensor, W_r: Tensor, W_p: Tensor, side: slice) -> Tensor:
    """λ²-weighted power of all eigenvectors of B[r] at each frequency, on one operand's inputs: (…, output, frequency).

    Equation: diag(F B[r]² Fᴴ) on the block ``side``, folded to 0 … ⌊p/2⌋: the squared norms of the rows of F B[r]. With
    l̂ = F l and ll = W_l W_lᵀ, …, it is a quadratic form in W_p[r], one for each frequency f:

        N_f = ¼ [(l̂ l̂ᵀ)_f ⊙ rr + 2 (l̂ r̂ᵀ)_f ⊙ rl + (r̂ r̂ᵀ)_f ⊙ ll],   power[r, f] = W_p[r] N_f W_p[r]ᵀ

    No eigenvectors, no truncation, and no ambiguity where eigenvalues are tied. Very wide models build B instead.
    """
    if W_l.shape[-2] > 4 * W_l.shape[-1]:
        return _frequency_power_wide(W_l, W_r, W_p, side)
    return _frequency_power_narrow(W_l, W_r, W_p, side)


@each_model
def _frequency_power_narrow(W_l: Tensor, W_r: Tensor, W_p: Tensor, side: slice) -> Tensor:
    left, right = _waves(W_l[:, side]), _waves(W_r[:, side])
    rr, rl, ll = W_r @ W_r.mT, W_r @ W_l.mT, W_l @ W_l.mT
    N = (left @ left.mT * rr + 2 * (left @ right.mT) * rl + right @ right.mT * ll) / 4
    return torch.einsum("rh,fhg,rg->rf", W_p, N, W_p).clamp_min(0)  # squared norms, up to rounding


@each_model
def _frequency_power_wide(W_l: Tensor, W_r: Tensor, W_p: Tensor, side: slice) -> Tensor:
    return power_by_frequency(interaction_matrices(W_l, W_r, W_p)[:, side], axis=-2).sum(-1)


def _waves(W: Tensor) -> Tensor:
    """Rows of W (d, p) in the Fourier basis, by frequency: (frequency, d, cosine and sine)."""
    waves = torch.fft.rfft(W, norm="ortho")
    # every frequency but 0 and p/2 stands for itself and its mirror image
    waves[:, 1 : (W.shape[-1] + 1) // 2] *= 2**0.5
    return torch.view_as_real(waves).movedim(1, 0)


@each_model
def frequency_amplitude_top4(W_l: Tensor, W_r: Tensor, W_p: Tensor, side: slice) -> Tensor:
    """The published form: Σ |λ| · |rFFT v| over the top four eigenvectors v by |λ|, on one operand's inputs.

    One frequency gives four eigenvalues tied in |λ|, so four eigenvectors show one frequency an output and ties make the
    choice arbitrary: for comparison with published numbers only. (…, output, frequency)
    """
    values, vectors = eigenvectors(W_l, W_r, W_p)
    amplitude = torch.fft.rfft(vectors[:, side, :4], dim=-2).abs()
    return torch.einsum("rfc,rc->rf", amplitude, values[:, :4].abs())


FORMS = {"power": frequency_power, "amplitude_top4": frequency_amplitude_top4}


def frequency_distribution(W_l: Tensor, W_r: Tensor, W_p: Tensor, side: slice, form: str = "power") -> Tensor:
    """p(f | r): (…, output, frequency), each row summing to one; NaN where B[r] is zero on this side."""
    weight = FORMS[form](W_l, W_r, W_p, side)
    return weight / weight.sum(-1, keepdim=True)
