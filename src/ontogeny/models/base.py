"""The protocol of an architecture, and taps.

An architecture is a frozen spec. Its weights are a dict of named tensors; any number of leading axes may stand in front
(variants of a population, steps of a run), and one code serves them all. Inputs are shared by all leading axes,
(example, position), or each has its own, (*lead, example, position).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor, nn

from ontogeny.errors import UnknownName
from ontogeny.models.sites import Sites
from ontogeny.numerics.random import Key
from ontogeny.tasks.base import Signature

Weights = dict[str, Tensor]


class Forward(NamedTuple):
    """What a forward pass returns: outputs (*lead, example[, position], output) and the taps that were read."""

    outputs: Tensor
    taps: dict[str, Tensor]


class Seen(NamedTuple):
    """What an architecture is told of an update: (place, …) of all variants of a stack."""

    step: int  # updates that the weights have seen now
    inputs: Tensor  # (place, example, feature) of the batch
    losses: Tensor  # (place, example) before the update
    active: Tensor  # (place, unit) which units of the tap that it watches were not 0 for some example
    keys: Sequence[Key]  # of each place, for what it draws


@runtime_checkable
class Tended(Protocol):
    """An architecture that looks after its weights while they train. No reduction crosses the places of a stack."""

    @property
    def watches(self) -> str:
        """A tap (example, unit); the batch is not cut into pieces."""
        ...

    def fitted(self, weights: Weights, inputs: Callable[[], Tensor]) -> Weights:
        """Fresh weights of one model as they begin on these inputs."""
        ...

    def projected_gradients(self, weights: Weights, gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Gradients as the optimiser is given them."""
        ...

    def tended(self, weights: Weights, moments: Mapping[str, Weights], seen: Seen) -> Weights:
        """Weights after an update; moments may be changed in place."""
        ...


class Edit(Protocol):
    """An intervention as the forward pass sees it: ``edit(name, value, taps)`` returns the value to go on with.

    ``taps`` holds the values of the taps in ``reads`` that were computed before this one.
    """

    @property
    def edits(self) -> frozenset[str]: ...

    @property
    def reads(self) -> frozenset[str]: ...

    def __call__(self, name: str, value: Tensor, taps: Mapping[str, Tensor]) -> Tensor: ...


@runtime_checkable
class FittedEdit(Edit, Protocol):
    """An edit that holds tensors with the leading axes of the weights it was fitted on, so that it can be indexed with them."""

    @property
    def tensors(self) -> Mapping[str, Tensor]: ...

    def holding(self, tensors: Mapping[str, Tensor]) -> Edit:
        """The same edit with these tensors."""
        ...


class Taps:
    """Passed through a forward pass: ``x = tap("hook_hidden", x)`` applies edits, then keeps what was asked for."""

    def __init__(self, known: Collection[str], read: Collection[str] = (), edit: Edit | None = None) -> None:
        for name in (*read, *(edit.edits | edit.reads if edit else ())):
            if name not in known:
                raise UnknownName("tap", name, known)
        self.read = set(read)
        self.edit = edit
        self._wanted = self.read | (set(edit.reads) if edit else set())
        self._values: dict[str, Tensor] = {}

    def __call__(self, name: str, value: Tensor) -> Tensor:
        if self.edit is not None and name in self.edit.edits:
            value = self.edit(name, value, self._values)
        self.keep(name, value)
        return value

    def keep(self, name: str, value: Tensor) -> None:
        """Remember the value of a tap if somebody asked for it."""
        if name in self._wanted:
            self._values[name] = value

    def touches(self, *names: str) -> bool:
        """Is any of these read or edited?"""
        edited = self.edit.edits if self.edit else frozenset()
        return any(name in self._wanted or name in edited for name in names)

    def forward(self, outputs: Tensor) -> Forward:
        return Forward(outputs, {name: self._values[name] for name in self.read if name in self._values})


@runtime_checkable
class Architecture(Protocol):
    """See the module's docstring."""

    @property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the trailing axes of every weight: ``{"W_in": ("d_model", "neuron")}``."""
        ...

    @property
    def taps(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the trailing axes of every tap, ``example`` first: ``{"hook_hidden": ("example", "d_hidden")}``."""
        ...

    @property
    def roles(self) -> Sites:
        """What fills the roles that instruments ask for, see :mod:`ontogeny.models.sites`."""
        ...

    @property
    def pads(self) -> Mapping[str, int]:
        """Axes that zeros may pad to a multiple without changing output, gradient or update of the rest."""
        ...

    @property
    def frozen(self) -> frozenset[str]:
        """Weights that are not trained."""
        ...

    def init(self, signature: Signature, key: Key) -> Weights:
        """Fresh weights of one model, no leading axes."""
        ...

    def forward(
        self, weights: Weights, inputs: Tensor, *, read: Collection[str] = (), edit: Edit | None = None
    ) -> Forward: ...

    def project(self, weights: Weights) -> Weights:
        """What is done to the weights after every update (unit norms, …); the identity for most."""
        ...


class Module(nn.Module):
    """One model of any architecture as an ordinary ``nn.Module``: named parameters, ``module(inputs)`` → outputs."""

    def __init__(self, architecture: Architecture, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.architecture = architecture
        self._names = {name: name.replace(".", "__") for name in weights}
        for name, attribute in self._names.items():
            value = weights[name].detach().clone()
            trained = name not in architecture.frozen and value.is_floating_point()
            self.register_parameter(attribute, nn.Parameter(value, requires_grad=trained))

    @property
    def weights(self) -> Weights:
        return {name: getattr(self, attribute) for name, attribute in self._names.items()}

    def forward(self, inputs: Tensor) -> Tensor:
        return self.architecture.forward(self.weights, inputs).outputs

    def run_with_cache(self, inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Outputs and every tap by name, as TransformerLens users expect."""
        forward = self.architecture.forward(self.weights, inputs, read=tuple(self.architecture.taps))
        return forward.outputs, forward.taps
