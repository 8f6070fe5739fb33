"""Where an architecture keeps what instruments look at: every family fills the same roles with names of its own.

    roles = {"embedding": Made(("embed.W_E",), …), "neurons": ("last:blocks.0.mlp.hook_post", …), "readout": (Absent("…"), Made(…))}

A role is filled by the name of a tap, by a :class:`Made` map of weights, or by an :class:`Absent` reason; roles that come layer by
layer hold a tuple, first layer first. ``neurons[0]`` is the first layer, ``neurons[-1]`` or plain ``neurons`` the last.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ontogeny.errors import UnknownName
from ontogeny.tasks.base import Signature

#: What the roles are, as a sentence about a model goes on that lacks one.
ROLES: Mapping[str, str] = {
    "embedding": "first linear map of a token: (token, vector), positions side by side where each has its own",
    "lookup": "table of vectors that tokens look up, and that interventions on components edit: (token, vector)",
    "embedded": "tap of the tokens as vectors, before anything is added to them: (example, position, vector)",
    "residual": "tap of the residual stream behind layer i",
    "residual.mid": "tap of the residual stream in front of the neurons of layer i",
    "attention": "tap of the attention pattern of layer i, from the position that answers",
    "heads": "tap of what the heads of layer i read, at the position that answers: (example, head, value)",
    "neurons": "tap of the neurons of layer i, behind the nonlinearity: (example, neuron)",
    "neurons.pre": "tap of the neurons of layer i, before the nonlinearity",
    "inward": "weights that the neurons of layer i are made with",
    "readout": "linear map from the neurons of layer i to the outputs: (neuron, output)",
    "form": "the outputs as a quadratic form of the one-hot inputs: W_l, W_r (unit, input), W_p (output, unit)",
}
_MISSING: Mapping[str, str] = {
    "residual": "this model has no residual stream",
    "residual.mid": "this model has no residual stream",
    "attention": "this model has no attention",
    "heads": "this model has no attention",
    "form": "this model's outputs are no quadratic form of one-hot inputs, as those of a bilinear network are",
}
_ROLE = re.compile(r"(?P<role>\w+)(\[(?P<layer>-?\d+)\])?(?P<part>\.\w+)?")


@dataclass(frozen=True)
class Made:
    """A map that is made of weights: ``function(weights, signature)``, for weights with any leading axes."""

    weights: tuple[str, ...]
    function: Callable[[Mapping[str, Tensor], Signature], Any]


@dataclass(frozen=True)
class Absent:
    """Why a model has no such site, as a sentence goes on: "it has …"."""

    why: str


ONE_HOT = Absent("its tokens are one-hot vectors, which have no principal components")

Site = str | Made | Absent
Sites = Mapping[str, Site | tuple[Site, ...]]


def weight(name: str) -> Made:
    """One weight as it is."""
    return Made((name,), lambda weights, signature: weights[name])


def is_role(word: str) -> bool:
    """Whether a word speaks of a site."""
    match = _ROLE.fullmatch(word)
    return match is not None and match["role"] + (match["part"] or "") in ROLES


def find(architecture: Any, word: str) -> Site:
    """What fills a role, such as ``neurons[-1].pre``. An unknown role names the known ones."""
    match = _ROLE.fullmatch(word)
    role = match["role"] + (match["part"] or "") if match else word
    if match is None or role not in ROLES:
        raise UnknownName("site", word, ROLES)
    filled = getattr(architecture, "roles", {}).get(role)
    if filled is None and not getattr(architecture, "runs", True):
        return Absent("of this run only the weights are known, and their names do not say where that is")
    if filled is None:
        return Absent(_MISSING.get(role, "nobody said where this model has that"))
    if not isinstance(filled, tuple):
        return filled
    layer = int(match["layer"] or -1)
    if not -len(filled) <= layer < len(filled):
        return Absent(f"there is no {word}: the model has {len(filled)} layers, 0 to {len(filled) - 1}")
    return filled[layer]


def lacking(architecture: Any) -> tuple[tuple[str, str], ...]:
    """Roles that a model does not fill, and why not."""
    sites = [(role, find(architecture, role)) for role in ROLES]
    return tuple((role, site.why) for role, site in sites if isinstance(site, Absent))


def by_token(matrix: Tensor, positions: int) -> Tensor:
    """Rows for one-hot inputs side by side, (…, position · token, unit), as one row a token: (…, token, position · unit)."""
    return matrix.unflatten(-2, (positions, -1)).movedim(-3, -2).flatten(-2)
