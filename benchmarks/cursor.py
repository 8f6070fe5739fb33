"""A figure of one run, and a cursor that moves: what is shown alone, against everything joined first.

The plain way joins a lens over all runs and steps and takes one run out of it, which is what version 0.1 did. The cursor's page holds four
small figures, two heatmaps and a mosaic of 512 neurons; plainly they are drawn anew at every step.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from benchmarks.pairing import Row, paired, show
from ontogeny import execute
from ontogeny.handles import Store, open_store
from ontogeny.registry import views
from ontogeny.study import load_study

LENSES = [
    "key_frequencies",
    "neuron_fourier",
    "attention",
    "embedding_geometry",
    "neuron_correlation",
    "readout_spectrum",
]
SMALL = ("key_frequency_bars", "attention_bars", "embedding_scatter", "neuron_histogram")
HEATMAPS = ("neuron_frequency_heatmap", "wl_spectrum")
MOSAIC = {"pixels": 500_000}
CHANGES = (
    "train.epochs=11",
    "vary.seed=[0,1,2,3]",
    'checkpoints={unit="epoch",ranges=[{every=1}]}',
    "claims={}",
    "report=[]",
    "crossed={}",
)


def looked_at(out: Path) -> Store:
    """Four runs of the published size of `grokking` (p = 59, 512 neurons), twelve steps each."""
    study = load_study("grokking", (*CHANGES, f"lenses={LENSES}"))
    execute.run(study, out, stages=("train", "look"))
    return open_store(out)


def joined(store: Store) -> None:
    """All runs at all steps, then one of them."""
    views["key_frequency_bars"](key_frequencies=store.lens("key_frequencies", None))


def alone(store: Store) -> None:
    store.kept.clear()
    store.draw("key_frequency_bars")


def measure(repetitions: int = 5) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        store = looked_at(Path(folder) / "out")
        of_one = paired(lambda: alone(store), lambda: joined(store), repetitions)
        page = [store.draw(name) for name in (*SMALL, *HEATMAPS)] + [store.draw("neuron_mosaic", **MOSAIC)]
        steps = itertools.cycle(store.run(store.entries()[0].id).steps[:-1])

        def moved() -> None:
            at = next(steps)
            for drawn in page:
                drawn.frame(step=at)

        def anew() -> None:
            at = next(steps)
            for name in (*SMALL, *HEATMAPS, "neuron_mosaic"):
                store.draw(name, step=at)

        of_cursor = paired(moved, anew, repetitions)
    note = f"{of_one['ours_s'] * 1e3:.0f} ms beside {of_one['plain_s'] * 1e3:.0f} ms. Four runs of twelve steps; plain: all of them joined first."
    moves = (
        f"{of_cursor['ours_s'] * 1e3:.0f} ms a move beside {of_cursor['plain_s'] * 1e3:.0f} ms. Four small figures, two heatmaps, 512 neurons as maps "
        "of a forward pass; plain: drawn anew from that step's results."
    )
    return [
        {"what": "A figure of one run (key frequencies)", **of_one, "note": note},
        {"what": "A cursor moves seven figures of one run by a step", **of_cursor, "note": moves},
    ]


if __name__ == "__main__":
    show(measure())
