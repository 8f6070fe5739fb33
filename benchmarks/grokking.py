"""Training the grokking transformer, full batch, with its test loss: our engine against the loop that people write today.

The plain way is an ``nn.Module`` with the forward pass of a TransformerLens ``HookedTransformer`` of this size (embedding, four heads,
ReLU MLP, unembedding, at all three positions; hooks, LayerNorm and biases left out), ``torch.optim.AdamW``, and log-softmax in
float64 at the last position; train and test sets go through it every epoch. Both sides start from the same weights.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.pairing import Row, cores, paired, show
from ontogeny import build
from ontogeny.study import load_study
from ontogeny.training.engine import TorchEngine
from ontogeny.training.feed import Feed
from ontogeny.training.member import Member, State

Step = Callable[[], object]


class PlainTransformer(nn.Module):
    """One block in TransformerLens's shapes: (batch, position) tokens → (batch, position, output) logits."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        for name, w in weights.items():
            self.register_parameter(name.rpartition(".")[2], nn.Parameter(w.clone()))
        future = torch.ones(weights["pos_embed.W_pos"].shape[0], weights["pos_embed.W_pos"].shape[0]).triu(1)
        self.register_buffer("future", future.bool())

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.W_E[tokens] + self.W_pos
        q, k, v = (torch.einsum("bpd,hde->bphe", x, W) for W in (self.W_Q, self.W_K, self.W_V))
        scores = torch.einsum("bqhe,bkhe->bhqk", q, k) / q.shape[-1] ** 0.5
        pattern = scores.masked_fill(self.future, -torch.inf).softmax(-1)
        z = torch.einsum("bhqk,bkhe->bqhe", pattern, v)
        x = x + torch.einsum("bqhe,hed->bqd", z, self.W_O)
        x = x + torch.relu(x @ self.W_in) @ self.W_out
        return x @ self.W_U


class Plain:
    """The usual loop over epochs, for one model."""

    def __init__(self, member: Member) -> None:
        probe, split = member.task.probe(), member.task.split(member.key("split"))
        self.parts = [(probe.inputs[rows], probe.labels[rows]) for rows in split.values()]
        self.model = PlainTransformer(member.init())
        adam = member.optimiser
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), adam.lr, (adam.beta1, adam.beta2), adam.eps, adam.weight_decay
        )

    def loss(self, part: int) -> Tensor:
        inputs, labels = self.parts[part]
        log_p = self.model(inputs)[:, -1].to(torch.float64).log_softmax(-1)
        return -log_p.gather(-1, labels[:, None]).mean()

    def epoch(self) -> tuple[float, float]:
        train = self.loss(0)
        with torch.inference_mode():
            test = self.loss(1)
        self.optimiser.zero_grad()
        train.backward()
        self.optimiser.step()
        return train.item(), test.item()


class Ours:
    """The population engine; test loss every ``evaluate`` epochs."""

    def __init__(self, members: list[Member], evaluate: int = 1) -> None:
        states = [State(0, m.init()) for m in members]
        self.engine = TorchEngine(members, states, Feed(members))
        self.who, self.step, self.evaluate = range(len(members)), 0, evaluate

    def epochs(self, n: int) -> None:
        for _ in range(n):
            if self.step % self.evaluate == 0:
                self.engine.evaluate(self.who)
            self.engine.advance(self.who, self.step, self.step + 1)
            self.step += 1


def members(p: int, seeds: int) -> list[Member]:
    fraction = {113: 0.3, 59: 0.4}[p]
    changes = [f"task.p={p}", f"task.train_fraction={fraction}", f"vary.seed={list(range(seeds))}"]
    return build.members(load_study("grokking", changes))


def measure(repetitions: int = 5) -> list[Row]:
    before = torch.get_num_threads()
    torch.set_num_threads(cores())

    def repeat(step: Step, n: int) -> None:
        for _ in range(n):
            step()

    try:
        (one,) = members(113, 1)
        plain = Plain(one)
        every = paired(partial(Ours([one]).epochs, 2), partial(repeat, plain.epoch, 2), repetitions)
        tenth = paired(
            partial(Ours([one], 10).epochs, 10), partial(repeat, plain.epoch, 10), max(2, repetitions // 2)
        )
        eight = members(59, 8)
        alone = [Ours([m]) for m in eight]
        together = paired(partial(Ours(eight).epochs, 2), lambda: [o.epochs(2) for o in alone], repetitions)
    finally:
        torch.set_num_threads(before)
    way = (
        "Plain: an nn.Module with the forward pass of a TransformerLens HookedTransformer (all three positions, all logits, hooks "
        "omitted), torch.optim.AdamW, log-softmax in float64, train and test forward every epoch."
    )
    return [
        {"what": "Grokking, p = 113, full batch: an epoch with its test loss", **every, "note": way},
        {
            "what": "The same with our test loss every tenth epoch",
            **tenth,
            "note": "The plain loop is the same, with its test loss every epoch.",
        },
        {
            "what": "Eight seeds of p = 59 at once, against one after another",
            **together,
            "note": "Both sides are ours, test loss every epoch. Large models are taken one at a time on each core either way, so "
            "what is gained is the second core's waiting.",
        },
    ]


if __name__ == "__main__":
    show(measure())
