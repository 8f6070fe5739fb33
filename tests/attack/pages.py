"""The figures of a soak as a page: what was tried, what came of it, what is promised and what is not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ontogeny.interop.limits import Limits
from ontogeny.provenance import in_words
from ontogeny.store.kinds import KINDS

PROMISED = """
# Reliability

What is promised of a study's directory, what is not, and how it was tried. Written by `make soak`; the figures are those of its last run.

## Promised

- **A kill loses no more than the work since the last commit.** Whenever a process dies, in whatever stage, the same command goes on,
  and ends with the same weights, metrics, results, records, findings and report as if nothing had happened: bit for bit, on the same
  machine and build. What a run says of machine and command, and the hour at which a report was written, may differ.
- **A file is what was written, or it is not used.** Each has a seal: a checksum over its bytes and its place, which is checked where it is
  read. A flipped byte, a lost end, an edit by hand and the file of another run are named, with what to do.
- **The plan sees what is wrong:** results of other code (also of helpers, views and plug-ins), of other weights, findings and
  reports made from what has changed since, files that are gone. `ontogeny check DIR` reads everything and lists it, `--repair` sets damaged files
  aside and makes again what costs no training.
- **A file from elsewhere executes nothing,** writes nothing outside the new directory, cannot name code to be imported (that is for
  `on.from_module`, `on.trust` or `--trust`), and asks for no more memory than its limits allow ([files](files.md)).
- **Two writers do not meet:** each run, comparison and document is written under a lease. A directory that is moved while it is worked on is written to no more.

## Not promised

- That a machine which loses its power keeps what the disk said it had kept; files are flushed, folders are not.
- Secrecy or authorship: seals notice accidents and edits, and whoever can write to a directory can seal what he likes.
- That a run whose checkpoints, metrics or resume point are damaged is saved without training: it is trained again, to the same bits.
- That the last byte of an index is right: it is derived, sealed, and read anew if it is not.
""".strip()


@dataclass(frozen=True)
class Found:
    """Everything that a soak saw."""

    kills: list[Any]
    files: Counter[tuple[str, str]]
    strange: list[str]
    longest: float
    memory: float
    recipes: Counter[str]
    absurd: list[str]
    damage: dict[str, dict[str, str]]
    seconds: float

    @property
    def wrong(self) -> list[str]:
        killed = [f"killed {one.where}: {one.wrong}" for one in self.kills if one.wrong]
        return [*killed, *self.strange, *self.absurd]


def summary(found: Found) -> str:
    died = sum(one.kills for one in found.kills)
    again = sum(one.kills > 1 for one in found.kills)
    return (
        f"{died} kills in {len(found.kills)} attempts ({again} killed twice), {sum(bool(k.wrong) for k in found.kills)} with a difference; "
        f"{found.files.total()} hostile files, {len(found.strange)} with more than a sentence; "
        f"{found.recipes.total()} recipes, {len(found.absurd)} with more than a sentence; {found.seconds / 60:.0f} minutes."
    )


def page(found: Found) -> str:
    """The whole document."""
    ways = list(next(iter(found.damage.values())))
    outcomes = sorted({became for _, became in found.files})
    grammars = sorted({kind for kind, _ in found.files})
    back = {kind.name: kind.back for kind in KINDS}
    blocks = [
        PROMISED,
        "## What was tried",
        f"{summary(found)} On {in_words()}.",
        "**Kills.** Train, look, compare, find and report in one process, which dies before its n-th operation that changes the disk (n "
        "spread over all of them), or as soon as a number of changes was seen from outside; a third die again on the way back. Then the same "
        "command, and everything beside an uninterrupted study; the plan must be empty and `ontogeny check` find nothing.",
        _listed([f"killed {one.where}: {one.wrong}" for one in found.kills if one.wrong], "No difference."),
        "**Hostile files.** Random operations of the pickle machine, pickles that are nearly right, headers of safetensors, zip files, TOML; "
        f"two in five cut or with bits turned. The longest took {found.longest:.1f} s, and all of them {found.memory:.1f} GiB at most. "
        f"Limits: {Limits()}.",
        _table(["grammar", *outcomes], [[kind, *(str(found.files[kind, o]) for o in outcomes)] for kind in grammars]),
        _listed(found.strange, "No traceback, nothing executed, nothing written elsewhere."),
        "**Recipes** by hypothesis, with values that nobody should write, as far as their plan: "
        + ", ".join(f"{n} {what}" for what, n in found.recipes.items()) + ".",
        _listed(found.absurd, "No traceback, none that took too long."),
        "## Damage",
        "What `ontogeny check` says of each kind of file after each kind of damage. *Stale*: the plan does it again. *Whole*: nothing is lost, and "
        "whoever needs the file makes it.",
        _table(["file", *ways, "how it comes back"], [[kind, *(row[way] for way in ways), back[kind]] for kind, row in found.damage.items()]),
    ]  # fmt: skip
    return "\n\n".join(blocks) + "\n"


def _listed(lines: list[str], none: str) -> str:
    shown = [f"- {' '.join(line.split())[:300]}" for line in lines[:20]]
    return (
        "\n".join(shown) + (f"\n- and {len(lines) - 20} more" if len(lines) > 20 else "") if lines else none
    )


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
