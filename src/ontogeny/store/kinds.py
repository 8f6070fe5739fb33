"""Every kind of file that a study directory holds: how to tell whether it is whole, and how it comes back if it is not.

One table for ``ontogeny check``, for bundles, for the tests that damage files and for the documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ontogeny.errors import Damaged
from ontogeny.store import headers, index, seal
from ontogeny.store.files import ASIDE, DAMAGED, read_json


@dataclass(frozen=True)
class Kind:
    """``verify`` raises ``Damaged``; ``back`` says what brings the file back; ``bundled``: it is part of what a study is."""

    name: str
    pattern: str
    verify: Callable[[Path], object]
    back: str
    derived: bool = False  # made from other files of the study: nothing is lost with it
    bundled: bool = True


def _checkpoint(path: Path) -> None:
    headers.read_checkpoint_header(path)
    headers.verify_checkpoint(path)


def _resume(path: Path) -> None:
    from ontogeny.store.runs import RunFiles

    RunFiles(path.parent.parent).read_resume(int(path.stem.split("-")[1]))


def _log(path: Path) -> None:
    """What was committed of it is held by the last resume point; lines behind that are written again."""
    from ontogeny.store.runs import RunFiles

    RunFiles(path.parent).read_resume()


def _result(path: Path) -> None:
    from ontogeny.store.results import read

    headers.read_result_header(path)
    read(path)


TRAINING = "the same `ontogeny run` trains the run again, to the same bits"
KINDS = (
    Kind("recipe", "study.toml", seal.check, "the same `ontogeny run STUDY --out DIR` writes it again"),
    Kind("recipe of before", "recipes/*.toml", seal.check, "nothing needs it: it says what was asked earlier"),
    Kind("run record", "runs/*/run.json", headers.read_record, "the same `ontogeny run` goes on from the last resume point"),
    Kind("metrics", "runs/*/metrics.parquet", seal.check, TRAINING),
    Kind("metrics of a run in training", "runs/*/metrics.jsonl", _log, TRAINING),
    Kind("checkpoints", "runs/*/checkpoints/steps-*.safetensors", _checkpoint, TRAINING),
    Kind("resume point", "runs/*/resume/step-*.safetensors", _resume, "nothing needs it until the run is made longer; then it trains from step 0"),
    Kind("result of a lens", "runs/*/results/*.nc", _result, "`--repair` looks again", derived=True),
    Kind("comparison", "comparisons/*.nc", _result, "`--repair` compares again", derived=True),
    Kind("pairs of a measure", "comparisons/pairs/*.nc", _result, "who compares again computes what is missing", derived=True),
    Kind("findings", "findings.json", read_json, "`--repair` finds again", derived=True),
    Kind("report", "report/index.html", headers.read_report_header, "`--repair` draws again", derived=True),
    Kind("report of chosen runs", "report/*.html", headers.read_report_header, "`ontogeny report DIR --run …` writes it again", derived=True),
    Kind("report in Markdown", "report/*.md", headers.read_report_header, "`ontogeny report DIR --format md` writes it again", derived=True),
    Kind("picture of a report", "report/*/*.png", lambda path: None, "`ontogeny report DIR --format md` draws it again", derived=True),
    Kind("data of a report", "report/*/*.csv", lambda path: None, "`ontogeny report DIR --format md` writes it again", derived=True),
    Kind("recipe of a report", "report/*/recipe.toml", lambda path: None, "`ontogeny report DIR --format md` writes it again", derived=True),
    Kind("what the workbench set aside", "workbench/*.json", read_json, "nothing: it was chosen by hand"),
    Kind("report in PDF", "report/*.pdf", lambda path: None, "`ontogeny report DIR --format pdf` prints it again", derived=True),
    Kind("job of the workbench", "jobs/*.json", read_json, "nothing needs it: it says what was begun from the workbench", derived=True, bundled=False),
    Kind("log of a job", "jobs/*.log", lambda path: None, "nothing needs it", derived=True, bundled=False),
    Kind("recipe of a job", "jobs/*.toml", lambda path: None, "nothing needs it: the study has its recipe", derived=True, bundled=False),
    Kind("index", index.INDEX, index.verify_index, "any command reads it anew", derived=True, bundled=False),
    Kind("events", "events/*.jsonl", lambda path: None, "nothing needs it: it says what was going on", derived=True, bundled=False),
    Kind("lease", "leases/*", lambda path: None, "who writes makes it, and removes it", derived=True, bundled=False),
    Kind("lock", ".lock", lambda path: None, "any command makes it", derived=True, bundled=False),
)  # fmt: skip


def kind_of(path: Path, root: Path) -> Kind | None:
    """The kind of a file of the study at ``root``; None: it is none of ours."""
    relative = PurePosixPath(path.relative_to(root).as_posix())
    depth = len(relative.parts)
    return next((k for k in KINDS if k.pattern.count("/") + 1 == depth and relative.match(k.pattern)), None)


def left_over(path: Path) -> str:
    """What a file is that nothing reads: "unfinished" after a kill, "set aside" because it was damaged, or ""."""
    return "unfinished" if path.name.endswith(ASIDE) else "set aside" if path.name.endswith(DAMAGED) else ""


def damage(path: Path, kind: Kind) -> str:
    """What is wrong with a file; "" if it is whole."""
    try:
        kind.verify(path)
    except Damaged as error:
        return str(error)
    return ""
