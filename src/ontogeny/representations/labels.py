"""Labels of features, and named subsets of them, from plain files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from ontogeny.errors import UserError


def read_labels(path: Path, n: int) -> list[str]:
    """One label a feature, "" where there is none: .txt (a line each), .json (a list, or {row: label}), .csv or .tsv (row, label)."""
    text = _text(path)
    if path.suffix == ".txt":
        found: Any = text.splitlines()
    elif path.suffix == ".json":
        found = _json(path, text)
    elif path.suffix in (".csv", ".tsv"):
        frame = pd.read_csv(
            path, sep="," if path.suffix == ".csv" else "\t", dtype=str, keep_default_na=False
        )
        if frame.shape[1] < 2:
            raise UserError(f"{path} has one column; two are needed, the row of a feature and its label.")
        found = dict(zip(frame.iloc[:, 0], frame.iloc[:, 1], strict=True))
    else:
        raise UserError(f"{path}: labels come as .txt (a line a feature), .json, .csv or .tsv (row, label).")
    if isinstance(found, dict):
        labels = [""] * n
        for row, label in found.items():
            if not str(row).strip().isdigit() or int(row) >= n:
                raise UserError(f"{path} labels the feature {row!r}; there are {n}, counted from 0.")
            labels[int(row)] = str(label)
        return labels
    if not isinstance(found, list) or len(found) != n:
        what = f"{len(found)} labels" if isinstance(found, list) else "no list"
        raise UserError(f"{path} holds {what}; there are {n} features, and one label each is needed.")
    return [str(label) for label in found]


def read_concepts(path: Path) -> dict[str, str | list[int]]:
    """{name: a regular expression, or rows} from .json."""
    found = _json(path, _text(path))
    if not isinstance(found, dict) or not found:
        raise UserError(
            f'{path} holds no table; concepts are written {{"name": "pattern"}} or {{"name": [rows]}}.'
        )
    for name, one in found.items():
        if not isinstance(one, str) and not (isinstance(one, list) and all(type(row) is int for row in one)):
            raise UserError(
                f"{path}: the concept '{name}' is {one!r}; a pattern or a list of rows is needed."
            )
    return found


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON: {error}.") from None


def _text(path: Path) -> str:
    if not path.is_file():
        raise UserError(f"There is no file {path}.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8: {error}.") from None
