"""How a study directory grows: time, memory, files and bytes against the number of runs, and on paper what a million would cost.

python -m benchmarks.scale [--runs 64 512 2000 10000] [--out docs/scale.md]

A small study is trained and looked at once; its runs are then written again under other seeds, sealed and indexed as their writers do,
so that ten thousand runs cost minutes and not hours. Nothing that is timed knows the difference.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

STUDY: dict[str, Any] = {
    "name": "scale",
    "task": {"kind": "modular_addition", "p": 5, "train_fraction": 0.7},
    "architecture": {"kind": "bilinear", "d_hidden": 2},
    "optimiser": {"kind": "adamw", "lr": 1e-2},
    "train": {"epochs": 4, "batch": 8},
    "checkpoints": {"per_decade": 2},
    "lenses": ["performance", "effective_rank"],
    "report": [{"heading": "Training", "views": ["loss_curves"]}],
}
SIZES = (64, 512, 2000, 10000)
MILLION = 1_000_000


def study(n: int) -> dict[str, Any]:
    return {**STUDY, "vary": {"seed": {"range": [0, n - 1]}}}


def make(root: Path, n: int) -> None:
    """A directory of n finished runs: the first trained and looked at, the others written from it."""
    from ontogeny import build, execute
    from ontogeny.store.directory import Directory
    from ontogeny.study import load_study

    os.fsync = lambda handle: None  # nothing is lost with a benchmark
    execute.run(load_study(study(1)), root, stages=("train", "look"))
    recipe = load_study(study(n))
    directory = Directory(root)
    with directory.lock("a benchmark"):
        directory.write_study(recipe)
    first, *others = build.members(recipe)
    source = directory.run(first.id)
    record = source.record()
    for m in others:
        files = directory.run(m.id)
        for path in (p for p in source.folder.rglob("*") if p.is_file() and p.name != "run.json"):
            sealed_again(path, files.folder / path.relative_to(source.folder))
        files.write_record({**record, "id": m.id, "varied": dict(m.varied), "spec": dict(m.spec)})


def sealed_again(path: Path, to: Path) -> None:
    """The same file at another place, with the seal of that place."""
    from ontogeny.store import seal

    data = path.read_bytes()
    at = data.find(seal.MARK)
    if at >= 0:
        at += len(seal.MARK)
        data = data[:at] + b"0" * seal.SIZE + data[at + seal.SIZE :]
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(data)
    seal.fill(to, to)


# -- what is measured, each in a process of its own --------------------------------------------------------------------

TASKS = {
    "index": "import ontogeny.store.index, h5py, pyarrow.parquet\nfrom pathlib import Path",
    "runs": "import ontogeny as on, ontogeny.handles, pandas",
    "nothing": "import ontogeny.execute as e, ontogeny.handles, pandas, ontogeny.registry as r\n"
    "from ontogeny.study import load_study\nlist(r.views), list(r.lenses), list(r.findings)",
    "one more": "import ontogeny.store.index, h5py, pyarrow.parquet\nfrom pathlib import Path",
}
DO = {
    "index": "ontogeny.store.index.Indexer(Path(ROOT)).read()",
    "runs": "assert len(on.open(ROOT).runs()) == N",
    "nothing": "assert not e.run(load_study(STUDY), ROOT, stages=('train', 'look'))",
    "one more": "i = ontogeny.store.index.Indexer(Path(ROOT)); i.read(); i.save()",
}


def timed(what: str, root: Path, n: int) -> tuple[float, float]:
    """Seconds of processor time beside the imports, and MiB at most."""
    script = (
        f"import resource, sys, time\n{TASKS[what]}\nROOT, N, STUDY = {str(root)!r}, {n}, {study(n)!r}\n"
        f"began = time.process_time()\n{DO[what]}\nspent = time.process_time() - began\n"
        "print(spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False
    )
    if said.returncode:
        raise RuntimeError(said.stderr)
    seconds, memory = said.stdout.split()
    return float(seconds), float(memory)


def grown(root: Path, n: int) -> dict[str, float]:
    """Everything about a directory of n runs."""
    from ontogeny.store.directory import Directory
    from ontogeny.store.index import INDEX, Indexer

    found: dict[str, float] = {"n": n}
    (root / INDEX).unlink(missing_ok=True)
    began = time.process_time()
    indexer = Indexer(root)
    indexer.read()
    found["index afresh"] = time.process_time() - began
    Directory(root).save(indexer)
    paths = [p for p in root.rglob("*") if p.is_file()]
    found["files"], found["bytes"] = len(paths), sum(p.stat().st_size for p in paths)
    found["index bytes"] = (root / INDEX).stat().st_size
    for what in ("index", "runs", "nothing"):
        found[what], found[f"{what} memory"] = timed(what, root, n)
    one = next(iter(sorted((root / "runs").iterdir())))
    os.utime(one / "run.json")
    before = found["index bytes"]
    timed("one more", root, n)
    found["row"] = (root / INDEX).stat().st_size - before
    return found


def exponent(sizes: list[float], values: list[float]) -> float:
    """How the last decade grows: b of a·nᵇ."""
    return float(np.polyfit(np.log(sizes[-3:]), np.log(values[-3:]), 1)[0])


ROWS = (
    ("index", "index read, as saved", "s"),
    ("index afresh", "index made anew from the files", "s"),
    ("runs", "`on.open(DIR).runs()`", "s"),
    ("nothing", '`ontogeny run`: "nothing to do"', "s"),
    ("nothing memory", "memory of that", "MiB"),
    ("files", "files", ""),
    ("bytes", "bytes", "MB"),
    ("index bytes", "bytes of the index", "MB"),
    ("row", "bytes written to the index for one run that changed", ""),
)


def page(found: list[dict[str, float]], machine: str) -> str:
    sizes = [one["n"] for one in found]
    lines = [
        "# Scale",
        "",
        f"Generated by `python -m benchmarks.scale` on {machine}. Small runs (a network of 2 hidden units, "
        "two lenses), all there and looked at; times are of the processor (user and system, files in memory), beside imports, in a process of its own each.",
        "",
        "| | " + " | ".join(f"{int(n):,} runs" for n in sizes) + " | grows as |",
        "|---" * (len(sizes) + 2) + "|",
    ]
    for key, words, unit in ROWS:
        scale = 1e-6 if unit == "MB" else 1.0
        values = [one[key] * scale for one in found]
        grows = f"n^{exponent(sizes, values):.2f}" if min(values) > 0 else ""
        shown = [f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in values]
        lines.append(f"| {words}{', ' + unit if unit else ''} | " + " | ".join(shown) + f" | {grows} |")
    last = found[-1]
    factor = MILLION / last["n"]
    seconds = {key: last[key] * factor for key in ("index", "index afresh", "runs", "nothing")}
    base = 450.0
    memory = base + max(last["nothing memory"] - base, 0) * factor
    lines += [
        "",
        "## A million runs, on paper",
        "",
        f"In proportion: {last['files'] * factor / 1e6:.0f} million files, {last['bytes'] * factor / 1e9:.0f} GB, an index of "
        f"{last['index bytes'] * factor / 1e9:.1f} GB; {seconds['index'] / 60:.0f} min to read it, {seconds['nothing'] / 60:.0f} min and "
        f"{memory / 1024:.0f} GiB to learn that nothing is to be done, {seconds['index afresh'] / 60:.0f} min to make the index anew.",
        "",
        "What breaks first, in this order:",
        "",
        "1. *Memory of the index.* It is read whole. Rows by run would be read by part (a file for each first byte of the id), and the plan made part by part.",
        "2. *One question to the file system for each file*, which is what keeps a result from being stale unnoticed. On a network file system, at a "
        "millisecond each, they take longer than everything else from 100,000 runs on. A directory's own time would answer for the files in it, at the "
        "price that an edit in place is no longer noticed.",
        "3. *Files.* Small runs are a handful of small files each. Runs of one shard would share files: one of checkpoints and one for each lens.",
        "4. *The recipe*, which is spelled out into variants before anything is planned.",
        "5. *Reports and findings*, which read every run; long before, pictures of a thousand runs show means over seeds.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    from ontogeny.provenance import in_words

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--keep", type=Path, help="Where to leave the directories, instead of removing them.")
    asked = parser.parse_args()
    place = asked.keep or Path(tempfile.mkdtemp(prefix="scale-"))
    found = []
    try:
        for n in asked.runs:
            root = place / str(n)
            if not root.exists():
                make(root, n)
            found.append(grown(root, n))
            print(json.dumps(found[-1]), flush=True)
    finally:
        if not asked.keep:
            shutil.rmtree(place)
    text = page(found, in_words())
    if asked.out:
        asked.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
