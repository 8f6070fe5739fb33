"""32 sparse autoencoders (256 → 512, TopK 8, batches of 1,024) at once, against one after the other as they are written today.

The plain loop is PyTorch as in the libraries of the field: linear maps, ``topk``, Adam, atoms normalised after every update; each SAE
draws its own fresh batches of the same synthetic data. Ours draws a batch once for all that share an order, visits active atoms only, and gives each
core an SAE. Both make the same number of updates with the same batch size.
"""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.pairing import Row, on_all_cores, paired, show
from ontogeny import build
from ontogeny.numerics.random import Key
from ontogeny.study import load_study
from ontogeny.training.engine import TorchEngine
from ontogeny.training.feed import Feed
from ontogeny.training.member import State

MODELS, STEPS, BATCH, D, ATOMS, K = 32, 12, 1024, 256, 512, 8
TASK = {"kind": "sparse_features", "d": D, "n_features": ATOMS, "probe_size": 256}


class Plain(nn.Module):
    """A TopK SAE as one writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.b_dec = nn.Parameter(torch.zeros(D))
        self.encoder, self.decoder = nn.Linear(D, ATOMS), nn.Linear(ATOMS, D, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values, index = self.encoder(x - self.b_dec).relu().topk(K, -1)
        acts = torch.zeros(len(x), ATOMS).scatter(-1, index, values)
        return self.decoder(acts) + self.b_dec


def one_after_the_other() -> None:
    task = build.part("task", TASK)
    for seed in range(MODELS):
        model = Plain()
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
        for step in range(STEPS):
            x = task.draw(Key(seed, "order"), step, BATCH).inputs
            loss = (model(x) - x).square().sum(-1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            with torch.no_grad():
                model.decoder.weight.div_(model.decoder.weight.norm(dim=0, keepdim=True))


def at_once() -> None:
    study = load_study(
        {
            "name": "bench",
            "task": TASK,
            "architecture": {"kind": "sae", "d_atoms": ATOMS, "activation": "topk", "k": K},
            "objective": {"kind": "sparse_reconstruction"},
            "optimiser": {"kind": "adam", "lr": 1e-3},
            "seeds": {"order": 0},
            "train": {"steps": STEPS, "batch": BATCH},
            "vary": {"seed": list(range(MODELS))},
        }
    )
    members = build.members(study)
    runner = TorchEngine(members, [State(0, m.init()) for m in members], Feed(members))
    runner.advance(range(MODELS), 0, STEPS)


def measure(repetitions: int = 3) -> list[Row]:
    with on_all_cores():
        times = paired(at_once, one_after_the_other, repetitions)
    return [
        {
            "what": f"{MODELS} sparse autoencoders ({D} → {ATOMS}, TopK {K}, batches of {BATCH:,}), {STEPS} updates",
            **times,
            "note": "Plain: PyTorch, one after the other, each with fresh batches of its own. Ours: one order for all, so a batch is drawn once.",
        }
    ]


if __name__ == "__main__":
    show(measure())
