"""Bring your own ``nn.Module``: any module that maps a tensor of inputs to a tensor of outputs, trained and read like the natives.

    study["architecture"] = on.from_module(MyNetwork, arguments={"width": 64}, sites={"neurons": "hidden"})

Several models run as one with ``torch.func.functional_call`` under ``torch.vmap``: slower than a native architecture, same
results. Taps are the outputs of submodules by their dotted names. Buffers are weights that are not trained.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ontogeny.axes import AXES, add
from ontogeny.errors import Refused, UserError, a
from ontogeny.models.base import Edit, FittedEdit, Forward, Taps, Weights
from ontogeny.models.module_sites import guessed, named
from ontogeny.models.sites import Sites
from ontogeny.numerics.random import Key
from ontogeny.registry import architectures, load_plugins
from ontogeny.tasks.base import Signature

Factory = Callable[..., nn.Module]
TRUST = "ONTOGENY_TRUST"  # modules that studies may name, with commas between
_LIVE: dict[str, Factory] = {}
_TRUSTED: set[str] = set()


def from_module(factory: Factory, **fields: Any) -> dict[str, Any]:
    """The spec of an architecture for a study, from a module class or a function that returns a module.

    ``fields`` are those of :class:`ModuleArchitecture`; ``arguments`` is what the factory is called with. The factory is known
    to this process from now on; another process finds it by its import path if that is trusted (:func:`trust`).

    Raises ``UserError`` for lambdas and instances, which have no name that a study could write down.
    """
    name = getattr(factory, "__qualname__", None)
    if not callable(factory) or name is None or "<lambda>" in name:
        raise UserError(
            f"from_module needs a module class or a named function that returns a module; given: {factory!r}."
        )
    path = f"{factory.__module__}:{name}"
    _LIVE[path] = factory
    return {"kind": "module", "factory": path, **fields}


@architectures.register("module")
@dataclass(frozen=True)
class ModuleArchitecture:
    """``factory``: "package.module:name" of a module class or of a function annotated ``-> nn.Module``.

    ``sites``: which submodule or weight plays which role, ``{"neurons": "hidden", "readout": "out.weight"}``, a list for roles that come
    layer by layer. Those that are not named are guessed where one part of the module can be meant.
    """

    factory: str
    arguments: dict[str, Any] = field(default_factory=dict, hash=False)
    sites: dict[str, str | list[str]] = field(default_factory=dict, hash=False)

    pads: ClassVar[Mapping[str, int]] = {}

    @property
    def reaches(self) -> tuple[str, ...]:
        """The module that the factory stands in: what a model does depends on its code too."""
        return (self.factory.partition(":")[0],)

    @cached_property
    def _templates(self) -> threading.local:
        return threading.local()

    @property
    def template(self) -> nn.Module:
        """An instance whose parameters are never used, only replaced; one a thread, as a pass puts weights and hooks into it."""
        if not hasattr(self._templates, "module"):
            with torch.random.fork_rng(devices=[]):
                self._templates.module = self._build()
        module: nn.Module = self._templates.module
        return module

    @cached_property
    def guessed(self) -> dict[str, str]:
        """Sites that nobody named and that only one part can be, by role: to be said where they are used."""
        return guessed(self.template, self.sites)

    @cached_property
    def roles(self) -> Sites:
        return named(self.template, {**self.guessed, **self.sites})

    @cached_property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        return {name: _unnamed(value.ndim) for name, value in _state(self.template).items()}

    @cached_property
    def _seen(self) -> dict[str, tuple[str, ...]]:
        return {name: ("example", *_unnamed(1)) for name, _ in self.template.named_modules() if name}

    @property
    def taps(self) -> Mapping[str, tuple[str, ...]]:
        """Every submodule. Of those that were not read yet the axes are a guess: (example, dim_0)."""
        return self._seen

    @cached_property
    def frozen(self) -> frozenset[str]:
        trained = {name for name, p in self.template.named_parameters() if p.requires_grad}
        return frozenset(set(_state(self.template)) - trained)

    def init(self, signature: Signature, key: Key) -> Weights:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(key.generator("module").initial_seed())
            return {name: value.detach().clone() for name, value in _state(self._build()).items()}

    def forward(
        self, weights: Weights, inputs: Tensor, *, read: Collection[str] = (), edit: Edit | None = None
    ) -> Forward:
        name, axes = next(iter(self.axes.items()))
        lead = weights[name].shape[: weights[name].ndim - len(axes)]
        held = dict(edit.tensors) if isinstance(edit, FittedEdit) else {}
        own = bool(lead) and inputs.ndim == len(lead) + 2

        def one(weights: Weights, held: Weights, inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
            fitted = edit.holding(held) if isinstance(edit, FittedEdit) else edit
            return self._one(weights, inputs, Taps(self.taps, read, fitted))

        if not lead:
            outputs, taps = one(weights, held, inputs)
            return Forward(outputs, self._named(taps, 0))
        weights, held = ({n: w.flatten(0, len(lead) - 1) for n, w in d.items()} for d in (weights, held))
        inputs = inputs.flatten(0, len(lead) - 1) if own else inputs
        outputs, taps = torch.vmap(one, in_dims=(0, 0, 0 if own else None))(weights, held, inputs)
        taps = {name: value.unflatten(0, lead) for name, value in taps.items()}
        return Forward(outputs.unflatten(0, lead), self._named(taps, len(lead)))

    def project(self, weights: Weights) -> Weights:
        return weights

    def _one(self, weights: Weights, inputs: Tensor, tap: Taps) -> tuple[Tensor, dict[str, Tensor]]:
        def hook(name: str) -> Callable[[nn.Module, Any, Any], Any]:
            def keep(module: nn.Module, arguments: Any, value: Any) -> Any:
                if not isinstance(value, Tensor):
                    raise UserError(
                        f"The submodule '{name}' returns {a(type(value))}, not a tensor; "
                        "read or edit a submodule of it, or the module that follows."
                    )
                return tap(name, value)

            return keep

        touched = [name for name in self.taps if tap.touches(name)]
        handles = [self.template.get_submodule(n).register_forward_hook(hook(n)) for n in touched]
        try:
            outputs = functional_call(self.template, weights, (inputs,))
        finally:
            for handle in handles:
                handle.remove()
        if not isinstance(outputs, Tensor):
            raise UserError(
                f"The module {self.factory} returns {a(type(outputs))}; a tensor of outputs is needed."
            )
        return tap.forward(outputs)

    def _named(self, taps: dict[str, Tensor], lead: int) -> dict[str, Tensor]:
        """Remember how many axes each tap turned out to have."""
        self._seen.update({n: ("example", *_unnamed(v.ndim - lead - 1)) for n, v in taps.items()})
        return taps

    def _build(self) -> nn.Module:
        module = resolve(self.factory)(**self.arguments)
        if not isinstance(module, nn.Module):
            raise UserError(f"{self.factory} returned {a(type(module))}; an nn.Module is needed.")
        refuse_hidden_state(module)
        return module


def resolve(path: str) -> Factory:
    """The factory that ``path`` names: one this process was given, or one of an allowed module that promises an ``nn.Module``."""
    if path in _LIVE:
        return _LIVE[path]
    module, _, name = path.partition(":")
    if not allowed(module):
        raise Refused(
            f"The model is '{path}', and to import a module runs it. A study cannot ask for that by itself: import it yourself "
            f"and call on.from_module({name.rpartition('.')[2]}), or allow it with on.trust('{module}'), "
            f"`ontogeny --trust {module} …` or {TRUST}={module}."
        )
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(
            f"The module factory '{path}' cannot be imported here ({error}). "
            "Define it and call on.from_module(factory) first."
        ) from None
    promised = found if isinstance(found, type) else _returns(found)
    if not (isinstance(promised, type) and issubclass(promised, nn.Module)):
        raise Refused(
            f"'{path}' is neither a module class nor a function annotated '-> nn.Module', so it was not called. "
            "If it is yours, call on.from_module(factory) first."
        )
    return typing.cast(Factory, found)


def trust(*modules: str) -> None:
    """Allow studies to name models of these modules (and of packages below them): they are imported, which runs them."""
    _TRUSTED.update(modules)


def allowed(module: str) -> bool:
    """Whether a study may name a model of this module: one that was imported already, an installed plug-in's, or one that was trusted."""
    trusted = {*_TRUSTED, *filter(None, os.environ.get(TRUST, "").split(",")), *load_plugins()}
    return module in sys.modules or any(module == one or module.startswith(f"{one}.") for one in trusted)


def refuse_hidden_state(module: nn.Module) -> None:
    """Running statistics and dropout make a forward pass depend on what ran before; both are refused by name."""
    for name, part in module.named_modules():
        running = getattr(part, "track_running_stats", False) and part.training
        share = getattr(part, "p" if "Dropout" in type(part).__name__ else "dropout", 0)
        dropout = isinstance(share, int | float) and share > 0 and part.training
        if running or dropout:
            remedy = "a dropout of 0" if dropout else "track_running_stats=False, LayerNorm or GroupNorm"
            raise UserError(
                f"The submodule '{name}' ({type(part).__name__}) "
                + ("draws random numbers in" if dropout else "changes its running statistics during")
                + f" every forward pass, so a model would depend on its company. Use {remedy}, "
                "or return the module in eval mode from the factory."
            )


def _returns(function: Any) -> Any:
    try:
        return typing.get_type_hints(function).get("return")
    except Exception:
        return None


def _state(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


def _unnamed(n: int) -> tuple[str, ...]:
    names = tuple(f"dim_{i}" for i in range(n))
    for name in names:
        if name not in AXES:
            add(name, "unnamed axis of somebody's own module")
    return names
