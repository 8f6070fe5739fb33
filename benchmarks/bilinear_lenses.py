"""Spectra, frequencies and similarities of bilinear networks: ours against the plain way.

Plain for spectra: for one model after another build the interaction matrices, one batched ``eigh`` of P matrices of 2P × 2P,
frequencies from all its eigenvectors. Plain for similarities: a double loop over pairs with the norms recomputed in each. Both
sides get the same random weights and the same threads, and their results are compared before the clock starts.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.testing import assert_close

from benchmarks.pairing import Row, paired, show
from ontogeny.models.bilinear import Bilinear
from ontogeny.numerics.bilinear import eigenspectrum, frequency_distribution
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.provenance import cores
from ontogeny.registry import measures
from ontogeny.subject import Subject
from ontogeny.tasks.modular import ModularAddition

P = 64
TASK = ModularAddition(p=P, train_fraction=0.75, held_out="validation")
Model = tuple[Tensor, Tensor, Tensor]


def models(widths: list[int]) -> list[Model]:
    drawn = [Bilinear(d).init(TASK.signature, Key(i, "init")) for i, d in enumerate(widths)]
    return [(w["W_l"], w["W_r"], w["W_p"]) for w in drawn]


def checkpoints(n: int, d: int) -> list[Model]:
    """A run's steps: its weights between two initialisations."""
    first, last = models([d, d])
    return [tuple(torch.lerp(a, b, i / n) for a, b in zip(first, last, strict=True)) for i in range(n)]


def plain_spectra(given: list[Model]) -> list[tuple[Tensor, Tensor]]:
    """Eigenvalues and p(f | r) of each model, from all eigenvectors of the full matrices."""
    results = []
    for W_l, W_r, W_p in given:
        B = torch.einsum("rh,hi,hj->rij", W_p, W_l, W_r)
        values, vectors = torch.linalg.eigh((B + B.mT) / 2)
        power = torch.fft.rfft(vectors[:, :P], dim=1).abs() ** 2
        power[:, 1 : P // 2] *= 2
        share = torch.einsum("rfc,rc->rf", power, values**2)
        results.append((values, share / share.sum(-1, keepdim=True)))
    return results


def our_spectra(given: list[Model]) -> list[tuple[Tensor, Tensor]]:
    return [(eigenspectrum(*model), frequency_distribution(*model, slice(0, P))) for model in given]


def plain_similarities(given: list[Model]) -> Tensor:
    def product(one: Model, other: Model) -> Tensor:
        (l1, r1, p1), (l2, r2, p2) = one, other
        tensors = ((l1 @ l2.mT) * (r1 @ r2.mT) + (l1 @ r2.mT) * (r1 @ l2.mT)) / 2
        return (p1.mT @ p2 * tensors).sum()

    rows = [[product(x, y) / (product(x, x) * product(y, y)).sqrt() for y in given] for x in given]
    return torch.tensor(rows)


def our_similarities(given: list[Model]) -> Tensor:
    measure = measures["tn_similarity"]
    factors = [measure.prepare(subject(model)) for model in given]
    return measure.pairs(factors, factors)["value"]


def subject(model: Model) -> Subject:
    weights = dict(zip(("W_l", "W_r", "W_p"), model, strict=True))
    return Subject(Bilinear(len(model[0])), weights, TASK.probe(), TASK.signature, CrossEntropy())


def measure() -> list[Row]:
    sweep, run = models(list(range(1, 65))), checkpoints(200, 64)
    for (values, share), (full, expected) in zip(
        our_spectra(sweep[::9]), plain_spectra(sweep[::9]), strict=True
    ):
        largest = full.gather(-1, full.abs().argsort(dim=-1, descending=True))[:, : values.shape[-1]]
        assert_close(values.abs(), largest.abs(), atol=1e-5, rtol=1e-3)
        assert_close(share, expected, atol=1e-5, rtol=1e-3)
    for few in (sweep[::9], run[::40]):
        assert_close(our_similarities(few), plain_similarities(few).double(), atol=1e-5, rtol=1e-4)
    note = f"{torch.get_num_threads()} threads on {cores()} cores, both sides; float32 weights."
    return [
        {
            "what": "eigenvalues and p(f | r) of 64 widths x 64 remainders",
            **paired(lambda: our_spectra(sweep), lambda: plain_spectra(sweep), 3),
            "note": f"{note} Plain: batched eigh of 128 x 128, a model at a time.",
        },
        {
            "what": "TN similarity of 64 widths, all pairs",
            **paired(lambda: our_similarities(sweep), lambda: plain_similarities(sweep), 5),
            "note": f"{note} Plain: a double loop, norms recomputed. Ours accumulates in float64.",
        },
        {
            "what": "TN similarity of 200 checkpoints of d = 64, all pairs",
            **paired(lambda: our_similarities(run), lambda: plain_similarities(run), 1),
            "note": f"{note} Plain: a double loop, norms recomputed. Ours accumulates in float64.",
        },
    ]


if __name__ == "__main__":
    show(measure())
