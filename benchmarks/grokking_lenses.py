"""The default lenses over 100 checkpoints of the published grokking setting: our batched session against one checkpoint at a
time.

The plain way loads a checkpoint, has every lens that reads the forward pass run it for itself and keep everything (what
``run_with_cache`` does in a notebook), and goes on to the next one. The lenses' own mathematics is ours on both sides. It is
timed on a few checkpoints; a lens over the whole course (phases, order of learning) is left out of it, which favours it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.pairing import Row, on_all_cores, paired, show
from ontogeny import build, execute, expect
from ontogeny.axes import to_numpy
from ontogeny.handles import Run, open_store
from ontogeny.lenses.session import asked, in_order
from ontogeny.provenance import cores
from ontogeny.study import load_study

CHECKPOINTS, FEW = 100, 5
CHANGES = (
    "vary.seed=[0]",
    "crossed={}",
    f"train.epochs={CHECKPOINTS - 1}",
    'checkpoints={unit="epoch",ranges=[{every=1}]}',
)


def recorded(out: Path) -> Run:
    """One trained run of p = 113 with a checkpoint after every one of its first updates."""
    execute.run(load_study("grokking-113", CHANGES), out, stages=("train",))
    store = open_store(out)
    run = Run(store, store.entries()[0])
    assert len(run.steps) == CHECKPOINTS
    return run


def ours(run: Run) -> None:
    """Every lens of the recipe at every checkpoint, written to disk."""
    shutil.rmtree(run.store.directory.run(run.id).results, ignore_errors=True)
    wanted = [expect.wanted_lens(use, run.member) for use in run.store.study.lenses]
    assert execute.look(run.store.directory, {run.id: wanted})


def plainly(run: Run) -> None:
    """The same lenses, without those over the whole course, at a few checkpoints, one after another."""
    wanted = [asked(use.name, use.options) for use in run.store.study.lenses]
    models = [one for one in in_order(wanted) if one.lens.scope == "model"]
    for step in run.steps[:: CHECKPOINTS // FEW]:
        weights = run.weights(step)
        said: dict[str, dict[str, Tensor]] = {}
        for one in models:
            model = build.subject(run.member, dict(weights))
            model.results = {need.name: said[of.key] for need, of in one.reads if need.when == "same"}
            model.final_results = {need.name: said[of.key] for need, of in one.reads if need.when == "final"}
            if model.passes(one.lens.needs(one.options)):
                model.read(*model.architecture.taps)
            with torch.no_grad():
                found = one.lens(model, **one.options)
            said[one.key] = {v: torch.as_tensor(to_numpy(x.values)) for v, x in found.items()}


def measure(repetitions: int = 3) -> list[Row]:
    with on_all_cores(), tempfile.TemporaryDirectory() as folder:
        run = recorded(Path(folder) / "out")
        row = paired(lambda: ours(run), lambda: plainly(run), repetitions)
        stored = sum(f.stat().st_size for f in run.store.directory.run(run.id).results.glob("*.nc"))
        command = [sys.executable, "-m", "benchmarks.grokking_lenses", str(run.store.directory.root)]
        alone = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for name in ("ratio", "min", "max", "plain_s"):
        row[name] *= CHECKPOINTS / FEW
    note = (
        f"All {len(run.store.study.lenses)} lenses of the recipe, results written: {row['ours_s']:.0f} s here, "
        f"{stored / 2**20:.0f} MB stored, {alone['peak'] / 2**30:.2g} GB of memory at most. Plain: a "
        "checkpoint at a time, each lens with a "
        f"run_with_cache of its own; timed on {FEW} checkpoints."
    )
    return [{"what": f"The default lenses over {CHECKPOINTS} checkpoints of p = 113", **row, "note": note}]


def main(folder: str) -> None:
    """In a process of its own: the lenses once, and the most memory that this took."""
    torch.set_num_threads(cores())
    store = open_store(folder)
    ours(Run(store, store.entries()[0]))
    # not ru_maxrss, which a process inherits from the one that started it
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    print(json.dumps({"peak": int(line.split()[1]) * 1024}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        show(measure())
