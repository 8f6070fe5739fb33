"""A model seen in the labelling in which its task is addition in Z_n: the same numbers, inputs and outputs in another order.

Waves over the elements of a group are what a circuit for it is made of, so lenses of frequency are given this and need not know which
labelling it is. What is no element (0 under multiplication) is left out: inputs that hold it, its row of the embedding, its output.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from ontogeny.subject import Subject
from ontogeny.tasks.base import Probe, Signature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ontogeny.tasks.groups import Group


@dataclass
class Relabelled(Subject):
    """Example i·n + j holds the elements i and j, and its label is (i + j) mod n."""

    whole: Subject = field(kw_only=True)
    group: Group = field(kw_only=True)

    @staticmethod
    def of(whole: Subject, group: Group) -> Relabelled:
        probe, n, places = whole.probe, group.n, whole.signature
        a, b = probe.grid
        rows = (group.a[:, None] * probe.grid[b] + group.b).flatten()
        i = torch.arange(n)
        labels = ((i[:, None] + i) % n).flatten()
        others = max(places.vocab - max(probe.grid.values()), 0)
        within = torch.full((len(probe.inputs),), -1).index_put_((rows,), torch.arange(n * n))
        return Relabelled(
            architecture=whole.architecture,
            weights=whole.weights,
            probe=Probe(probe.inputs[rows], labels, probe.mask, {a: n, b: n}, n, group=group),
            signature=Signature(n, vocab=n + others, positions=places.positions),
            objective=whole.objective,
            split={part: (at := within[of])[at >= 0] for part, of in whole.split.items()},
            edit=whole.edit,
            results=whole.results,
            final_results=whole.final_results,
            steps=whole.steps,
            whole=whole,
            group=group,
        )

    @property
    def rows(self) -> Tensor:
        """Examples of the whole probe in the order of this one."""
        b = list(self.whole.probe.grid.values())[1]
        return (self.group.a[:, None] * b + self.group.b).flatten()

    @cached_property
    def outputs(self) -> Tensor:
        return self.whole.outputs.index_select(-2, self.rows).index_select(-1, self.group.answers)

    def read(self, *taps: str) -> None:
        self.whole.read(*taps)

    def tap(self, name: str) -> Tensor:
        if name == "outputs":
            return self.outputs
        return self.whole.tap(name).index_select(len(self.lead), self.rows)

    @cached_property
    def gradients(self) -> dict[str, dict[str, Tensor]]:
        return self.whole.gradients

    def site(self, role: str) -> Any:
        return self._placed(role, self.whole.site(role))

    def change(self, role: str, by: Mapping[str, Tensor]) -> Tensor:
        placed: Tensor = self._placed(role, self.whole.change(role, by))
        return placed

    def _placed(self, role: str, value: Any) -> Any:
        if role == "embedding":
            return self._numbers(value, self.group.a)
        if role.startswith("readout"):
            return value.index_select(-1, self.group.answers)
        if role == "form":
            left, right, out = value
            return self._columns(left), self._columns(right), out.index_select(-2, self.group.answers)
        return value.index_select(len(self.lead), self.rows)

    def _numbers(self, table: Tensor, elements: Tensor) -> Tensor:
        """Rows (…, token, d) of the elements, then those of tokens that are no numbers."""
        others = torch.arange(max(self.whole.probe.grid.values()), table.shape[-2])
        return table.index_select(-2, torch.cat([elements, others]))

    def _columns(self, weight: Tensor) -> Tensor:
        """Columns (…, d, position · token): those of the first operand by its elements, of the second by its own."""
        by_position = weight.mT.unflatten(-2, (self.whole.signature.positions, -1))
        elements = [self.group.a, self.group.b, *[self.group.a] * (by_position.shape[-3] - 2)]
        return torch.cat([self._numbers(by_position[..., i, :, :], e) for i, e in enumerate(elements)], -2).mT
