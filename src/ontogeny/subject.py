"""What a lens or a measure is given: one model (or a stack of its steps), its probe, and whatever it asks for.

Everything is computed when first asked for and then kept, so lenses that share a subject share its forward pass. The leading
axes of the weights (``step``, ``run``) are the leading axes of everything here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from ontogeny.errors import UserError

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
    ``tap(name)`` (*lead, example, …);            ``examples`` per-example loss, accuracy, …: (*lead, example)
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
        self.read(name)
        return self._taps[name]

    @cached_property
    def examples(self) -> dict[str, Tensor]:
        from ontogeny.models.base import Forward

        taps = {name: self.tap(name) for name in self.objective.reads}
        return self.objective.examples(Forward(self.outputs, taps), self.probe.batch)

    @cached_property
    def gradients(self) -> dict[str, dict[str, Tensor]]:
        """Gradient of the mean loss of each split, by split, then weight: (*lead, …)."""

        with torch.enable_grad():
            weights = {n: w.detach().requires_grad_(w.is_floating_point()) for n, w in self.weights.items()}
            forward: Forward = self.architecture.forward(
                weights, self.probe.inputs, read=self.objective.reads, edit=self.edit
            )
            loss = self.objective.examples(forward, self.probe.batch)["loss"]
            parts = self.split or {"all": torch.arange(loss.shape[-1])}
            grads = {}
            for part, rows in parts.items():
                total = loss.index_select(-1, rows).mean(-1).sum()
                values = torch.autograd.grad(
                    total, list(weights.values()), retain_graph=True, allow_unused=True
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

    def lacks(self, reads: Collection[str]) -> str | None:
        """Why something that reads these (``weights:W_l``, ``tap:NAME``, ``grid``, …) cannot look at this model; ``None`` if it can."""
        of: dict[str, list[str]] = {}
        for read in reads:
            kind, _, name = read.partition(":")
            of.setdefault(kind, []).append(name)
        missing_weights = [w for w in of.get("weights", ()) if w and w not in self.weights]
        missing_taps = [t for t in of.get("tap", ()) if t not in self.architecture.taps]
        if missing_weights:
            return (
                f"it reads the weights {', '.join(missing_weights)}; the model has {', '.join(self.weights)}"
            )
        if missing_taps:
            return f"it reads the taps {', '.join(missing_taps)}; the model has {', '.join(self.architecture.taps)}"
        if of.keys() & {"outputs", "gradients", "tap"}:
            if not getattr(self.architecture, "runs", True):
                return "it reads the forward pass, and of this run only the weights are known"
            if not len(self.probe.inputs):
                return "it reads the forward pass, and nobody said on which task: record it with task={…}, or import it with --task kind=…"
        if "grid" in of and not self.probe.grid:
            return "it needs a task whose probe is a grid (a, b)"
        if "period" in of and not self.probe.period:
            return "it needs a task with a period"
        if "truth" in of and self.probe.truth is None:
            return "it needs a task whose true features are known, such as sparse_features"
        if "host" in of and self.probe.host is None:
            return "it needs a task of another run's activations"
        if "split" in of and not self.split:
            return "it needs a task with a train and a held-out part"
        return None

    def at(self, index: int | tuple[int, ...]) -> Subject:
        """The subject at one place of the leading axes, in memory of its own: arithmetic may depend on where a row begins."""
        return self._with(lambda w: w[index].clone())

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

    def _forward(self, read: Collection[str]) -> Forward:
        if not len(self.probe.inputs):
            raise UserError(
                "Nobody said what this model was trained on, so there are no inputs to look at. Record it with task={…}, or import it "
                "with --task kind=…."
            )
        with torch.no_grad():
            return self.architecture.forward(self.weights, self.probe.inputs, read=read, edit=self.edit)
