"""What an intervention is: a frozen spec whose ``fit(subject)`` gives a pure edit of taps; edits compose.

    cut = intervene(model, KeepComponents(components=(0,)), ZeroAblate("neurons[0]", units=(2,)))
    cut.examples["accuracy"]

Fitting is where weights and probe statistics enter (a mean to ablate to, a principal axis to keep); the edit that comes out is a
function of the tap's value. What it holds of the model stands in ``tensors``, with the model's leading axes, so that an edited
subject can be indexed like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ontogeny.errors import UnknownName, UserError
from ontogeny.models.base import Edit, FittedEdit
from ontogeny.registry import interventions
from ontogeny.subject import Subject

#: (value of the tap, values of the taps that are read, tensors held) → value to go on with
Act = Callable[[Tensor, Mapping[str, Tensor], Mapping[str, Tensor]], Tensor]


@runtime_checkable
class Intervention(Protocol):
    """A registered spec."""

    def fit(self, subject: Subject) -> Edit:
        """The edit for this subject, as it is under the edits it has already."""
        ...


@dataclass(frozen=True, eq=False)
class Fitted:
    """An edit of one tap."""

    tap: str
    act: Act
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    reads: frozenset[str] = frozenset()

    @property
    def edits(self) -> frozenset[str]:
        return frozenset({self.tap})

    def __call__(self, name: str, value: Tensor, taps: Mapping[str, Tensor]) -> Tensor:
        return self.act(value, taps, self.tensors)

    def holding(self, tensors: Mapping[str, Tensor]) -> Fitted:
        return replace(self, tensors=dict(tensors))


@dataclass(frozen=True, eq=False)
class Composed:
    """Several edits; those of the same tap act one after the other. ``last:NAME`` acts after ``NAME`` whatever the order."""

    parts: tuple[Edit, ...]

    @property
    def edits(self) -> frozenset[str]:
        return frozenset[str]().union(*(part.edits for part in self.parts))

    @property
    def reads(self) -> frozenset[str]:
        return frozenset[str]().union(*(part.reads for part in self.parts))

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        return {
            f"{i}.{name}": tensor
            for i, part in enumerate(self.parts)
            if isinstance(part, FittedEdit)
            for name, tensor in part.tensors.items()
        }

    def holding(self, tensors: Mapping[str, Tensor]) -> Composed:
        def pick(i: int, part: Edit) -> Edit:
            if not isinstance(part, FittedEdit):
                return part
            return part.holding({name: tensors[f"{i}.{name}"] for name in part.tensors})

        return Composed(tuple(pick(i, part) for i, part in enumerate(self.parts)))

    def __call__(self, name: str, value: Tensor, taps: Mapping[str, Tensor]) -> Tensor:
        for part in self.parts:
            if name in part.edits:
                value = part(name, value, taps)
        return value


def compose(*edits: Edit) -> Edit:
    """One edit that does all of these, in order."""
    parts: list[Edit] = []
    for edit in edits:
        parts.extend(edit.parts if isinstance(edit, Composed) else (edit,))
    return parts[0] if len(parts) == 1 else Composed(tuple(parts))


#: What is done to a model: a spec, the dict of one, or a bare edit.
Change = Intervention | Edit | Mapping[str, Any]


def intervene(subject: Subject, *chosen: Change) -> Subject:
    """The subject under these interventions, each fitted on the subject as the ones before it left it.

    An intervention is a spec, the dict of one (``{"kind": "zero_ablate", …}``), or a bare edit.
    """
    for one in chosen:
        spec = interventions.build(one) if isinstance(one, Mapping) else one
        edit = spec.fit(subject) if isinstance(spec, Intervention) else spec
        subject = subject.edited(compose(subject.edit, edit) if subject.edit else edit)
    return subject


def axis_of(subject: Subject, tap: str, axis: str | None = None) -> int:
    """Where an axis of a tap stands, counted from the end; the last by default."""
    axes = subject.axes_of(tap)
    if axis is None:
        return -1
    if axis not in axes:
        raise UnknownName(f"axis of the tap '{tap}'", axis, axes)
    return axes.index(axis) - len(axes)


def put(value: Tensor, new: Tensor, units: tuple[int, ...] | None, axis: int) -> Tensor:
    """``value`` with ``new`` (broadcast) at these units along ``axis``, or everywhere if ``units`` is None."""
    new = new.to(value.dtype).expand_as(value)
    if units is None:
        return new
    size = value.shape[axis]
    if wrong := [unit for unit in units if not 0 <= unit < size]:
        raise UserError(f"There are no units {wrong}; the axis has {size}, 0 … {size - 1}.")
    chosen = torch.zeros(size, dtype=torch.bool, device=value.device)
    chosen[list(units)] = True
    return torch.where(chosen.reshape(-1, *[1] * (-1 - axis)), new, value)
