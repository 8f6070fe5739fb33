"""The pictures of docs/workbench.md, and how fast the workbench is through a browser: ``python docs/workbench/tour.py DIR --study KEY``.

Pictures are taken at 390, 1,280 and 1,920 pixels, light and dark. The table is what a person waits for: pages, and moves of the cursor with
everything on the page redrawn.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

from ontogeny.report.pdf import browser

WIDTHS = (390, 1280, 1920)
PATIENCE = 120_000
MOVES = 40
SHOTS = {
    "studies": "?",
    "runs": "?s={s}&page=runs",
    "explore": "?s={s}&page=explore&run={run}",
    "neurons": "?s={s}&page=neurons&run={run}&unit=3",
    "compare": "?s={s}&page=compare&runs={run},{other}",
    "intervene": "?s={s}&page=intervene&run={run}",
    "train": "?s={s}&page=train",
}

#: Moves the cursor by a key and waits for the frame that shows it; milliseconds each.
MOVE = """async ([moves, key]) => {
  const took = [];
  for (let i = 0; i < moves; i++) {
    const begun = performance.now();
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    took.push(performance.now() - begun);
    await new Promise((done) => setTimeout(done, 120));
  }
  return took;
}"""


@contextmanager
def workbench(folder: Path) -> Iterator[tuple[str, int]]:
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
        "--read-only",
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


def settle(page: Page) -> None:
    expect(page.locator("main")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".waiting")).to_have_count(0, timeout=PATIENCE)
    page.wait_for_timeout(400)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--study", required=True)
    parser.add_argument("--run", default="")
    parser.add_argument("--only", nargs="*", default=list(SHOTS))
    parser.add_argument("--out", type=Path, default=Path("docs/workbench"))
    parser.add_argument("--widths", nargs="*", type=int, default=list(WIDTHS))
    parser.add_argument("--moves", type=int, default=MOVES)
    given = parser.parse_args()
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with workbench(given.folder) as (address, pid), sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser(), args=[*flags, "--disable-gpu"])
        page = running.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}api/s/{given.study}/runs")
        ids = json.loads(page.locator("body").inner_text())["columns"][0]["values"]
        words = {"s": given.study, "run": given.run or ids[0], "other": ids[1] if len(ids) > 1 else ids[0]}
        page.close()
        for scheme in ("light", "dark"):
            for width in given.widths:
                page = running.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                for name in given.only:
                    page.goto(address + SHOTS[name].format(**words))
                    settle(page)
                    given.out.mkdir(parents=True, exist_ok=True)
                    page.screenshot(path=given.out / f"{name}-{width}-{scheme}.png", full_page=width < 1000)
                page.close()
        if given.moves:
            print(
                json.dumps(
                    measured(running, address, words, given.moves) | {"server, MB": resident(pid)}, indent=1
                )
            )
        running.close()


def measured(running: Any, address: str, words: dict[str, str], moves: int) -> dict[str, float]:
    """Seconds until a page is there, milliseconds a move."""
    found: dict[str, float] = {}
    context = running.new_context(viewport={"width": 1920, "height": 1080}, bypass_csp=True)
    page = context.new_page()
    for name, query in (("first page, s", "?"), ("table of runs, s", SHOTS["runs"])):
        begun = time.perf_counter()
        page.goto(address + query.format(**words))
        settle(page)
        found[name] = round(time.perf_counter() - begun - 0.4, 2)
    views = "progress_curves,weight_spectra_curves,error_heatmap,neuron_frequency_heatmap"
    for name, query in (
        ("explore", SHOTS["explore"] + f"&views={views}"),
        ("neurons", SHOTS["neurons"].replace("&unit=3", "")),
    ):
        page.goto(address + query.format(**words))
        settle(page)
        page.evaluate(
            MOVE, [moves, "ArrowLeft"]
        )  # once through, so that what is stored or fetched ahead is meant
        settle(page)
        took = sorted(page.evaluate(MOVE, [moves, "ArrowRight"]))
        found[f"{name}: a move, median ms"] = round(statistics.median(took), 1)
        found[f"{name}: a move, p95 ms"] = round(took[int(0.95 * (len(took) - 1))], 1)
    context.close()
    return found


def resident(pid: int) -> int:
    """Megabytes of memory."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", text)
    return int(found[1]) // 1000 if found else 0


if __name__ == "__main__":
    main()
