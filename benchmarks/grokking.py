"""Training the grokking transformer, full batch, with its test loss: our engine against the loop that people write today.

That loop trains TransformerLens's ``HookedTransformer`` with ``torch.optim.AdamW`` and log-softmax in float64 at the last position;
train and test sets go through the model every epoch. Where TransformerLens is installed (the extra ``transformer-lens``) it is the real
one. A second row is the same loop around a bare ``nn.Module`` with that forward pass (all three positions, no hooks), which is as fast
as plain PyTorch gets without new algebra. All sides start from the same weights.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.pairing import Row, on_all_cores, paired, show
from ontogeny import build
from ontogeny.interop.transformer_lens import to_state_dict
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


def hooked_transformer(weights: dict[str, Tensor]) -> nn.Module | None:
    """TransformerLens's own model with these weights, if it is installed."""
    try:
        from transformer_lens import HookedTransformer, HookedTransformerConfig
    except ImportError:
        return None
    vocab, d_model = weights["embed.W_E"].shape
    heads, _, d_head = weights["blocks.0.attn.W_Q"].shape
    config = HookedTransformerConfig(
        n_layers=1, n_heads=heads, d_model=d_model, d_head=d_head, d_mlp=weights["blocks.0.mlp.W_in"].shape[1],
        act_fn="relu", normalization_type=None, d_vocab=vocab, d_vocab_out=weights["unembed.W_U"].shape[1],
        n_ctx=len(weights["pos_embed.W_pos"]), init_weights=False, device="cpu",
    )  # fmt: skip
    model: nn.Module = HookedTransformer(config)
    model.load_state_dict(to_state_dict(weights))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("b_" not in name)  # biases stay zero, as in the published run
    return model


class Plain:
    """The usual loop over epochs, for one model."""

    def __init__(self, member: Member, model: nn.Module) -> None:
        probe, split = member.task.probe(), member.task.split(member.key("split"))
        self.parts = [(probe.inputs[rows], probe.labels[rows]) for rows in split.values()]
        self.model = model
        adam = member.optimiser
        self.optimiser = torch.optim.AdamW(
            [w for w in self.model.parameters() if w.requires_grad],
            adam.lr,
            (adam.beta1, adam.beta2),
            adam.eps,
            adam.weight_decay,
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
    changes = [
        f"task.p={p}",
        f"task.train_fraction={fraction}",
        f"vary.seed={list(range(seeds))}",
        "crossed={}",
    ]
    return build.members(load_study("grokking", changes))


def measure(repetitions: int = 5) -> list[Row]:
    with on_all_cores():
        (one,) = members(113, 1)
        rows = against(
            "TransformerLens's HookedTransformer", one, hooked_transformer(one.init()), repetitions
        )
        rows += against("a bare nn.Module", one, PlainTransformer(one.init()), repetitions)
        eight = members(59, 8)
        alone = [Ours([m]) for m in eight]
        together = paired(partial(Ours(eight).epochs, 2), lambda: [o.epochs(2) for o in alone], repetitions)
    note = (
        "Both sides are ours, test loss every epoch. Large models are taken one at a time on each core either way, so what is gained is "
        "the second core's waiting."
    )
    return [
        *rows,
        {"what": "Eight seeds of p = 59 at once, against one after another", **together, "note": note},
    ]


def against(whom: str, one: Member, model: nn.Module | None, repetitions: int) -> list[Row]:
    """Our engine beside the usual loop around ``model``: test loss every epoch, and every tenth; nothing where there is no model."""
    if model is None:
        return []
    plain = Plain(one, model)

    def plainly(n: int) -> None:
        for _ in range(n):
            plain.epoch()

    every = paired(partial(Ours([one]).epochs, 2), partial(plainly, 2), 3 * repetitions)
    tenth = paired(partial(Ours([one], 10).epochs, 10), partial(plainly, 10), repetitions)
    what = f"Grokking, p = 113, full batch, against {whom}: an epoch with its test loss"
    note = f"Plain: {whom}, torch.optim.AdamW, log-softmax in float64, train and test set every epoch."
    return [
        {"what": what, **every, "note": note},
        {
            "what": "The same with our test loss every tenth epoch",
            **tenth,
            "note": "Plain: as above, with its test loss every epoch.",
        },
    ]


if __name__ == "__main__":
    show(measure())
