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


def word(measure: str, tap: str) -> str:
    """What is read of a model to compare it at ``tap``, in the grammar of :mod:`ontogeny.needs`."""
    if not tap:
        raise UserError(
            f"The measure '{measure}' compares weights or activations of your choice: tap = 'weights:W_dec', for example."
        )
    return tap if tap == "outputs" or tap.startswith("weights:") else f"tap:{tap}"


def representation(model: Subject, tap: str) -> Tensor:
    """What a model holds at ``tap``, rows × columns: ``outputs``, a tap, a role (``neurons[-1]``, ``readout``) or ``weights:NAME``.

    Of a tap every position that counts is a sample, and heads are units. Weights come as they are, leading axes of their own (heads)
    flattened into rows.
    """
    if tap.startswith("weights:"):
        return _rows(as_tensor(model.weights[tap.removeprefix("weights:")]))
    if tap != "outputs" and not isinstance(named := _filled(model, tap), str):
        return _rows(as_tensor(named))
    values, axes = as_tensor(model.tap(tap)), model.axes_of(tap)
    if model.probe.mask is not None and "position" in axes:
        counted = model.probe.mask.nonzero()[:, 0].to(values.device)
        values = values.index_select(axes.index("position"), counted)
    samples = [i for i, axis in enumerate(axes) if axis in ("example", "position")]
    units = [i for i in range(values.ndim) if i not in samples]
    rows = values.permute(*samples, *units).flatten(0, len(samples) - 1)
    return rows.reshape(len(rows), -1)


def _rows(weights: Tensor) -> Tensor:
    return weights.reshape(-1, weights.shape[-1])


def _filled(model: Subject, tap: str) -> str | Tensor:
    """A tap by its own name or its role; of a role that weights fill, the map that they make."""
    if tap in model.architecture.taps:
        return tap
    from ontogeny.models.sites import find, is_role

    if is_role(tap) and not isinstance(find(model.architecture, tap), str):
        made = model.site(tap)
        if not isinstance(made, Tensor):
            raise UserError(
                f"'{tap}' is several maps, and one array is compared: name one by its weights, tap = 'weights:…'."
            )
        return made
    return model.where(tap)
