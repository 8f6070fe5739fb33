"""Do measures rank representations as what is known of them says? Small networks of our own, in the way of ReSi (Klabunde et al. 2025).

Three-layer perceptrons learn a + b modulo 19 at several widths, with several seeds, and a table of labels that was shuffled. Five things are
known of them and of their layers, and every measure is asked whether it sees them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
import torch
from scipy import stats
from torch import Tensor

import ontogeny as on
from ontogeny import registry
from ontogeny.measures.base import Measure
from ontogeny.tasks.modular import ModularAddition

P, SEEDS, EPOCHS, LAYERS = 19, 4, 250, 3
WIDTHS = (8, 24, 72)
EARLY = "a tenth of the way to addition"
TAPS = ("mlp.hook_post", "mlp.1.hook_post", "mlp.2.hook_post")


@registry.tasks.register("shuffled_addition")
@dataclass(frozen=True)
class ShuffledAddition(ModularAddition):
    """a + b modulo p, and then the labels of the table in another order: nothing to learn but the table."""

    def label(self, a: Tensor, b: Tensor) -> Tensor:
        order = torch.randperm(a.numel(), generator=torch.Generator().manual_seed(0)).to(a.device)
        return super().label(a, b).flatten()[order].reshape(a.shape)


def recipe(kind: str) -> dict[str, object]:
    return {
        "name": kind,
        "task": {"kind": kind, "p": P, "train_fraction": 0.9},
        "architecture": {"kind": "mlp", "n_layers": LAYERS, "d_embed": 24, "d_mlp": WIDTHS[-1]},
        "optimiser": {"kind": "adamw", "lr": 3e-3, "weight_decay": 0.1},
        "train": {"epochs": EPOCHS, "batch": "full"},
        "checkpoints": {"at": [EPOCHS // 10, EPOCHS]},
        "lenses": ["performance"],
        "vary": {"seed": list(range(SEEDS)), "architecture.d_mlp": list(WIDTHS)},
    }


@dataclass(frozen=True)
class One:
    """A layer of a run."""

    labels: str
    width: int
    seed: int
    layer: int
    values: Tensor


@dataclass(frozen=True)
class Ground:
    """What is known, and the share of cases in which a table of similarities says so; chance is ½ or said."""

    name: str
    words: str
    chance: float
    score: Callable[[np.ndarray, list[One]], float]


class Population:
    """Every layer of every run, on all pairs (a, b); of the widest that learn addition, a tenth of the way through training besides."""

    @cached_property
    def layers(self) -> list[One]:
        found = []
        for kind in ("modular_addition", "shuffled_addition"):
            with tempfile.TemporaryDirectory() as place:
                store = on.run(recipe(kind), f"{place}/study", stages=("train",))
                for index, row in store.runs().iterrows():
                    run = store.run(str(index))
                    steps = {kind: run.steps[-1]}
                    if kind == "modular_addition" and int(row["d_mlp"]) == WIDTHS[-1]:
                        steps[EARLY] = run.steps[-2]
                    for labels, step in steps.items():
                        subject = run._subjects([step]).at(0)
                        found += [
                            One(labels, int(row["d_mlp"]), int(row["seed"]), i, subject.tap(tap).clone())
                            for i, tap in enumerate(TAPS)
                        ]
        return found


def alike(measure: Measure, ones: list[One]) -> np.ndarray:
    """Similarities of all pairs, the larger the more alike; both directions of an asymmetric measure averaged."""
    factors = [measure.prepare(one.values) for one in ones]
    table = measure.pairs(factors, factors)["value"].double().numpy()
    return (table + table.T) / 2 * (1 if measure.kind == "similarity" else -1)


def same_seed(table: np.ndarray, ones: list[One]) -> float:
    """A layer a tenth of the way through training is more like itself at the end than like the same layer of another seed."""
    won = []
    for i, early in enumerate(ones):
        if early.labels != EARLY:
            continue
        final = {
            o.seed: table[i, j]
            for j, o in enumerate(ones)
            if (o.labels, o.width, o.layer) == ("modular_addition", early.width, early.layer)
        }
        own = final.pop(early.seed)
        won += [(own > other) + 0.5 * (own == other) for other in final.values()]
    return float(np.mean(won))


def same_labels(table: np.ndarray, ones: list[One]) -> float:
    """Networks that learned addition are more alike among one another than to those that learned the shuffled table."""
    won = []
    for layer in range(LAYERS):
        of = [i for i, one in enumerate(ones) if one.layer == layer and one.width == WIDTHS[-1]]
        true = [i for i in of if ones[i].labels == "modular_addition"]
        false = [i for i in of if ones[i].labels == "shuffled_addition"]
        inside = [table[i, j] for i, j in combinations(true, 2)]
        across = [table[i, j] for i in true for j in false]
        won += [(a > b) + 0.5 * (a == b) for a in inside for b in across]
    return float(np.mean(won))


def wider_is_more_alike(table: np.ndarray, ones: list[One]) -> float:
    """Two seeds of a wider network are more alike than two seeds of a narrower one."""
    won = []
    for layer in range(LAYERS):
        means = []
        for width in WIDTHS:
            of = [
                i
                for i, o in enumerate(ones)
                if (o.layer, o.width, o.labels) == (layer, width, "modular_addition")
            ]
            means.append([table[i, j] for i, j in combinations(of, 2)])
        won += [(b > a) + 0.5 * (a == b) for x, y in combinations(means, 2) for a in x for b in y]
    return float(np.mean(won))


def order_of_layers(table: np.ndarray, ones: list[One]) -> float:
    """Within a network, the first layer is more like the second than like the third, and the third more like the second than the first."""
    won = []
    for width in WIDTHS:
        for seed in range(SEEDS):
            a, b, c = (
                next(
                    i
                    for i, o in enumerate(ones)
                    if (o.width, o.seed, o.layer, o.labels) == (width, seed, k, "modular_addition")
                )
                for k in range(LAYERS)
            )
            won += [table[a, b] > table[a, c], table[b, c] > table[a, c]]
    return float(np.mean(won))


def same_layer(table: np.ndarray, ones: list[One]) -> float:
    """The layer of another seed's network that a layer is most like is the one at the same depth."""
    found = []
    for i, one in enumerate(ones):
        for seed in range(SEEDS):
            if one.labels != "modular_addition" or seed == one.seed:
                continue
            others = [
                j for j, o in enumerate(ones) if (o.labels, o.width, o.seed) == (one.labels, one.width, seed)
            ]
            found.append(ones[max(others, key=lambda j: table[i, j])].layer == one.layer)
    return float(np.mean(found))


