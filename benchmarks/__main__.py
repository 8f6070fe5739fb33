"""Run the benchmarks of this folder and write docs/performance.md.

python -m benchmarks [NAME …]
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import traceback
from pathlib import Path

import benchmarks
from benchmarks.pairing import Row, show
from ontogeny.provenance import in_words

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
MEASURED = Path(__file__).with_name(
    "measured.json"
)  # the rows of the page, so that one benchmark can be run again
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
    """All benchmarks, or those that are named; rows of the others stay, if they were measured on a machine like this one."""
    every = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name != "__main__"]
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in sorted(every)}
    timing = {name: module for name, module in modules.items() if hasattr(module, "measure")}
    asked = sys.argv[1:] or list(timing)
    if unknown := [name for name in asked if name not in timing]:
        sys.exit(f"There is no benchmark {', '.join(unknown)}. Known: {', '.join(timing)}.")
    before = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    rows: dict[str, list[Row]] = before.get("rows", {}) if before.get("machine") == in_words() else {}
    broken = []
    for name in asked:
        try:
            rows[name] = timing[name].measure()
        except Exception:  # hours of the others are not lost with it
            traceback.print_exc()
            broken.append(name)
            continue
        show(rows[name])
        MEASURED.write_text(json.dumps({"machine": in_words(), "rows": rows}, indent=1) + "\n")
    PAGE.write_text(page([row for name in timing for row in rows.get(name, [])]), encoding="utf-8")
    print(f"Wrote {PAGE}")
    if broken:
        sys.exit(f"Not measured: {', '.join(broken)}; see above.")


if __name__ == "__main__":
    main()
