"""Two dictionaries beside one another: MMCS, the one-to-one pairing and their nulls, against the loop that is written for it today; and how much memory it takes.

    python -m benchmarks.dictionaries

The plain way is PyTorch and SciPy: the table of cosines, its largest entries, SciPy's Hungarian method on it as float64, and the same of random
dictionaries. Ours reads float32 where it lies and keeps one table at a time. Memory is the largest resident size of a process that does nothing
else, dictionaries included.
"""

from __future__ import annotations

import json
import subprocess
import sys

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import normalize

import ontogeny as on
from benchmarks.pairing import Row, on_all_cores, paired, show
from ontogeny.registry import measures

ATOMS, D, DRAWS = 4096, 512, 19
LARGE = (16384, 2304)
BOTH = ("mmcs", "mcc")


def dictionary(seed: int, atoms: int, d: int) -> Tensor:
    return torch.randn(atoms, d, generator=torch.Generator().manual_seed(seed))


def related(atoms: int = ATOMS, d: int = D) -> tuple[Tensor, Tensor]:
    """A dictionary, and one whose atoms are half right, in another order."""
    x, noise = dictionary(0, atoms, d), dictionary(1, atoms, d)
    return x, (x + noise)[torch.randperm(atoms, generator=torch.Generator().manual_seed(2))]


def ours(x: Tensor, y: Tensor) -> None:
    on.compare(x, y, BOTH, null="random", draws=DRAWS, resamples=0)


def plain(x: Tensor, y: Tensor) -> None:
    a = normalize(x, dim=-1)
    for other in (y, *(dictionary(draw, *y.shape) for draw in range(DRAWS))):
        cosines = a @ normalize(other, dim=-1).T
        cosines.max(1).values.mean(), cosines.max(0).values.mean()
        table = cosines.abs().double().numpy()
        rows, columns = linear_sum_assignment(table, maximize=True)
        table[rows, columns].mean()


def alone(what: str) -> None:
    """In a process of its own: the work, and the largest resident size of it in GB."""
    import resource

    if what == "nulls":
        with on_all_cores():
            ours(*related())
    else:
        x, y = (dictionary(seed, *LARGE) for seed in (0, 1))
        for name in BOTH:
            measures[name].pairs([measures[name].prepare(x)], [measures[name].prepare(y)])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps(peak))


def memory(what: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", f"from benchmarks.dictionaries import alone; alone({what!r})"],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def measure(repetitions: int = 1) -> list[Row]:
    x, y = related()
    with on_all_cores():
        times = paired(lambda: ours(x, y), lambda: plain(x, y), repetitions)
    n, d = LARGE
    return [
        {
            "what": f"MMCS both ways and MCC (Hungarian) of two dictionaries of {ATOMS:,} × {D}, with {DRAWS} random dictionaries as null",
            **times,
            "note": f"Plain: PyTorch and SciPy. Ours takes {memory('nulls'):.2g} GB in all. MMCS and MCC of {n:,} × {d:,}: {memory('large'):.2g} GB in all; one "
            f"table of float64 alone would be {n * n * 8 / 1e9:.2g} GB.",
        }
    ]


if __name__ == "__main__":
    show(measure())
