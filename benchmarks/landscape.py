"""The loss on a plane of weights: ours against a loop that sets the weights and evaluates one point at a time.

The loop is what people write: a bare ``nn.Module`` of the grokking transformer (all three positions), ``copy_`` into its parameters, then
train and test set through it under ``inference_mode``, log-softmax in float64. Both sides get the same weights, the same
directions and every core, and their losses are compared before the clock starts.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.testing import assert_close

from benchmarks.grokking import Plain, PlainTransformer, members
from benchmarks.pairing import Row, on_all_cores, paired, show
from ontogeny import build
from ontogeny.numerics.landscape import on_plane
from ontogeny.numerics.random import Key
from ontogeny.provenance import cores

P, POINTS, FEW = 59, 41, 7  # the loop is timed on a plane of FEW × FEW: it costs the same at every point


def measure(repetitions: int = 3) -> list[Row]:
    member = members(P, 1)[0]
    weights = member.init()
    model = build.subject(member, weights)
    d, e = ({n: Key(0, which).normal(n, *w.shape, std=0.05) for n, w in weights.items()} for which in "de")
    places, few = (torch.linspace(-1, 1, n, dtype=torch.float64) for n in (POINTS, FEW))
    plain = Plain(member, PlainTransformer(weights))

    def ours(at: Tensor = places) -> Tensor:
        return on_plane(lambda w: torch.stack([*model.losses(w).values()][:2], -1), weights, d, e, at, at)

    def loop() -> Tensor:
        values = torch.empty(FEW, FEW, 2, dtype=torch.float64)
        short = {n.rpartition(".")[2]: n for n in weights}
        with torch.inference_mode():
            for i, beta in enumerate(few.tolist()):
                for j, alpha in enumerate(few.tolist()):
                    for name, parameter in plain.model.named_parameters():
                        n = short[name]
                        parameter.copy_(weights[n] + alpha * d[n] + beta * e[n])
                    values[i, j] = torch.stack([plain.loss(0), plain.loss(1)])
        return values

    with on_all_cores():
        assert_close(ours(few).double(), loop(), rtol=1e-4, atol=1e-4)
        row = paired(ours, loop, repetitions)
    for name in ("ratio", "min", "max", "plain_s"):
        row[name] *= (POINTS / FEW) ** 2
    note = f"{cores()} cores, both sides. Plain: a bare nn.Module, weights set point by point, train and test set; timed on {FEW} x {FEW} points."
    return [{"what": f"Loss landscape, {POINTS} x {POINTS} points of p = {P}", **row, "note": note}]


if __name__ == "__main__":
    show(measure())
