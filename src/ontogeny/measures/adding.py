"""Whether one network's neurons can stand in for another's where two numbers are added."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.interventions.base import Fitted, intervene
from ontogeny.measures.base import measure
from ontogeny.numerics.random import Key
from ontogeny.numerics.scale import units_up_to_sign
from ontogeny.subject import Subject

PENALTIES = (1e-6, 1e-4, 1e-2)  # of the ridge, over the mean variance of the features


@dataclass(frozen=True)
class Adder:
    """A network at the place where it has seen two numbers: ``neurons`` (pair, neuron), ``out`` (pair, d), what they write there; ``labels`` (pair,)."""

    model: Subject
    tap: str
    place: int | None  # along the positions, where the tap has any
    neurons: Tensor
    out: Tensor
    labels: Tensor

    def accuracy(self, out: Tensor, rows: Tensor) -> Tensor:
        """Share of these pairs that are answered rightly with ``out`` (pair, d) in place of what the neurons write."""
        place = self.place

        def act(value: Tensor, taps: object, held: object) -> Tensor:
            new = out.to(value)
            if place is None:
                return new
            return torch.cat([value[:, :place], new[:, None], value[:, place + 1 :]], 1)

        outputs = intervene(self.model, Fitted(self.tap, act)).outputs
        said = (outputs if place is None else outputs[:, place]).argmax(-1)
        return (said == self.labels)[rows].double().mean()


@measure(
    kind="similarity",
    range=(0, 1),
    reads=("outputs", "grid", "period"),
    symmetric=False,
    any_task=True,
    label="accuracy with the other's neurons",
)
class transplanted_neurons:
    """Can another network's neurons do the adding in this one, once frequencies are renamed?

    Equation: at the place behind two numbers a, b (of a sequence its second; of a single sum the last), x's MLP writes O (pair, d) and y's neurons
    are N (pair, neuron). Half of the pairs fit O ≈ N(u·a, u·b) W + c by ridge regression; u, a unit of Z_p up to sign, renames the numbers, which permutes y's frequencies; it and
    the penalty are chosen on a part of that half. value: accuracy of x on the other half of the pairs with the fitted map in place of what its MLP writes.
    control: the same with as many rectified random features of (a, b) for neurons of y. blank: with the mean of O. own: with O itself. likeness: largest linear CKA of the neurons
    of both over the renamings. probe: accuracy on the other half of reading a + b off y's neurons by ridge regression.

    Shapes: one number a pair of networks; asymmetric: x answers, y lends. Range [0, 1]; chance is 1/p. Frequencies of two networks are seldom images of one another under one
    renaming, so two seeds of one kind are no 1 either: read value beside what another seed of x's own kind gives. A linear map from many neurons can make much of little: read it beside control. Errors:
    networks of other p, architectures without an MLP output to replace.
    """

    seed: int = 0

    def prepare(self, model: Subject) -> Adder:
        p = model.period
        if list(model.probe.grid.values()) != [p, p] or model.lead:
            raise UserError(
                f"Networks are asked for all pairs of {p} numbers, one step of each; this probe is {dict(model.probe.grid)}."
            )
        layers = getattr(model.architecture, "n_layers", 1)
        sequence = model.probe.labels.ndim == 2
        first = "" if sequence else "last:"
        tap, post = (f"{first}blocks.{layers - 1}.{name}" for name in ("hook_mlp_out", "mlp.hook_post"))
        if missing := [name for name in (tap, post) if name not in model.architecture.taps]:
            raise UserError(
                f"This network has no {' and no '.join(missing)}, so nothing can stand in for its neurons."
            )
        model.read(tap, post)
        place = 1 if sequence else None
        neurons, out = (
            x.double() if place is None else x[:, place].double() for x in (model.tap(post), model.tap(tap))
        )
        labels = model.probe.labels if place is None else model.probe.labels[:, place]
        return Adder(model, tap, place, neurons, out, labels)

    def pair(self, x: Adder, y: Adder) -> dict[str, Tensor]:
        p = x.model.period
        if y.model.period != p:
            raise UserError(
                f"One network adds modulo {p} and the other modulo {y.model.period}; their pairs are others."
            )
        order = Key(self.seed, "transplant").permutation(p * p)
        fit, test = order[: p * p // 2], order[p * p // 2 :]
        renamed = [_renamed(p, u) for u in units_up_to_sign(p)]
        a, b = torch.arange(p * p) // p, torch.arange(p * p) % p
        noise = (
            Key(self.seed, "transplant features")
            .normal("features", 2 * p, y.neurons.shape[-1], std=1.0)
            .double()
        )
        random = (noise[a] + noise[p + b]).relu()
        answer = torch.nn.functional.one_hot(x.labels, p).double()
        lent, bare = (
            _mapped(features, x.out, fit, which)
            for features, which in ((y.neurons, renamed), (random, renamed[:1]))
        )
        read = _mapped(y.neurons, answer, fit, renamed[:1])[test].argmax(-1) == x.labels[test]
        return {
            "value": x.accuracy(lent, test),
            "control": x.accuracy(bare, test),
            "blank": x.accuracy(x.out.mean(0, keepdim=True).expand_as(x.out), test),
            "own": x.accuracy(x.out, test),
            "likeness": torch.stack([_cka(x.neurons, y.neurons[rows]) for rows in renamed]).max(),
            "probe": read.double().mean(),
        }


def _renamed(p: int, u: int) -> Tensor:
    """Which pair stands where (a, b) stood: (u·a, u·b)."""
    number = u * torch.arange(p) % p
    return (number[:, None] * p + number).flatten()


def _mapped(features: Tensor, targets: Tensor, fit: Tensor, renamed: list[Tensor]) -> Tensor:
    """The ridge map of features (pair, f) to targets (pair, d), for all pairs; renaming and penalty by a quarter of ``fit`` left out."""
    cut = 3 * len(fit) // 4
    some, left_out = fit[:cut], fit[cut:]
    best: tuple[float, Tensor, float] = (math.inf, renamed[0], PENALTIES[0])
    for rows in renamed:
        for penalty in PENALTIES:
            off = _ridge(features[rows], targets, some, penalty)[left_out] - targets[left_out]
            error = float(off.square().sum())
            if error < best[0]:
                best = (error, rows, penalty)
    return _ridge(features[best[1]], targets, fit, best[2])


def _ridge(features: Tensor, targets: Tensor, fit: Tensor, penalty: float) -> Tensor:
    centre, middle = features[fit].mean(0), targets[fit].mean(0)
    x = features[fit] - centre
    gram = x.mT @ x
    gram.diagonal().add_(penalty * gram.diagonal().mean() + 1e-300)
    return (features - centre) @ torch.linalg.solve(gram, x.mT @ (targets[fit] - middle)) + middle


def _cka(x: Tensor, y: Tensor) -> Tensor:
    x, y = (z - z.mean(0) for z in (x, y))
    return (y.mT @ x).square().sum() / ((x.mT @ x).norm() * (y.mT @ y).norm())
