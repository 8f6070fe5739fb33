"""Several grids besides the main one."""

from __future__ import annotations

from ontogeny.study import dump, load_study

TWO = [{"seeds.init": [0, 1], "seeds.split": [0, 1]}, {"weight_decay": 0.0, "seed": [0, 1]}]


def test_two_grids_are_two_sets_of_runs_and_nothing_twice(tiny_study, tmp_path):
    study = load_study(tiny_study(vary={"seed": [0, 1]}, crossed=TWO, train__batch="full"))
    besides = study.aside()
    assert [one.varied for one in besides] == [
        {"init": 0, "split": 1},
        {"init": 1, "split": 0},
        {"weight_decay": 0.0, "seed": 0},
        {"weight_decay": 0.0, "seed": 1},
    ]
    path = tmp_path / "study.toml"
    path.write_text(dump(study))
    assert load_study(path) == study and "[[crossed]]" in path.read_text()


def test_one_grid_is_written_as_a_table(tiny_study, tmp_path):
    study = load_study(tiny_study(vary={"seed": [0]}, crossed=TWO[1]))
    path = tmp_path / "study.toml"
    path.write_text(dump(study))
    assert "[crossed]" in path.read_text() and load_study(path) == study
    assert load_study(path, ["crossed.seed=[0]"]).aside()[0].varied == {"weight_decay": 0.0, "seed": 0}


def test_a_recipe_that_is_extended_may_leave_them_out(tiny_study, tmp_path):
    base = tmp_path / "base.toml"
    base.write_text(dump(load_study(tiny_study(vary={"seed": [0]}, crossed=TWO))))
    assert load_study({**load_study(base).model_dump(exclude_defaults=True), "crossed": []}).aside() == []
    child = tmp_path / "child.toml"
    child.write_text('extends = "grokking"\nname = "child"\ncrossed = false\n')
    assert load_study(child).aside() == []


def test_what_is_turned_off_in_some_runs_has_a_value_in_all(tiny_study, carry_out, tmp_path):
    from ontogeny.handles import open_store

    carry_out(tiny_study(vary={"seed": [0, 1]}, crossed=TWO, train__batch="full"), tmp_path)
    store = open_store(tmp_path)
    everyone = store.gather(["all:runs"])["all:runs"]
    assert sorted(everyone["weight_decay"]) == [0.0] * 2 + [0.01] * 4
    assert "weight_decay" not in store.main.runs()
    assert "weight_norm" in store.metrics() and (store.metrics()["weight_norm"] > 0).all()
    assert store.run(seed=1).id == store.main.run(seed=1).id  # one of the same values besides is not meant
    assert store.run(seed=1, weight_decay=0.0).id not in {run.id for run in store.main._all()}
