"""Signals rebuilt from their strongest frequencies."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ontogeny.numerics.fourier import power_by_frequency


class PartialSums(NamedTuple):
    """A signal from its strongest 1, 2, … frequencies; entry i of ``kept`` uses i + 1 of them."""

    order: Tensor  # (…, kept) frequencies 1 … ⌊p/2⌋, strongest first
    signals: Tensor  # (…, kept, p), the mean always included
    explained: Tensor  # (…, kept) share of the variance; 1 at the end; NaN for a constant signal


def partial_sums(x: Tensor) -> PartialSums:
    """Rebuild ``x`` (…, p) from its mean and its strongest frequencies, for every number of them.

    The mean is always kept and not counted as a frequency: it moves no argmax and carries no variance.
    """
    p = x.shape[-1]
    frequencies = torch.arange(p // 2 + 1, device=x.device)
    spectrum = torch.fft.rfft(x)
    # (…, frequency, p)
    waves = torch.fft.irfft(spectrum.unsqueeze(-2) * torch.eye(len(frequencies)).to(x), n=p)
    power = power_by_frequency(x)[..., 1:]
    sorted_power, order = power.sort(dim=-1, descending=True)
    chosen = waves[..., 1:, :].gather(-2, order.unsqueeze(-1).expand(*order.shape, p))
    explained = sorted_power.cumsum(-1) / sorted_power.sum(-1, keepdim=True)
    return PartialSums(order + 1, waves[..., :1, :] + chosen.cumsum(-2), explained)
