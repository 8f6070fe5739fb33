"""From a model, or from whatever holds numbers, to the array that a measure compares: rows × columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.subject import Subject

#: What of a model is compared unless ``tap`` says otherwise. Atoms and matrices are weights, and those are to be named.
DEFAULT_TAP = {"samples": "outputs", "logits": "outputs", "atoms": "", "matrix": ""}


def as_tensor(values: Any) -> Tensor:
    """Tensors on any device, NumPy arrays and nested sequences as a tensor of float32 or float64; whole numbers become float64."""
    if not isinstance(values, Tensor):
        array = np.asarray(values)
        if array.dtype.kind not in "fiub":
            raise UserError(f"An array of numbers is asked for; this one holds {array.dtype}.")
        values = torch.from_numpy(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))))
    values = values.detach()
    if values.is_complex():
        raise UserError(
            "The measures take real numbers; these are complex. Compare torch.view_as_real(x).flatten(-2), say."
        )
    if values.dtype not in (torch.float32, torch.float64):
        values = values.to(torch.float32 if values.is_floating_point() else torch.float64)
    return values


def needs(measure: str, tap: str) -> tuple[str, ...]:
    """What is read of a model to compare it at ``tap``: ``outputs``, the name of a tap, or ``weights:NAME``."""
    if not tap:
        raise UserError(
            f"The measure '{measure}' compares weights or activations of your choice: tap = 'weights:W_dec', for example."
        )
    return (tap if tap == "outputs" or tap.startswith("weights:") else f"tap:{tap}",)


def representation(model: Subject, tap: str) -> Tensor:
    """What a model holds at ``tap``, samples × units; every position that counts is a sample, heads are units.

    Weights come as they are, rows × columns, leading axes of their own (heads) flattened into rows.
    """
    if tap.startswith("weights:"):
        weights = as_tensor(model.weights[tap.removeprefix("weights:")])
        return weights.reshape(-1, weights.shape[-1])
    values = as_tensor(model.outputs if tap == "outputs" else model.tap(tap))
    mask = model.probe.mask
    if mask is not None and values.ndim > 2 and values.shape[1] == mask.shape[-1]:
        values = values[:, mask]
    return values.flatten(0, 1).flatten(1) if values.ndim > 2 else values.reshape(len(values), -1)
