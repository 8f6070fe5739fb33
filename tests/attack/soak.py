"""The attack on everything that is written and read: kills, hostile files, absurd recipes and damage; the figures go into a
document.

python -m tests.attack.soak --kills 1000 --files 2000 --recipes 300 --out docs/reliability.md
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pickle
import resource
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.attack.preload import preload


def side_by_side(jobs: Sequence[Callable[[], Any]], root: Path) -> list[Any]:
    """What each job returns, each in a process of its own."""
    children = []
    for i, job in enumerate(jobs):
        child = os.fork()
        if not child:
            try:
                (root / f"{i}.pickle").write_bytes(pickle.dumps(job()))
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return [pickle.loads((root / f"{i}.pickle").read_bytes()) for i in range(len(jobs))]


def quietly(job: Callable[[], Any]) -> Any:
    """Without what commands say: warnings and tracebacks of attempts are counted, not read."""
    warnings.simplefilter("ignore")
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        return job()


def kill(root: Path, kills: int, workers: int) -> list[Any]:
    from tests.attack.kills import campaign

    def share(worker: int) -> list[Any]:
        def attempts() -> list[Any]:
            made = []
            for one in campaign(root / f"kills-{worker}", kills, worker, workers):
                made.append(one)
                if one.wrong or len(made) % 10 == 0:
                    print(f"worker {worker}: {len(made)} attempts {one.wrong and one}", flush=True)
            return made

        return quietly(attempts)

    return [o for part in side_by_side([lambda w=w: share(w) for w in range(workers)], root) for o in part]


def meet(root: Path, files: int) -> tuple[Counter[tuple[str, str]], list[str], float, float]:
    """(grammar, outcome) → how many; what should not be; the longest, in seconds; the most memory, in GiB."""
    from tests.attack.hostile import campaign, meet
    from tests.attack.kills import at_most

    def job() -> Any:
        at_most(12 * 2**30)
        became: Counter[tuple[str, str]] = Counter()
        wrong, longest = [], 0.0
        for i, (kind, blob) in enumerate(campaign(files)):
            began = time.process_time()
            met = meet(kind, blob, root / f"file-{i}")
            longest = max(longest, time.process_time() - began)
            became[kind, met.became] += 1
            if met.wrong:
                wrong.append(f"file {i} ({kind}): {met.wrong}")
            shutil.rmtree(root / f"file-{i}")
        return became, wrong, longest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    return quietly(job)


def damage(root: Path) -> dict[str, dict[str, str]]:
    """Kind of file → way of damaging it → what `ontogeny check` says."""
    from tests.attack.damages import DAMAGES, KINDS_AT_REST, apply, one_of, outcome
    from tests.attack.kills import STUDY, do

    from ontogeny.handles import open_store
    from ontogeny.report.assemble import write_report
    from ontogeny.report.chosen import write_chosen
    from ontogeny.store.directory import Directory

    def whole(out: Path, **changes: Any) -> Path:
        before = dict(STUDY)
        STUDY.update(changes, title="an earlier recipe")
        do(out, ("look",))
        STUDY.update(title="this one")
        do(out)
        STUDY.clear()
        STUDY.update(before)
        store = open_store(out)
        write_chosen(store, [store.run(d_hidden=2, seed=0)])
        write_report(Directory(out), format="md")
        return out

    def job() -> Any:
        ours, other = whole(root / "ours"), whole(root / "other", optimiser={"kind": "adamw", "lr": 2e-2})
        table: dict[str, dict[str, str]] = {}
        for kind in KINDS_AT_REST:
            for way in DAMAGES:
                copy = Path(shutil.copytree(ours, root / "copy", copy_function=shutil.copy2))
                path = one_of(copy, kind)
                apply(way, path, copy, other, kind)
                table.setdefault(kind.name, {})[way] = outcome(copy, path)
                shutil.rmtree(copy)
        return table

    return quietly(job)


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--recipes", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="Markdown file to write the figures into.")
    asked = parser.parse_args(arguments)
    preload()
    from tests.attack import pages, recipes

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as place:
        root, parts = Path(place), Path(place) / "parts"
        parts.mkdir()
        killed, met, (became, absurd), table = side_by_side(
            [
                lambda: kill(root, asked.kills, asked.workers),
                lambda: meet(root, asked.files),
                lambda: quietly(lambda: recipes.campaign(root / "recipes", asked.recipes)),
                lambda: damage(root),
            ],
            parts,
        )
    found = pages.Found(killed, *met, became, absurd, table, time.monotonic() - began)
    if asked.out:
        asked.out.write_text(pages.page(found))
    print(pages.summary(found))
    for one in found.wrong:
        print(one)
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
