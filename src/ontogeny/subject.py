"""What a lens or a measure is given: one model (or a stack of its steps), its probe, and whatever it asks for.

Everything is computed when first asked for and then kept, so lenses that share a subject share its forward pass. The leading
axes of the weights (``step``, ``run``) are the leading axes of everything here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import torch

from ontogeny.errors import UnknownName, UserError
from ontogeny.needs import OF_MODEL, Need, parse

if TYPE_CHECKING:
    from torch import Tensor

    from ontogeny.models.base import Architecture, Edit, Forward, Weights
    from ontogeny.objectives.base import Objective
    from ontogeny.tasks.base import Probe, Signature

Results = Mapping[str, "Tensor"]


@dataclass
class Subject:
    """One model under a lens.

    ``weights``   dict of tensors (*lead, …);     ``outputs``  (*lead, example[, position], output)
    ``tap(name)`` (*lead, example, …);            ``site(role)`` a tap, or a map of weights, whatever it is called here
    ``examples``  per-example loss, accuracy, …: (*lead, example)
    ``split``     rows of the probe by part;      ``result(lens)`` what another lens said of the same step
    """

    architecture: Architecture
    weights: Weights
    probe: Probe
    signature: Signature
    objective: Objective
    split: Mapping[str, Tensor] = field(default_factory=dict)
    edit: Edit | None = None
    #: Labelled results of lenses that this one reads, by lens, then variable: at the same step, and at the last step.
    results: Mapping[str, Results] = field(default_factory=dict)
    final_results: Mapping[str, Results] = field(default_factory=dict)
    steps: tuple[int, ...] = ()
    _taps: dict[str, Tensor] = field(default_factory=dict, repr=False)

    @property
    def lead(self) -> tuple[int, ...]:
        """Shape of the leading axes."""
        name, axes = next(iter(self.architecture.axes.items()))
        shape = self.weights[name].shape
        return tuple(shape[: len(shape) - len(axes)])

    @property
    def period(self) -> int:
        """How many elements the group of the task has; where there is no period, how many outputs."""
        return self.probe.period or self.signature.outputs

    @property
    def grid(self) -> tuple[str, ...]:
        return tuple(self.probe.grid)

    def on_grid(self, values: Tensor, example_axis: int = -1) -> Tensor:
        """The example axis unfolded into the probe's named grid: (…, example, …) → (…, a, b, …)."""
        if not self.probe.grid:
            raise UserError("The probe of this task is not a grid; there is nothing to unfold.")
        axis = example_axis % values.ndim
        return values.unflatten(axis, tuple(self.probe.grid.values()))

    def read(self, *taps: str) -> None:
        """Compute these taps (and the outputs) in one forward pass, unless they are there already."""
        missing = [name for name in taps if name not in self._taps]
        if missing or "outputs" not in self.__dict__:
            forward = self._forward(missing)
            self.__dict__["outputs"] = forward.outputs
            self._taps.update(forward.taps)

    @cached_property
    def outputs(self) -> Tensor:
        return self._forward(()).outputs

    def tap(self, name: str) -> Tensor:
        """A tap by its name, or by the role that it fills (``neurons[0]``); ``outputs`` is one too."""
        if name == "outputs":
            return self.outputs
        name = self.where(name)
        self.read(name)
        return self._taps[name]

    def where(self, name: str) -> str:
        """The tap that is called so, or that fills this role."""
        if name in self.architecture.taps:
            return name
        found = self._find(name)
        if not isinstance(found, str):
            raise UserError(f"'{name}' is no tap of this model: it is a map of its weights.")
        return found

    def axes_of(self, name: str) -> tuple[str, ...]:
        """Names of the trailing axes of a tap, or of the outputs: (example, …)."""
        if name == "outputs":
            return ("example", "position", "output")[:: 1 if self.outputs.ndim - len(self.lead) == 3 else 2]
        return self.architecture.taps[self.where(name)]

    def site(self, role: str) -> Any:
        """What fills a role: the values of a tap (*lead, example, …), or a map of weights; ``form`` is three maps.

        See :data:`ontogeny.models.sites.ROLES` for the roles and their axes. Raises ``UserError`` with the reason where there is none.
        """
        found = self._find(role)
        return self.tap(found) if isinstance(found, str) else found.function(self.weights, self.signature)

    def form(self) -> tuple[Tensor, Tensor, Tensor]:
        """The outputs as a quadratic form of the one-hot inputs: W_l, W_r (*lead, unit, input) and W_p (*lead, output, unit)."""
        left, right, out = self.site("form")
        return left, right, out

    def inward(self, layer: int) -> tuple[str, ...]:
        """Names of the weights that the neurons of a layer are made with."""
        names: tuple[str, ...] = self._find(f"inward[{layer}]").weights
        return names

    def change(self, role: str, by: Mapping[str, Tensor]) -> Tensor:
        """First-order change of a site when weights move: Σ ∂site/∂weight · ``by``[weight]."""
        found = self._find(role)
        tap = self.where(role) if isinstance(found, str) else ""

        def value(moved: dict[str, Tensor]) -> Tensor:
            weights = {**self.weights, **moved}
            if not tap:
                made: Tensor = found.function(weights, self.signature)
                return made
            return self.architecture.forward(weights, self.probe.inputs, read=(tap,), edit=self.edit).taps[
                tap
            ]

        here = {name: self.weights[name] for name in by}
        changed: Tensor = torch.func.jvp(value, (here,), (dict(by),))[1]
        return changed

    def needs_one_answer(self) -> None:
        """Refuse a lens of one answer an example, (example, output), where a network answers at every position."""
        if self.outputs.ndim != len(self.lead) + 2:
            raise UserError(
                "This lens is of logits at one position, (example, output); this network answers at every position: its outputs "
                f"have the shape {tuple(self.outputs.shape[len(self.lead) :])}."
            )

    def needs_outputs_of_the_period(self, values: Tensor) -> None:
        """Refuse a lens of waves over the outputs, the last axis, where they are not one period."""
        if (outputs := values.shape[-1]) != self.period:
            raise UserError(
                f"The network has {outputs} outputs, the period is {self.period}: waves over the outputs need them equal."
            )

    def in_group(self) -> Subject:
        """The same model seen in the labelling in which its task is addition in Z_n (:mod:`ontogeny.labelling`)."""
        from ontogeny.labelling import Relabelled

        group = self.probe.group
        return Relabelled.of(self, group) if group and group.words else self

    @cached_property
    def examples(self) -> dict[str, Tensor]:
        from ontogeny.models.base import Forward

        taps = {name: self.tap(name) for name in self.objective.reads}
        return self.objective.examples(Forward(self.outputs, taps), self.probe.batch)

    def losses(self, moved: Weights) -> dict[str, Tensor]:
        """Mean loss by split at other weights, under the same intervention. They may have further axes in front, which are
        those of what comes back; weights that are not given stay."""
        name, w = next(iter(moved.items()))
        more = w.shape[: max(0, w.ndim - self.weights[name].ndim)]
        weights = {n: moved[n] if n in moved else w.expand(*more, *w.shape) for n, w in self.weights.items()}
        forward = self._answers(weights)
        alone = getattr(self.objective, "loss", None)
        batch = self.probe.batch
        loss: Tensor = alone(forward, batch) if alone else self.objective.examples(forward, batch)["loss"]
        parts = self.split or {"all": torch.arange(loss.shape[-1])}
        return {part: loss.index_select(-1, rows.to(loss.device)).mean(-1) for part, rows in parts.items()}

    @cached_property
    def gradients(self) -> dict[str, dict[str, Tensor]]:
        """Gradient of the mean loss of each split, by split, then weight: (*lead, …)."""

        with torch.enable_grad():
            weights = {n: w.detach().requires_grad_(w.is_floating_point()) for n, w in self.weights.items()}
            grads = {}
            for part, loss in self.losses(weights).items():
                values = torch.autograd.grad(
                    loss.sum(), list(weights.values()), retain_graph=True, allow_unused=True
                )
                grads[part] = {
                    n: torch.zeros_like(w) if g is None else g
                    for (n, w), g in zip(weights.items(), values, strict=True)
                }
        return grads

    def result(self, lens: str, variable: str) -> Tensor:
        """What ``lens`` said of the same step; the lens must be declared in ``reads``."""
        return self.results[lens][variable]

    def final(self, lens: str, variable: str) -> Tensor:
        """What ``lens`` said of the last step, without leading axes."""
        return self.final_results[lens][variable]

    def lacks(self, reads: Collection[str | Need]) -> str | None:
        """Why something that reads these (``site:neurons[0]``, ``tap:NAME``, ``grid``, …) cannot look at this model; ``None`` if it can."""
        needs = [parse(read, OF_MODEL) if isinstance(read, str) else read for read in reads]
        return next((why for need in needs if not need.optional and (why := self._lack(need))), None)

    def _lack(self, need: Need) -> str | None:
        from ontogeny.models.sites import Absent, find, is_role

        if need.kind == "weights" and need.name and need.name not in self.weights:
            return f"it reads the weights {need.name}; the model has {', '.join(self.weights)}"
        named = need.kind == "tap" and need.name not in (*self.architecture.taps, "outputs")
        if named and not is_role(need.name):
            return f"it reads the tap {need.name}; the model has {', '.join([*self.architecture.taps, 'outputs'])}"
        if named or need.kind == "site":
            site = find(self.architecture, need.name)
            if isinstance(site, Absent):
                return f"it reads {need.name}, and {site.why}"
        if self.passes((need,)):
            if not getattr(self.architecture, "runs", True):
                return "it reads the forward pass, and of this run only the weights are known"
            if not len(self.probe.inputs):
                return "it reads the forward pass, and nobody said on which task: record it with task={…}, or import it with --task kind=…"
        missing = {
            "grid": (bool(self.probe.grid), "whose probe is a grid (a, b)"),
            "period": (bool(self.probe.period), "with a period"),
            "group": (
                self.probe.group is not None,
                "that is addition in Z_n, if need be under other names of the numbers",
            ),
            "split": (bool(self.split), "with a train and a held-out part"),
            "truth": (self.probe.truth is not None, "whose true features are known, such as sparse_features"),
            "sequences": (
                self.probe.labels.ndim == 2 and not self.probe.labels.is_floating_point(),
                "that asks for the next term at every place of a sequence",
            ),
            "host": (self.probe.host is not None, "of another run's activations"),
        }
        there, which = missing.get(need.kind, (True, ""))
        return None if there else f"it needs a task {which}"

    def taps_among(self, needs: Collection[Need]) -> list[str]:
        """The taps that these ask for, by their own names."""
        from ontogeny.models.sites import find

        asked = [
            need.name if need.name in self.architecture.taps else find(self.architecture, need.name)
            for need in needs
            if need.kind in ("tap", "site") and need.name != "outputs"
        ]
        return sorted({tap for tap in asked if isinstance(tap, str)})

    def passes(self, needs: Collection[Need]) -> bool:
        """Whether any of these is read off the forward pass, and not off the weights."""
        from ontogeny.models.sites import find

        return any(
            need.kind in ("outputs", "gradients", "tap")
            or (need.kind == "site" and isinstance(find(self.architecture, need.name), str))
            for need in needs
        )

    def _find(self, role: str) -> Any:
        from ontogeny.models.sites import Absent, find, is_role

        if not is_role(role):
            raise UnknownName("tap or site", role, [*self.architecture.taps, "outputs"])
        found = find(self.architecture, role)
        if isinstance(found, Absent):
            raise UserError(f"There is no {role} here: {found.why}.")
        return found

    def at(self, index: int | tuple[int, ...]) -> Subject:
        """The subject at one place of the leading axes, in memory of its own: arithmetic may depend on where a row begins."""
        return self._with(lambda w: w[index].clone())

    def each(self) -> Iterator[Subject]:
        """The subjects at all places of the leading axes, the last axis fastest."""
        for index in product(*map(range, self.lead)):
            yield self.at(index)

    def edited(self, edit: Edit | None) -> Subject:
        """The same model under an intervention."""
        other = self._with(lambda w: w)
        other.edit = edit
        return other

    def _with(self, pick: Callable[[Tensor], Tensor]) -> Subject:
        from ontogeny.models.base import FittedEdit

        edit = self.edit
        if isinstance(edit, FittedEdit):
            edit = edit.holding({name: pick(t) for name, t in edit.tensors.items()})
        return Subject(
            self.architecture,
            {name: pick(w) for name, w in self.weights.items()},
            self.probe,
            self.signature,
            self.objective,
            self.split,
            edit,
        )

    def _answers(self, weights: Weights) -> Forward:
        """The forward pass at other weights, by the shortest way to the answers where nothing on the way is read or edited."""
        from ontogeny.models.base import Forward

        answers = getattr(self.architecture, "answers", None)
        if answers and self.edit is None and not self.objective.reads:
            outputs = answers(weights, self.probe.inputs)
            if outputs is not None:
                return Forward(outputs, {})
        forward: Forward = self.architecture.forward(
            weights, self.probe.inputs, read=self.objective.reads, edit=self.edit
        )
        return forward

    def _forward(self, read: Collection[str]) -> Forward:
        if not len(self.probe.inputs):
            raise UserError(
                "Nobody said what this model was trained on, so there are no inputs to look at. Record it with task={…}, or import it "
                "with --task kind=…."
            )
        with torch.no_grad():
            return self.architecture.forward(self.weights, self.probe.inputs, read=read, edit=self.edit)
