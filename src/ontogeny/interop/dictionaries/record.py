"""What every file of a sparse autoencoder says, in one form, and whether it can be so.

W_enc (d, atoms), W_dec (atoms, d): atoms of the decoder are rows, always. A file whose shapes say otherwise is refused, and so is one that
cannot tell: a square W_dec looks the same either way, so where the format promises atoms of unit norm the norms decide, and elsewhere
whoever imports it must.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.interop.runs import UNKNOWN, Found
from ontogeny.store.checkpoints import weights_digest

Atoms = Literal["rows", "columns"]
UNIT = 0.02  # how far from 1 a norm may be in the precision that such files have


@dataclass(frozen=True)
class Dictionary:
    """One SAE. ``weights`` in the names of the architecture ``sae``; ``unit_norms``: the format promises that atoms have norm 1."""

    name: str
    format: str
    weights: Mapping[str, Tensor]
    activation: str
    k: int | None = None
    centred: bool = True
    normalise: str = "none"
    unit_norms: bool = False
    hook: str = ""
    step: int = 1
    notes: tuple[str, ...] = field(default=())
    about: Mapping[str, Any] = field(default_factory=dict)  # what else its file says of where it comes from

    def checked(self, atoms: Atoms | None = None) -> Dictionary:
        """The same in float32, refused where shapes do not belong together; ``atoms`` says where they lie in a square W_dec."""
        weights = {name: w.detach().cpu().float() for name, w in self.weights.items()}
        n, d = self._sizes(weights)
        if (turned := self._turned(weights["W_dec"], atoms)) and n != d:
            raise UserError(f"{self.name}: atoms = columns does not fit W_dec {(n, d)}; its atoms are rows.")
        if turned:
            weights |= {name: weights[name].mT.contiguous() for name in ("W_enc", "W_dec")}
        if bad := [name for name, w in weights.items() if not bool(w.isfinite().all())]:
            raise UserError(f"{self.name}: {', '.join(bad)} hold numbers that are not finite.")
        return Dictionary(**{**self.__dict__, "weights": weights})

    def _sizes(self, weights: Mapping[str, Tensor]) -> tuple[int, int]:
        """(atoms, d), by what is one number an atom and one a coordinate."""
        bias = next((name for name in ("b_enc", "b_gate") if name in weights), None)
        if bias is None or "b_dec" not in weights:
            raise UserError(
                f"{self.name} has no bias of its atoms or of its outputs; it has {', '.join(weights)}."
            )
        n, d = weights[bias].numel(), weights["b_dec"].numel()
        expected = {"W_dec": (n, d), "W_enc": (d, n), "b_dec": (d,), "scale": ()}
        for name, w in weights.items():
            should = expected.get(name, (n,))
            if tuple(w.shape) != should:
                hint = " It is transposed." if w.ndim == 2 and tuple(w.mT.shape) == should else ""
                raise UserError(
                    f"{self.name}: {name} has shape {tuple(w.shape)}; with {n} numbers in {bias} and {d} in b_dec it would be {should}.{hint}"
                )
        return n, d

    def _turned(self, W_dec: Tensor, atoms: Atoms | None) -> bool:
        """Whether atoms lie in the columns of W_dec. Of a square one, where the format promises unit norms, they decide."""
        n, d = W_dec.shape
        if n == d and self.unit_norms:
            rows, columns = (bool(((W_dec.norm(dim=axis) - 1).abs() < UNIT).all()) for axis in (1, 0))
            if rows and atoms != "columns":
                return False
            if columns and not rows and atoms is None:
                raise UserError(
                    f"{self.name}: W_dec {(n, d)} is square, its columns have norm 1 and its rows have not: it is transposed. If atoms are "
                    "columns, say --atoms columns."
                )
            if atoms is None:
                raise UserError(
                    f"{self.name}: W_dec {(n, d)} is square, and neither rows nor columns have the norm 1 that {self.format} promises. "
                    "Say where the atoms are: --atoms rows (as the format has them) or --atoms columns."
                )
        elif n == d and atoms is None:
            raise UserError(
                f"{self.name}: W_dec {(n, d)} is square, and {self.format} does not promise norms by which to tell its atoms. Are they the "
                "rows, as the format has them (--atoms rows), or was it saved transposed (--atoms columns)?"
            )
        return atoms == "columns"

    def found(self, task: Mapping[str, Any] | None) -> Found:
        """A run of one step."""
        n, _ = self.weights["W_dec"].shape
        architecture = {
            "kind": "sae", "d_atoms": n, "activation": self.activation, "norms": "free", "normalise": self.normalise,
            "centred": self.centred, **({"k": self.k} if self.k else {}),
        }  # fmt: skip
        return Found(
            varied={"sae": self.name},
            snapshots={self.step: dict(self.weights)},
            task=task or UNKNOWN,
            architecture=architecture,
            objective={"kind": "sparse_reconstruction"},
            source=f"{self.format}:{weights_digest(self.weights)}",
        )


def taken(
    tensors: Mapping[str, Tensor], names: Mapping[str, str], where: Path, optional: Collection[str] = ()
) -> dict[str, Tensor]:
    """Tensors by our names (ours → theirs); what is missing, or besides, is named."""
    missing = [theirs for ours, theirs in names.items() if theirs not in tensors and ours not in optional]
    if missing:
        raise UserError(
            f"{where} lacks {', '.join(missing)}; it has {', '.join(map(str, tensors)) or 'nothing'}."
        )
    if besides := sorted(set(tensors) - set(names.values())):
        raise UserError(
            f"{where} holds {', '.join(besides)} besides, for which an SAE has no place: without it the function would be another."
        )
    return {ours: tensors[theirs] for ours, theirs in names.items() if theirs in tensors}


def label(path: Path) -> str:
    """What an SAE is called by where it lies: its folder, with those above it where that says little (``layer_12/width_16k/average_l0_82``)."""
    parts = [p for p in path.resolve().parts if p not in ("/", path.anchor)]
    tail = parts[-1:]
    while len(tail) < min(3, len(parts)) and re.fullmatch(
        r"trainer_\d+|average_l0_\d+|width_\w+|layer_\d+|\d+|mlp|resid\w*", tail[0]
    ):
        tail = parts[-len(tail) - 1 :]
    return "/".join(tail)


def scalar_threshold(threshold: Tensor, atoms: int) -> Tensor:
    """One threshold for all atoms, as one each."""
    return torch.full((atoms,), float(threshold))
