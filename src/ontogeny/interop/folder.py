"""A directory of safetensors files with a small ``runs.toml`` that says what they are. ``docs/files.md`` has an example."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file

from ontogeny.errors import Damaged, UnknownName, UserError
from ontogeny.interop.runs import Found
from ontogeny.models.base import Weights
from ontogeny.registry import explain
from ontogeny.spelling import Spec
from ontogeny.study import Strict

NAME = "runs.toml"


class FolderRun(Strict):
    """One run: what varied, and where its steps lie. ``names``: their name of a weight → ours. The rest overrides the
    folder's."""

    varied: dict[str, Any] = {}
    steps: str
    metrics: str | None = None
    task: Spec | None = None
    architecture: Spec | None = None
    objective: Spec | None = None
    seeds: dict[str, int] = {}
    split: dict[str, list[int]] | None = None
    names: dict[str, str] = {}


class Folder(Strict):
    """``runs.toml``."""

    task: Spec = {"kind": "unknown"}
    architecture: Spec | None = None
    objective: Spec = {"kind": "cross_entropy"}
    run: tuple[FolderRun, ...]


def load_folder(path: str | Path) -> list[Found]:
    """The runs of a folder. Raises ``UserError`` for what ``runs.toml`` gets wrong, naming the file or key."""
    root = Path(path)
    about = root / NAME
    if (root / "study.toml").is_file():
        raise UserError(
            f"{root} is a study already: `ontogeny runs {root}` lists its runs, `ontogeny export {root} --format bundle --out FILE` "
            "makes one file of it."
        )
    if not about.is_file():
        raise UserError(f"{root} has no {NAME} that says what its files are (see docs/files.md).")
    try:
        folder = Folder.model_validate(tomllib.loads(about.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{about} is not valid TOML: {error}") from None
    except ValidationError as error:
        for problem in error.errors():
            if problem["type"] == "extra_forbidden":
                known = (*Folder.model_fields, *(f"run.{name}" for name in FolderRun.model_fields))
                raise UnknownName(f"key in {about}", ".".join(map(str, problem["loc"])), known) from None
        raise UserError(f"{about}: {explain(error)}") from None
    return [_run(root, folder, one) for one in folder.run]


def _run(root: Path, folder: Folder, run: FolderRun) -> Found:
    snapshots = {step: _weights(path, run.names) for step, path in sorted(_steps(root, run.steps).items())}
    return Found(
        varied=run.varied,
        snapshots=snapshots,
        task=run.task or folder.task,
        architecture=run.architecture or folder.architecture,
        objective=run.objective or folder.objective,
        rows=_metrics(_inside(root, run.metrics)) if run.metrics else (),
        split=run.split,
        seeds=run.seeds,
        source=root.resolve().name,
    )


def _steps(root: Path, pattern: str) -> dict[int, Path]:
    """Files by step; ``{step}`` stands for the number."""
    if pattern.count("{step}") != 1:
        raise UserError(f"steps = {pattern!r}: the place of the step is written {{step}}, once.")
    example = _inside(root, pattern)
    form = re.compile(re.escape(example.name).replace(re.escape("{step}"), r"(\d+)"))
    if "{step}" not in example.name:
        raise UserError(f"steps = {pattern!r}: {{step}} must stand in the file's name, not in a folder's.")
    there = sorted(p.name for p in example.parent.iterdir()) if example.parent.is_dir() else []
    found = {int(match[1]): example.parent / name for name in there if (match := form.fullmatch(name))}
    if not found:
        raise UserError(
            f"No file is like {pattern!r}; {example.parent} holds {', '.join(there[:6]) or 'nothing'}."
        )
    return found


def _inside(root: Path, name: str) -> Path:
    """A path below the folder; others are none of its business."""
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{root / NAME} names {name!r}, which lies outside the folder.")
    return path


def _weights(path: Path, names: Mapping[str, str]) -> Weights:
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise Damaged(f"{path} cannot be read as safetensors: {error}.", path) from None
    for theirs in names:
        if theirs not in weights:
            raise UnknownName(f"tensor in {path}", theirs, weights)
    return {names.get(name, name): value for name, value in weights.items()}


def _metrics(path: Path) -> list[dict[str, float]]:
    """A CSV with a column ``step`` and a column a metric; empty cells are missing."""
    if not path.is_file():
        raise UserError(f"There is no metrics file {path}.")
    with path.open(newline="", encoding="utf-8") as handle:
        table = csv.DictReader(handle)
        if "step" not in (names := table.fieldnames or ()):
            raise UserError(f"{path} has no column 'step'; it has {', '.join(names) or 'nothing'}.")
        try:
            rows = [{name: float(cell) for name, cell in row.items() if cell} for row in table]
            return [{**row, "step": int(row["step"])} for row in sorted(rows, key=lambda row: row["step"])]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}, line {table.line_num} or before: {error!r}. Every cell is a number or empty."
            ) from None