GROUNDS = (
    Ground(
        "seed",
        "a tenth of the way through training like itself at the end, not like another seed",
        0.5,
        same_seed,
    ),
    Ground("labels", "addition beside addition, not beside shuffled labels", 0.5, same_labels),
    Ground("width", "seeds of a wider network are more alike", 0.5, wider_is_more_alike),
    Ground("order", "neighbouring layers are more alike than the first and the last", 0.5, order_of_layers),
    Ground("depth", "most like the layer of the same depth in another seed", 1 / LAYERS, same_layer),
)


def scores(population: Population | None = None) -> dict[str, list[float]]:
    """For every measure of activations, the share of cases it gets right, ground by ground."""
    ones = (population or Population()).layers
    ones = [replace(one, values=one.values.float()) for one in ones]
    found: dict[str, list[float]] = {}
    for name, measure in registry.measures.items():
        if measure.input == "samples":
            table = alike(measure, ones)
            found[name] = [ground.score(table, ones) for ground in GROUNDS]
    return found


def mean_rank(table: dict[str, list[float]]) -> dict[str, float]:
    """Mean over grounds of the rank of a measure, 1 the best."""
    ranks = stats.rankdata(-np.array(list(table.values())), axis=0).mean(1)
    return dict(zip(table, map(float, ranks), strict=True))
