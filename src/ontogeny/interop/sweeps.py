"""Other people's bilinear networks: a sweep over widths in one file, or the checkpoints of one run.

    {"models": {d: state dict}, "val_accs": {d: share}, "P": 64, "int_mats": …, "remainders": …}      a sweep
    {step: state dict}                                                                                one run

A state dict has ``bi_linear.weight`` (2d, 2P), whose first d rows are W_l and last d rows W_r, and ``projection.weight`` (P, d).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ontogeny.axes import to_numpy
from ontogeny.errors import UserError
from ontogeny.interop.runs import Found, must_be_tensors
from ontogeny.models.base import Weights
from ontogeny.numerics.bilinear import interaction_matrices

NAMES = ("bi_linear.weight", "projection.weight")
UNKNOWN_STEP = 1  # of weights of which only is known that they were trained


def is_state_dict(value: Any) -> bool:
    """Has it both matrices of a bilinear network?"""
    return isinstance(value, Mapping) and set(NAMES) <= set(value)


def from_state_dict(state: Mapping[str, Tensor], where: str) -> tuple[int, int, Weights]:
    """(d, P, weights) of one network. Raises ``UserError`` for shapes that do not belong together and for biases that are not
    zero."""
    must_be_tensors(state, where)
    both, projection = (state[name].detach().cpu() for name in NAMES)
    for name in set(state) - set(NAMES):
        if state[name].any():
            raise UserError(f"{where} has '{name}', for which our bilinear network has no place.")
    shapes = f"{NAMES[0]} {tuple(both.shape)} and {NAMES[1]} {tuple(projection.shape)}"
    if both.ndim != 2 or projection.ndim != 2:
        raise UserError(f"{where} has {shapes}; both must be matrices.")
    P, d = projection.shape
    if tuple(both.shape) != (2 * d, 2 * P):
        raise UserError(
            f"{where} has {shapes}; with the second (P, d), the first must be (2d, 2P) = {(2 * d, 2 * P)}."
        )
    W_l, W_r = both.split(d)
    return d, P, {"W_l": W_l.clone(), "W_r": W_r.clone(), "W_p": projection.clone()}


def from_sweep(
    data: Mapping[str, Any], source: str, step: int = UNKNOWN_STEP
) -> tuple[list[Found], list[str]]:
    """One run a width, and notes. ``step``: how many updates the networks have seen, which such files do not say."""
    accuracy = data.get("val_accs", data.get("val_acc", {}))
    runs, notes = [], []
    vocabulary: dict[int, Any] = {} if data.get("P") is None else {int(data["P"]): "'P' of the file"}
    for key, state in data["models"].items():
        where = f"model {key} of {source}"
        if not is_state_dict(state):
            raise UserError(f"{where} is no state dict with {' and '.join(NAMES)}.")
        d, P, weights = from_state_dict(state, where)
        if str(key).isdigit() and int(key) != d:
            raise UserError(f"{where} has {d} hidden units, and not {key}.")
        vocabulary.setdefault(P, where)
        if len(vocabulary) > 1:
            raise UserError(f"P differs: {'; '.join(f'{p} in {w}' for p, w in vocabulary.items())}.")
        row = {"step": step, **_accuracy(accuracy, key)}
        runs.append(_found({"d_hidden": d}, {step: weights}, d, P, [row], source))
        notes += _check_matrices(data, key, d, weights)
    if not runs:
        raise UserError(f"{source} has no models.")
    if step == UNKNOWN_STEP:
        notes.append(
            "the file does not say how long the networks trained: their one checkpoint is called step 1"
        )
    return runs, notes


def from_steps(data: Mapping[Any, Mapping[str, Tensor]], source: str) -> Found:
    """One run from its checkpoints."""
    read = {int(step): from_state_dict(state, f"step {step} of {source}") for step, state in data.items()}
    sizes = {(d, P) for d, P, _ in read.values()}
    if len(sizes) > 1:
        raise UserError(f"{source} has steps of different sizes (d, P): {sorted(sizes)}.")
    ((d, P),) = sizes
    snapshots = {step: weights for step, (_, _, weights) in sorted(read.items())}
    return _found({"d_hidden": d}, snapshots, d, P, (), source)


def _found(
    varied: Mapping[str, Any],
    snapshots: Mapping[int, Weights],
    d: int,
    P: int,
    rows: Sequence[Any],
    source: str,
) -> Found:
    return Found(
        varied=varied,
        snapshots=snapshots,
        sizes={"p": P, "held_out": "validation"},
        architecture={"kind": "bilinear", "d_hidden": d},
        rows=rows,
        source=source,
    )


def _accuracy(accuracy: Any, key: Any) -> dict[str, float]:
    value = accuracy.get(key) if isinstance(accuracy, Mapping) else None
    if value is None:
        return {}
    # a number, or one an epoch, of which the last belongs to the weights
    values = to_numpy(value).reshape(-1)
    return {"validation_accuracy": float(values[-1])}


def _check_matrices(data: Mapping[str, Any], key: Any, d: int, weights: Weights) -> list[str]:
    """The interaction matrices that the file brings against ours."""
    theirs = data.get("int_mats")
    theirs = theirs.get(key) if isinstance(theirs, Mapping) else None
    if theirs is None:
        return []
    B = torch.from_numpy(to_numpy(theirs)).double()
    remainders = data.get("remainders")
    rows = list(range(len(weights["W_p"]))) if remainders is None else [int(r) for r in to_numpy(remainders)]
    W_l, W_r, W_p = (weights[name].double() for name in ("W_l", "W_r", "W_p"))
    if W_p.shape[0] == B.shape[0]:
        rows = list(range(len(W_p)))
    ours = interaction_matrices(W_l, W_r, W_p[rows])
    if ours.shape != B.shape:
        return [f"d = {d}: int_mats have shape {tuple(B.shape)}, ours {tuple(ours.shape)}; not compared"]
    plain = torch.einsum("rh,hi,hj->rij", W_p[rows], W_l, W_r)
    apart = {"symmetrised": (ours - B).abs().max(), "not symmetrised": (plain - B).abs().max()}
    form = min(apart, key=lambda k: float(apart[k]))
    return [f"d = {d}: int_mats ({form}) differ from ours by at most {float(apart[form]):.2g}"]
