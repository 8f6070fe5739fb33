"""Sites of somebody's own module: those that are named, and those that only one part of it can be.

    sites={"neurons": "hidden", "readout": "out.weight"}     neurons = outputs of the submodule ``hidden``

A name is that of a submodule (a tap), or of a weight; a submodule with a matrix stands for its matrix where a role is filled by
weights. PyTorch keeps matrices (out, in): they are turned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from ontogeny.errors import UnknownName
from ontogeny.models.sites import ROLES, Made, Site, Sites, weight

MAPS = ("embedding", "lookup", "inward", "readout")  # roles filled by weights
LAYERED = ("residual", "residual.mid", "attention", "neurons", "neurons.pre", "inward", "readout")
BENDS = (nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.LeakyReLU, nn.ELU, nn.Softplus, nn.Mish)


def named(module: nn.Module, given: Mapping[str, str | list[str]]) -> Sites:
    """Roles as they were named; a name that the module does not have is refused with what is near it."""
    found: dict[str, Site | tuple[Site, ...]] = {}
    for role, names in given.items():
        if role not in ROLES or role == "form":
            raise UnknownName("site", role, [known for known in ROLES if known != "form"])
        each = tuple(_site(module, role, one) for one in ([names] if isinstance(names, str) else names))
        found[role] = each if role in LAYERED else each[0]
    return found


def guessed(module: nn.Module, given: Mapping[str, str | list[str]]) -> dict[str, str]:
    """Roles that nobody named and that one part of the module can play: its only table of tokens, its only nonlinearity, and the only
    matrices that come before and behind that. By role, the name of the part."""
    parts = [(name, part) for name, part in module.named_modules() if name]
    tables = [name for name, part in parts if isinstance(part, nn.Embedding)]
    bends = [name for name, part in parts if isinstance(part, BENDS)]
    found: dict[str, str] = {}
    weights = dict(module.named_parameters())
    if "embed.W_E" in weights and "hook_embed" in dict(parts):  # TransformerLens's names
        found |= {"embedding": "embed.W_E", "lookup": "embed.W_E", "embedded": "hook_embed"}
    elif len(tables) == 1:
        found |= dict.fromkeys(("embedding", "lookup", "embedded"), tables[0])
    if len(bends) == 1:
        found["neurons"] = bends[0]
    last = given.get("neurons") or found.get("neurons")
    last = last[-1] if isinstance(last, list) else last
    order = [name for name, _ in parts]
    if last in order:
        at = order.index(last)
        before, behind = (
            [name for name, part in some if isinstance(part, nn.Linear)]
            for some in (parts[:at], parts[at + 1 :])
        )
        found |= {"readout": behind[0]} if len(behind) == 1 else {}
        found |= {"neurons.pre": before[0], "inward": before[0]} if len(before) == 1 else {}
    return {role: name for role, name in found.items() if role not in given}


def _site(module: nn.Module, role: str, name: str) -> Site:
    submodules = {one: part for one, part in module.named_modules() if one}
    weights = dict(module.named_parameters()) | dict(module.named_buffers())
    if role not in MAPS:
        if name not in submodules:
            raise UnknownName(f"submodule (for the site '{role}')", name, submodules)
        return name
    if name in submodules and f"{name}.weight" in weights:
        turned = isinstance(submodules[name], nn.Linear)
        name = f"{name}.weight"
    else:
        owner = submodules.get(name.rpartition(".")[0])
        turned = isinstance(owner, nn.Linear)
    if name not in weights:
        raise UnknownName(f"weight (for the site '{role}')", name, list(_matrices(weights)))
    return Made((name,), lambda weights, _: weights[name].mT) if turned else weight(name)


def _matrices(weights: Mapping[str, Tensor]) -> Iterator[str]:
    return (name for name, value in weights.items() if value.ndim > 1)
