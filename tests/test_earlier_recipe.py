"""A changed recipe in the same directory: nothing is pooled in silence, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ontogeny as on
from ontogeny.check import check
from ontogeny.errors import UserError
from ontogeny.report.assemble import write_report


@pytest.fixture(scope="module")
def changed(tmp_path_factory, tiny_study) -> Path:
    """Three runs at lr 0.01, then the same three names at lr 0.02."""
    out = tmp_path_factory.mktemp("changed") / "out"
    with_measure = {"measures": ["activation_similarity"]}
    on.run(tiny_study(**with_measure), out)
    with pytest.warns(UserWarning, match="3 runs are here that the recipe no longer asks for"):
        on.run(tiny_study(**with_measure, optimiser__lr=0.02), out)
    return out


def test_only_what_the_recipe_asks_for_is_counted(changed: Path) -> None:
    store = on.open(changed)
    assert len(store.runs()) == 3 and len(store.besides.runs()) == 3 and len(store.everything.runs()) == 6
    assert store.compare("activation_similarity").shape == (3, 3)
    assert len(store.lens("performance").run) == 3
    assert store.metrics()["run"].nunique() == 3
    assert all(e.record["spec"]["optimiser"]["lr"] == 0.02 for e in store.entries())


def test_nothing_is_stale_after_a_setting_changed(changed: Path) -> None:
    """Findings and report were made of other runs, and are made anew with those that the recipe asks for now."""
    page = (changed / "report/index.html").read_text()
    assert all(id in page for id in on.open(changed).runs().index)
    assert not [one.what for one in check(changed).of("stale", "damaged")]


def test_a_column_tells_apart_what_is_called_the_same(changed: Path) -> None:
    store = on.open(changed)
    assert "lr" not in store.runs()
    table = store.everything.runs()
    assert sorted(table["lr"]) == [0.01] * 3 + [0.02] * 3
    assert not table.duplicated(["d_hidden", "seed", "lr"]).any()
    assert set(store.everything.compare("activation_similarity")["lr"].values) == {0.01, 0.02}


def test_an_earlier_run_is_found_by_its_id(changed: Path) -> None:
    store = on.open(changed)
    earlier = store.besides.entries()[0].id
    assert store.run(earlier[:6]).entry.record["spec"]["optimiser"]["lr"] == 0.01
    assert store.run(d_hidden=3).entry.record["spec"]["optimiser"]["lr"] == 0.02
    with pytest.raises(UserError, match="say which"):
        store.everything.run(d_hidden=3)


def test_the_recipe_that_was_replaced_is_kept(changed: Path, tiny_study) -> None:
    (kept,) = (changed / "recipes").glob("*.toml")
    assert "lr = 0.01" in kept.read_text() and "lr = 0.02" in (changed / "study.toml").read_text()


def test_the_command_line_shows_them_apart(changed: Path, command) -> None:
    said = command("runs", changed)
    asked, apart = said.stdout.split("3 runs are here that the recipe no longer asks for")
    store = on.open(changed)
    for entry in store.entries():
        assert entry.id in asked and entry.id not in apart
    for entry in store.besides.entries():
        assert entry.id in apart and entry.id not in asked
    assert apart.count("lr = 0.01 (the recipe: 0.02)") == 3
    assert len(json.loads(command("runs", changed, "--json").stdout)) == 3
    assert len(json.loads(command("runs", changed, "--json", "--all").stdout)) == 6


def test_reports_say_what_they_leave_out(changed: Path) -> None:
    write_report(on.open(changed).directory)
    page = (changed / "report/index.html").read_text()
    assert "3 of an earlier recipe left out" in page
    earlier = on.open(changed).besides.entries()[0].id
    assert earlier not in page


def test_files_in_which_the_same_varies_are_told_apart(tmp_path: Path) -> None:
    import torch

    from ontogeny.interop.bring import bring

    for name in ("a.pt", "b.pt"):
        state = {"bi_linear.weight": torch.randn(4, 10), "projection.weight": torch.randn(5, 2)}
        torch.save({"models": {2: state}}, tmp_path / name)
        bring(tmp_path / name, tmp_path / "out")
    table = on.open(tmp_path / "out").runs()
    assert table["d_hidden"].tolist() == [2, 2] and sorted(table["source"]) == ["a.pt", "b.pt"]
