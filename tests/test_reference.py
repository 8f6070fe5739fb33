"""The reference of the recipe is current, and what a newcomer types lists and writes what it says."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from ontogeny import reference, registry
from ontogeny.study import load_study

PAGE = Path(__file__).parents[1] / "docs" / "recipes.md"


def test_the_page_is_current() -> None:
    """In a process of its own: other tests may have added tasks to this one's registry."""
    said = subprocess.run(
        [sys.executable, "-m", "ontogeny.reference"], capture_output=True, encoding="utf-8", check=True
    )
    assert PAGE.read_text(encoding="utf-8") == said.stdout, "make docs"


def test_examples_are_part_of_a_recipe(tiny_study: Any) -> None:
    for title, (_, _, example) in reference.TABLES.items():
        data = tomllib.loads(example)
        data = {k: {**tiny_study().get(k, {}), **v} if k == "train" else v for k, v in data.items()}
        if "populations" in data:
            data["quantities"] = {"accuracy": {"source": "runs", "variable": "test_accuracy"}}
        if "claims" in data:
            data |= {
                "questions": {"when": "?"},
                "quantities": {"accuracy": {"source": "runs", "variable": "x"}},
            }
        data.get("train", {}).pop("batch", None)
        assert load_study({**tiny_study(), **data}), title


@pytest.mark.parametrize("room", ["tasks", "architectures", "objectives", "optimisers", "findings", "axes"])
def test_catalogues_fit_eighty_columns(room: str, command: Any, environment: Any) -> None:
    said = command(room, env={**environment, "COLUMNS": "80"})
    assert said.returncode == 0 and max(map(cell_len, said.stdout.splitlines())) <= 80
    # other tests may have added tasks to this process's registry
    for name, one in getattr(registry, room, {}).items():
        assert name in said.stdout or not getattr(one, "__module__", "ontogeny.").startswith("ontogeny.")


def test_a_new_recipe_runs_as_it_is(command: Any, tmp_path: Path) -> None:
    assert command("new", "mine", cwd=tmp_path).returncode == 0
    assert load_study(tmp_path / "mine.toml", ["train.epochs=2"]).name == "mine"
    said = command("run", "mine.toml", "--out", "out", "--set", "train.epochs=2", cwd=tmp_path)
    assert said.returncode == 0 and (tmp_path / "out/report/index.html").is_file(), said.stderr
    for wrong in ("mine", "../../x/y", "grokking"):
        refused = command("new", wrong, cwd=tmp_path)
        assert refused.returncode == 2 and refused.stderr.startswith("error: ")


def test_which_lenses_fit(command: Any, trained: Path) -> None:
    said = {
        line.split()[0]: line.split()[1]
        for line in command("lenses", "--for", trained).stdout.splitlines()
        if len(line.split()) > 1
    }
    assert said["performance"] == "yes" and said["attention"] == "no"


def test_runs_at_eighty_columns(command: Any, environment: Any, trained: Path) -> None:
    import ontogeny as on

    said = command("runs", trained, env={**environment, "COLUMNS": "80"}).stdout
    assert max(map(len, said.splitlines())) <= 80
    for entry in on.open(trained).entries():
        assert entry.id in said
    assert "no room for" in said
