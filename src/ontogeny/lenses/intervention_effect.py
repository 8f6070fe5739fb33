"""What any intervention, or several composed, does to the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ontogeny.axes import Labelled, array
from ontogeny.errors import UnknownName, UserError
from ontogeny.interventions.base import intervene
from ontogeny.lenses.base import lens
from ontogeny.registry import interventions
from ontogeny.subject import Subject


@lens(reads=("outputs",), keep=False, cost="moderate")
def intervention_effect(
    model: Subject,
    *,
    intervention: Sequence[Mapping[str, Any]] | None = None,
    tap: str = "last:blocks.0.mlp.hook_post",
) -> dict[str, Labelled]:
    """What changes when the model is intervened upon: its accuracy and loss, which inputs fail, their logits, the units of a tap?

    ``intervention``: specs in the order in which they act, each fitted on the model as the ones before it left it:
    ``[{"kind": "keep_components", "components": [0]}, {"kind": "zero_ablate", "tap": …, "units": [3]}]``.
    Changes are intervened − full: of the logit of the label, of the logit of the class that the full model predicts, and of every unit
    of ``tap``, averaged over all inputs and over those whose first number is the smallest or the largest (on a grid).

    Failing inputs are those with ``correct`` false. A drop in accuracy says that what was removed is needed *here*, in a model that was never
    trained without it; compare with a random edit of the same size.

    Raises UserError without an intervention, UnknownName for an unknown tap.
    """
    if not intervention:
        raise UserError(
            "The lens 'intervention_effect' needs intervention=[{\"kind\": …}, …]. "
            f"Known kinds: {', '.join(interventions)}."
        )
    if tap not in model.architecture.taps:
        raise UnknownName("tap", tap, model.architecture.taps)
    axis, cut = len(model.lead), intervene(model, *intervention)
    labels = model.probe.labels.expand(model.outputs.shape[:-1])
    full, changed = model.outputs, cut.outputs
    predicted = changed.argmax(-1)

    def change_of(classes: torch.Tensor) -> torch.Tensor:
        return (changed - full).gather(-1, classes.unsqueeze(-1)).squeeze(-1)

    rows = {"all": torch.arange(model.probe.inputs.shape[0], device=full.device), **model.split}

    def by_split(name: str) -> torch.Tensor:
        both = torch.stack([one.examples[name].double() for one in (model, cut)], axis)
        return torch.stack([both[..., part].mean(-1) for part in rows.values()], -1)

    def grid(values: torch.Tensor) -> torch.Tensor:
        return model.on_grid(values) if model.grid else values

    difference = (cut.tap(tap) - model.tap(tap)).movedim(axis, 0)
    groups = {"all": difference.mean(0)}
    if model.grid:
        name, size = next(iter(model.probe.grid.items()))
        first = difference.unflatten(0, (size, -1)).mean(1)
        groups |= {f"{name} = 0": first[0], f"{name} = {size - 1}": first[-1]}
    place, own = model.grid or ("example",), model.architecture.taps[tap][1:]
    ticks = {"condition": ["full", "intervened"], "split": list(rows)}
    return {
        "accuracy": array(by_split("accuracy"), "condition", "split", long_name="accuracy", coords=ticks),
        "loss": array(by_split("loss"), "condition", "split", long_name="loss", units="nats"),
        "prediction": array(grid(predicted), *place, long_name="predicted output"),
        "error": array(grid(predicted - labels), *place, long_name="prediction − truth", units="outputs"),
        "correct": array(grid(predicted == labels), *place, long_name="prediction is right"),
        "logit_of_label": array(
            grid(change_of(labels)), *place, long_name="change of the label's logit", units="nats"
        ),
        "logit_of_prediction": array(
            grid(change_of(full.argmax(-1))),
            *place,
            long_name="change of the logit of the full model's prediction",
            units="nats",
        ),
        "activation": array(
            torch.stack(list(groups.values()), axis),
            "group",
            *own,
            long_name=f"mean change of the activation at {tap}",
            coords={"group": list(groups)},
        ),
    }
