"""The sweep of the ``bottleneck`` study inside ``ontogeny run`` against the compiled kernel alone.

The kernel alone makes the same updates of the same models in the same order and, after every epoch, what the study's stopping
rule needs: the accuracy on the pairs held out. ``run`` also evaluates all pairs, logs, keeps checkpoints, commits, and finishes
every run on disk. Nobody stops within so few epochs, so both sides do the same work; what ``run`` costs once a run weighs more
than in 600 epochs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.pairing import Row, on_all_cores, paired, show
from ontogeny import build, execute
from ontogeny.provenance import cores
from ontogeny.study import load_study
from ontogeny.training.bilinear_kernel import BilinearKernel, KernelModel
from ontogeny.training.feed import Feed

EPOCHS = 100
HYPER = ("lr", "weight_decay", "beta1", "beta2", "eps")


def whole() -> None:
    """Train as ``ontogeny run bottleneck --only train`` does."""
    study = load_study("bottleneck", [f"train.epochs={EPOCHS}", "vary.seed=[0]"])
    with tempfile.TemporaryDirectory() as folder:
        execute.run(study, Path(folder) / "out", stages=["train"])


def kernel_alone() -> None:
    """The same updates, and the accuracy on the validation pairs after every epoch."""
    members = build.members(load_study("bottleneck", ["vary.seed=[0]"]))
    feed, everyone = Feed(members), range(len(members))
    hyper = {name: float(getattr(members[0].optimiser, name)) for name in HYPER}
    kernel = BilinearKernel([KernelModel.pack(m.init(), None, None, hyper) for m in members], cores())
    inputs, labels = feed.probe.inputs.numpy(), feed.probe.labels.numpy()
    held_out = feed.splits[0]["validation"].numpy()
    for start in range(0, EPOCHS * feed.steps_per_epoch, feed.steps_per_epoch):
        rows = feed.rows(0, start, start + feed.steps_per_epoch).numpy()
        kernel.advance(everyone, inputs, labels, [rows for _ in everyone], start)
        kernel.evaluate(everyone, inputs[held_out], labels[held_out])[1].mean(-1)


def measure(repetitions: int = 3) -> list[Row]:
    with on_all_cores():
        times = paired(whole, kernel_alone, repetitions)
    return [
        {
            "what": f"{EPOCHS} epochs of 64 widths inside `ontogeny run`, against the kernel alone",
            **times,
            "note": "Below 1: what is beside the kernel. Plain: the same updates and the stopping rule's "
            "accuracy, nothing logged or kept.",
        }
    ]


if __name__ == "__main__":
    show(measure())
