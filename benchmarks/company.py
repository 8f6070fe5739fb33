"""What independence of company costs: small transformers in stacks of a fixed height, against one stack as high as the
population.

The plain way puts all 64 variants on one axis and gives every operation all cores. It is what a first version did, and on some
processors it gives a variant other last bits in other company.
"""

from __future__ import annotations

from benchmarks.pairing import Row, on_all_cores, paired, show
from ontogeny import build
from ontogeny.study import load_study
from ontogeny.training.engine import TorchEngine
from ontogeny.training.feed import Feed
from ontogeny.training.member import Member, State

SEEDS, STEPS = 64, 8
SMALL = {"d_model": 16, "n_heads": 2, "d_head": 8, "d_mlp": 64}


def members(p: int, batch: int | str) -> list[Member]:
    sizes = [f"architecture.{name}={size}" for name, size in SMALL.items()]
    changes = [
        f"task.p={p}",
        "crossed=false",
        f"vary.seed={list(range(SEEDS))}",
        f"train.batch={batch!r}",
        *sizes,
    ]
    return build.members(load_study("grokking", changes))


class Ours:
    def __init__(self, those: list[Member]) -> None:
        self.engine = TorchEngine(those, [State(0, m.init()) for m in those], Feed(those))
        self.step = 0

    def go(self) -> None:
        self.engine.advance(range(SEEDS), self.step, self.step + STEPS)
        self.step += STEPS


class OneStack(Ours):
    """The same updates on one axis of 64, every operation on all cores."""

    def __init__(self, those: list[Member]) -> None:
        super().__init__(those)
        states = {i: self.engine.state(i) for i in range(SEEDS)}
        self.engine.stacks = self.engine._stacked(states, SEEDS)
        self.engine.by_example = False  # nothing is filled up

    def go(self) -> None:
        engine = self.engine
        (stack,) = engine.stacks
        optimisers = [m.optimiser for m in engine.members]
        keys = [m.key("order") for m in engine.members]
        for (batch,) in engine._batches(self.step, self.step + STEPS):
            part = slice(0, batch.labels.shape[1])
            passes = [engine._pass(stack, batch, part, engine._objective(stack, self.step + 1))]
            engine._update(stack, batch, passes, self.step, optimisers, keys)
            self.step += 1


def measure(repetitions: int = 7) -> list[Row]:
    with on_all_cores():
        rows = []
        for p, batch in ((11, "full"), (59, 64), (59, "full")):
            those = members(p, batch)
            found = paired(Ours(those).go, OneStack(those).go, repetitions)
            size = "full batches" if batch == "full" else f"batches of {batch}"
            note = "Plain: one stack of 64, every operation on all cores, as version 0.1 did; it depends on company on some processors."
            rows.append(
                {"what": f"64 small transformers (d_model 16), p = {p}, {size}", **found, "note": note}
            )
        return rows


if __name__ == "__main__":
    show(measure())
