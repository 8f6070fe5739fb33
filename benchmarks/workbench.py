"""How fast the workbench is, seen through a browser, and the pictures of its tour.

python -m benchmarks.workbench [--pictures DIR --study KEY --run ID]

Without ``--pictures`` a study of p = 113 with 100 checkpoints is made (weights of the first hundred updates; what they can do does not matter for how
fast they are drawn), and directories of 2,000 and 10,000 runs; pages are opened in a headless Chromium, the cursor is moved by its key, and the table of
docs/workbench.md is written again. A move is timed from the key until every view on the page says that it stands at the cursor and that frame is painted.

With ``--pictures`` the pages of a study that was trained are photographed: those of the tour into docs/workbench/, and with ``--everything`` at 390, 1,280 and 1,920
pixels, light and dark, into a folder to be looked at.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

from ontogeny.provenance import in_words
from ontogeny.report.pdf import browser

PAGE = Path(__file__).parents[1] / "docs" / "workbench.md"
TOUR = PAGE.with_suffix("")
TABLE = re.compile(r"(<!-- measured by python -m benchmarks.workbench -->\n).*?(<!-- end -->)", re.DOTALL)
PATIENCE = 300_000
MOVES = 60
SETTLES = 0.4  # seconds that a page is left alone once nothing on it is waited for
IDLE = 10.0  # seconds
WIDTHS = (390, 1280, 1920)
CURVES = ("progress_curves", "weight_spectra_curves", "frequency_over_time", "train_and_test")
HEATMAPS = ("error_heatmap", "neuron_frequency_heatmap")
RECOMPUTED = ("attention_bars", "embedding_scatter")
CHANGES = (
    "train.epochs=99",
    'checkpoints={unit="epoch",ranges=[{every=1}]}',
    'train.evaluate={unit="epoch",ranges=[{every=1}]}',
    'lenses=["performance","progress_measures","key_frequencies","neuron_fourier","weight_spectra","error_grid","neuron_commitment","learning_events","learning_phases"]',
    "claims={}",
    "answer=[]",
    "report=[]",
)
SHOTS = {
    "studies": "?",
    "runs": "?s={s}&page=runs",
    "explore": "?s={s}&page=explore&run={run}&step={step}",
    "neurons": "?s={s}&page=neurons&run={run}&step={step}&cluster=spectrum&unit=3",
    "compare": "?s={s}&page=compare&runs={run},{other}&views=key_frequency_bars",
    "intervene": "?s={s}&page=intervene&run={run}",
    "train": "?s={s}&page=train",
    "report": "?s={s}&page=report",
}

#: Moves the cursor by a key; milliseconds until all of ``expected`` views have said that they moved and the frame after that was painted.
MOVE = """async ([moves, key, expected]) => {
  const took = [];
  for (let i = 0; i < moves; i++) {
    let left = expected, all;
    const there = new Promise((done) => { all = done; });
    const count = () => { if (--left <= 0) all(); };
    document.addEventListener("moved", count);
    const begun = performance.now();
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    await Promise.race([there, new Promise((_, stop) => setTimeout(() => stop(new Error(`${left} of ${expected} views did not move`)), 20000))]);
    await new Promise((done) => requestAnimationFrame(() => { const wire = new MessageChannel(); wire.port1.onmessage = done; wire.port2.postMessage(0); }));
    took.push(performance.now() - begun);
    document.removeEventListener("moved", count);
    await new Promise((done) => setTimeout(done, 150));
  }
  return took;
}"""


@contextmanager
def workbench(folder: Path, *words: str) -> Iterator[tuple[str, int]]:
    """Its address and process."""
    command = [
        sys.executable,
        "-m",
        "ontogeny",
        "workbench",
        str(folder),
        "--port",
        "0",
        "--no-open",
        *words,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found, "the workbench printed no address"
        yield found[0], process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def chromium() -> Iterator[Any]:
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser(), args=[*flags, "--disable-gpu"])
        yield running
        running.close()


def settle(page: Page) -> None:
    expect(page.locator("main")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".waiting")).to_have_count(0, timeout=PATIENCE)
    page.wait_for_timeout(1000 * SETTLES)


def opened(page: Page, address: str) -> float:
    """Seconds until a page is there."""
    begun = time.perf_counter()
    page.goto(address)
    settle(page)
    return time.perf_counter() - begun - SETTLES


def moves(page: Page, expected: int, key: str = "ArrowRight", many: int = MOVES) -> list[float]:
    took: list[float] = page.evaluate(MOVE, [many, key, expected])
    return sorted(took)


def resident(pid: int) -> int:
    """Megabytes of memory."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) // 1000 if found else 0


