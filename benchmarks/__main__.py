"""Run every benchmark of this folder and write docs/performance.md."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
from pathlib import Path

import benchmarks
from benchmarks.pairing import Row, show
from ontogeny.provenance import in_words

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
METHOD = """\
Each row does one piece of work in two ways: ours, and the plain loop that people write today. The two take turns in one process \
on the same machine, each pair gives one ratio (plain time / our time), and the table shows the median of the ratios with the \
smallest and the largest. One pair goes first unrecorded, so neither side pays for imports or compilation; compiled code is kept on disk, \
so a user pays for it once, some seconds. Absolute times are left out on purpose: they say more about the machine and its other \
users than about the code. Our training uses every core, and a plain loop over tiny operations keeps about one busy: part of a ratio \
is cores, and other work on the machine lowers it. Ratios move with the machine too, and a plain loop can be written better than ours was; run the \
command above before relying on a number. Rows against TransformerLens need it installed (the extra `transformer-lens`)."""


def page(rows: list[Row]) -> str:
    table = ["| what | times faster (median) | smallest … largest | pairs | note |", "|---|---|---|---|---|"]
    table += [
        f"| {row['what'].replace('|', chr(92) + '|')} | {row['ratio']:.3g} | {row['min']:.3g} … "
        f"{row['max']:.3g} | {row['repetitions']} | {row['note']} |"
        for row in rows
    ]
    return "\n\n".join(
        (
            "# Performance",
            f"Machine: {in_words()}.",
            "Command: `python -m benchmarks`, which writes this page.",
            "\n".join(table),
            f"**Method.** {METHOD}\n",
        )
    )


def main() -> None:
    rows: list[Row] = []
    broken: list[str] = []
    for found in sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__)):
        if found == "__main__":
            continue
        module = importlib.import_module(f"benchmarks.{found}")
        if not hasattr(module, "measure"):
            continue
        try:
            measured = module.measure()
        except Exception:  # hours of the others are not lost with it
            traceback.print_exc()
            broken.append(module.__name__)
            continue
        show(measured)
        rows += measured
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(rows), encoding="utf-8")
    print(f"Wrote {PAGE}")
    if broken:
        sys.exit(f"Without rows of {', '.join(broken)}: see above.")


if __name__ == "__main__":
    main()
