"""Training the 64 widths of the ``bottleneck`` study: the compiled kernel against a PyTorch loop, one model after another.

Both sides train models d = 1 … 64 on the same 3072 of 4096 pairs, batches of 64, AdamW; a repetition is one epoch of all 64
(3072 updates of some model). Building models, optimisers and data sets is outside the clock on both sides.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.pairing import Row, on_all_cores, paired, show
from ontogeny.models.bilinear import Bilinear
from ontogeny.numerics.random import Key
from ontogeny.tasks.base import Signature
from ontogeny.training.bilinear_kernel import BilinearKernel, KernelModel

P, BATCH, WIDTHS = 64, 64, range(1, 65)
HYPER = {"lr": 3e-3, "weight_decay": 3e-4, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}


def split() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Token pairs and labels, (3072, 2), (3072,) for training and (1024, 2), (1024,) for validation."""
    pairs = torch.cartesian_prod(torch.arange(P), torch.arange(P))[Key(0, "split").permutation(P * P)]
    labels, cut = pairs.sum(-1) % P, 3 * P * P // 4
    return pairs[:cut], labels[:cut], pairs[cut:], labels[cut:]


class PlainBilinear(nn.Module):
    """One linear map of width 2d, split in two and multiplied; then a projection."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.bi_linear = nn.Linear(2 * P, 2 * d, bias=False)
        self.projection = nn.Linear(d, P, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.bi_linear(x).chunk(2, dim=-1)
        return self.projection(left * right)


class Plain:
    """What people write: one-hot vectors, a DataLoader, a module, an optimiser, a loop, for each width in turn."""

    def __init__(self) -> None:
        train, labels, held_out, held_labels = split()
        self.x, self.y = one_hot(held_out, P).flatten(1).float(), held_labels
        data = TensorDataset(one_hot(train, P).flatten(1).float(), labels)
        self.loader = DataLoader(data, batch_size=BATCH, shuffle=True, drop_last=True)
        self.models = [PlainBilinear(d) for d in WIDTHS]
        self.optimisers = [
            torch.optim.AdamW(model.parameters(), lr=HYPER["lr"], weight_decay=HYPER["weight_decay"])
            for model in self.models
        ]

    def epoch(self) -> None:
        for model, optimiser in zip(self.models, self.optimisers, strict=True):
            model.train()
            for x, y in self.loader:
                optimiser.zero_grad()
                cross_entropy(model(x), y).backward()
                optimiser.step()

    def validate(self) -> list[float]:
        accuracies = []
        for model in self.models:
            model.eval()
            with torch.no_grad():
                accuracies.append((model(self.x).argmax(-1) == self.y).float().mean().item())
        return accuracies


class Ours:
    """The kernel, with an order of batches of its own for every width."""

    def __init__(self) -> None:
        self.data = tuple(tensor.numpy() for tensor in split())
        signature = Signature(positions=2, vocab=P, outputs=P)
        models = [Bilinear(d).init(signature, Key(d, "init")) for d in WIDTHS]
        self.kernel = BilinearKernel([KernelModel.pack(weights, None, None, HYPER) for weights in models])
        self.active, self.epochs = range(len(WIDTHS)), 0

    def epoch(self) -> None:
        train, labels, _, _ = self.data
        steps = len(labels) // BATCH
        orders = [
            Key(d, "order").permutation(len(labels), self.epochs)[: steps * BATCH].view(steps, BATCH).numpy()
            for d in WIDTHS
        ]
        self.kernel.advance(self.active, train, labels, orders, self.epochs * steps)
        self.epochs += 1

    def validate(self) -> np.ndarray:
        return self.kernel.evaluate(self.active, *self.data[2:])[1].mean(-1)


def measure(repetitions: int = 5) -> list[Row]:
    with on_all_cores():
        ours, plain = Ours(), Plain()
        training = paired(ours.epoch, plain.epoch, repetitions)

        def ours_whole() -> None:
            ours.epoch()
            ours.validate()

        def plain_whole() -> None:
            plain.epoch()
            plain.validate()

        whole = paired(ours_whole, plain_whole, repetitions)
    return [
        {
            "what": "Training 64 bilinear widths for one epoch",
            **training,
            "note": "Plain: DataLoader over one-hot vectors, nn.Module, AdamW, one width after another. "
            "Ours draws a separate batch order for each width.",
        },
        {
            "what": "The same with validation on 1024 pairs",
            **whole,
            "note": "Plain validates in one batch without gradients.",
        },
    ]


if __name__ == "__main__":
    show(measure())