def busy(pid: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- how fast ----------------------------------------------------------------------------------------------------------


def looked_at(root: Path) -> None:
    """One network of p = 113, a hundred checkpoints, looked at through the lenses of the views that are timed."""
    from ontogeny import execute
    from ontogeny.study import load_study

    execute.run(load_study("grokking-113", CHANGES), root / "published-size", stages=("train", "look"))


def measured(folder: Path) -> list[tuple[str, str, str]]:
    """What a person does, what it took, what was asked."""
    rows: list[tuple[str, str, str]] = []

    def row(what: str, took: str, asked: str) -> None:
        rows.append((what, took, asked))
        print(f"{what}: {took} (asked {asked})", flush=True)

    def of_moves(what: str, took: list[float], asked: str) -> None:
        p95 = took[int(0.95 * (len(took) - 1))]
        row(what, f"{statistics.median(took):.0f} ms in the median, {p95:.0f} at the 95th percentile", asked)

    with workbench(folder, "--read-only") as (address, pid), chromium() as running:
        page = running.new_page(viewport={"width": 1920, "height": 1080})
        row("First page", f"{opened(page, address):.2f} s", "2 s")
        key, run = "published-size", _first_run(page, address, "published-size")
        views = [*CURVES, *HEATMAPS]
        explore = f"{address}?s={key}&page=explore&run={run}&step=30&views="
        opened(page, explore + ",".join(views))
        expected = page.locator(".panel .plot").count()
        assert expected == len(views), f"{expected} of {len(views)} views were drawn"
        moves(page, expected, many=30)  # once through, so that what is stored was fetched
        moves(page, expected, "ArrowLeft", many=30)
        of_moves(
            "A move of the cursor: loss, four views of curves, two heatmaps, stored",
            moves(page, expected),
            "50 ms, 100 at p95",
        )
        opened(page, f"{address}?s={key}&page=neurons&run={run}&step=30")
        of_moves("… the mosaic of 512 neurons, fetched ahead", moves(page, 1), "50 ms, 100 at p95")
        opened(page, explore + ",".join(RECOMPUTED))
        of_moves(
            "… two views whose activations are computed anew", moves(page, len(RECOMPUTED), many=20), "400 ms"
        )
        row("Memory of the server after all that", f"{resident(pid)} MB", "1,500 MB")
        opened(page, explore + ",".join(views))
        page.wait_for_timeout(3000)
        before = busy(pid)
        page.wait_for_timeout(1000 * IDLE)
        row("The app idle, a page open", f"{100 * (busy(pid) - before) / IDLE:.1f} % of a core", "nothing")
    return rows


def tables(root: Path, sizes: tuple[int, ...] = (2000, 10_000)) -> list[tuple[str, str, str]]:
    """The page of runs of directories that hold many."""
    from benchmarks.scale import make
    from ontogeny.store.directory import Directory
    from ontogeny.store.index import Indexer

    rows = []
    for n in sizes:
        asked = "1 s" if n <= 2000 else "3 s"
        with tempfile.TemporaryDirectory(dir=root) as folder:
            sync = os.fsync
            make(Path(folder) / "many", n)
            os.fsync = sync
            indexer = Indexer(Path(folder) / "many")  # as every command leaves it
            indexer.read()
            Directory(Path(folder) / "many").save(indexer)
            with workbench(Path(folder)) as (address, _), chromium() as running:
                page = running.new_page(viewport={"width": 1920, "height": 1080})
                opened(page, address)
                took = opened(page, f"{address}?s=many&page=runs")
                again = opened(page, f"{address}?s=many&page=runs")
            rows.append(
                (
                    f"The table of {n:,} runs",
                    f"{again:.2f} s; {took:.2f} s when the study is first opened",
                    asked,
                )
            )
            print(*rows[-1], flush=True)
    return rows


def _first_run(page: Page, address: str, study: str) -> str:
    answer = page.request.get(f"{address}api/s/{study}/runs", timeout=PATIENCE)
    return str(answer.json()["columns"][0]["values"][0])


def written(rows: list[tuple[str, str, str]]) -> str:
    lines = ["| what | took | asked |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    return f"{in_words()}, headless Chromium without a GPU.\n\n" + "\n".join(lines) + "\n"


# -- pictures ----------------------------------------------------------------------------------------------------------


def pictures(folder: Path, study: str, run: str, to: Path, everything: bool) -> None:
    """Of every page; the first screen of it at 1,280 pixels in light, or all of it at every width and scheme."""
    with workbench(folder) as (address, _), chromium() as running:
        page = running.new_page()
        answer = page.request.get(f"{address}api/s/{study}/runs", timeout=PATIENCE).json()
        ids: list[str] = answer["columns"][0]["values"]
        run = run or ids[0]
        about = page.request.get(f"{address}api/s/{study}/r/{run}", timeout=PATIENCE).json()
        step = about["steps"][3 * len(about["steps"]) // 4]
        words = {"s": study, "run": run, "other": next((one for one in ids if one != run), run), "step": step}
        page.close()
        to.mkdir(parents=True, exist_ok=True)
        for scheme in ("light", "dark") if everything else ("light",):
            for width in WIDTHS if everything else (1280,):
                page = running.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                wrong: list[str] = []
                page.on(
                    "console",
                    lambda one, wrong=wrong: wrong.append(one.text) if one.type == "error" else None,
                )
                for name, query in SHOTS.items():
                    page.goto(address + query.format(**words))
                    settle(page)
                    suffix = f"-{width}-{scheme}" if everything else ""
                    page.screenshot(path=to / f"{name}{suffix}.png", full_page=everything and width < 1000)
                    print(to / f"{name}{suffix}.png", *wrong, flush=True)
                    wrong.clear()
                page.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pictures", type=Path, metavar="DIR", help="photograph the studies in this folder instead"
    )
    parser.add_argument("--study", default="", help="whose pages are photographed")
    parser.add_argument("--run", default="", help="which of its runs")
    parser.add_argument("--to", type=Path, default=TOUR, help="where pictures go")
    parser.add_argument("--everything", action="store_true", help="at every width, light and dark")
    parser.add_argument("--keep", type=Path, help="a folder for the study of p = 113, made once")
    asked = parser.parse_args()
    if asked.pictures:
        pictures(asked.pictures, asked.study, asked.run, asked.to, asked.everything)
        return
    parts: list[Callable[[Path], list[tuple[str, str, str]]]] = [measured, tables]
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        looked_at(folder)
        rows = [row for part in parts for row in part(folder if part is measured else Path(temporary))]
    text = PAGE.read_text(encoding="utf-8")
    assert TABLE.search(text), f"{PAGE} has no place for the table"
    PAGE.write_text(TABLE.sub(lambda found: found[1] + written(rows) + found[2], text), encoding="utf-8")
    print(f"Wrote {PAGE}")


if __name__ == "__main__":
    main()
