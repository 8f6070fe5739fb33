"""What the workbench says is what the library says."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from ontogeny.handles import open_store
from ontogeny.workbench import viewer
from ontogeny.workbench.packing import unpack


@pytest.fixture(scope="module")
def store(shelf):
    return open_store(shelf / "first")


@pytest.fixture(scope="module")
def run(store):
    return store.run(d_hidden=3)


def test_studies_are_listed_without_being_opened(client, shelf, monkeypatch):
    monkeypatch.setattr(
        "ontogeny.workbench.library.open_store", lambda root: pytest.fail("a study was opened")
    )
    listed = client.said("studies")
    assert [(one["key"], one["runs"], one["wrong"]) for one in listed] == [
        ("first", 3, ""),
        ("second", 3, ""),
    ]


def test_one_study_given_by_itself(over, shelf):
    assert [one["key"] for one in over(shelf / "first").said("studies")] == ["first"]


def test_the_table_is_the_stores(client, store):
    said = client.said("s/first/runs")
    columns = {one["name"]: one["values"] for one in said["columns"]}
    table = store.runs()
    assert columns["run"] == list(table.index) and said["varied"] == ["d_hidden"]
    for name in table.columns:
        assert columns[name] == json.loads(
            table[name].to_json(orient="values", double_precision=15)
        ) or np.allclose(columns[name], table[name])


def test_further_columns_are_numbers_of_lenses(client, store):
    offered = client.said("s/first/scalars")
    one = next(one for one in offered if one["variable"] == "accuracy" and one["words"].endswith("all"))
    assert one["lens"] == "performance"
    words = {key: one[key] for key in ("lens", "variable", "place")}
    values = client.said("s/first/column", **words)["values"]
    expected = store.lens("performance")["accuracy"].sel(split="all")
    assert values == pytest.approx(
        dict(zip(expected["run"].values.tolist(), expected.values.tolist(), strict=True))
    )


def test_a_run_says_which_views_can_look_at_it_and_why_others_cannot(client, run):
    said = client.said(f"s/first/r/{run.id}")
    assert said["steps"] == run.steps and said["name"] == run.name
    views = {one["name"]: one for one in said["views"]}
    assert views["loss_curves"]["state"] == "ready" and views["error_heatmap"]["state"] == "now"
    assert views["attention_bars"]["state"] == "cannot" and "no attention" in views["attention_bars"]["why"]
    assert (
        "similarity_heatmap" not in views and "accuracy_by_width" not in views
    )  # they set runs beside one another
    assert all(one["question"] for one in said["views"])


def test_a_figure_at_a_step_is_that_of_the_step(client, run):
    from ontogeny.views.bindings import still

    step = run.steps[2]
    said = client.said("s/first/figure", runs=run.id, view="error_heatmap", step=step)
    drawn = run.store.only([run]).draw("error_heatmap")
    assert said["bindings"][0]["axis"] == "step" and said["bindings"][0]["shape"] == [1, 7, 7]
    frames, _ = unpack(
        client.bytes("s/first/frames", runs=run.id, view="error_heatmap", step=step, first=0, count=1)
    )
    drawn.start = run.steps.index(step)
    np.testing.assert_array_equal(frames["0"][0], np.array(still(drawn).data[0].z))


def test_frames_are_the_bindings_of_the_view(client, over, a_copy):
    from ontogeny.cli import app  # noqa: F401  (registers what a command would)

    store = open_store(a_copy)
    one = store.run(d_hidden=3)
    client = over(a_copy)
    whole = client.said("s/copy/figure", runs=one.id, view="error_heatmap")
    assert whole["bindings"][0]["shape"][0] == len(one.steps)
    frames, about = unpack(client.bytes("s/copy/frames", runs=one.id, view="error_heatmap", first=1, count=2))
    expected = store.only([one]).draw("error_heatmap").bindings[0].values[1:3]
    np.testing.assert_array_equal(frames["0"], expected)
    assert about["first"] == 1


def test_a_figure_says_how_to_read_it_and_its_lenses(client, run):
    said = client.said("s/first/figure", runs=run.id, view="error_heatmap", step=run.steps[0])
    assert any(one.startswith("Lens error_grid: ") for one in said["help"])


def test_the_python_of_a_figure_makes_it(client, run):
    for step in (None, run.steps[1]):
        given = {"runs": run.id, "view": "error_heatmap", **({"step": step} if step is not None else {})}
        said = client.said("s/first/figure", **given)
        lines = said["python"].removesuffix(".show()")
        *before, last = lines.splitlines()
        scope: dict[str, object] = {}
        exec("\n".join([*before, f"figure = {last}"]), scope)
        shown = json.loads(scope["figure"].to_json())["data"]
        assert [t["type"] for t in shown] == [t["type"] for t in said["figure"]["data"]]


def test_the_python_that_is_copied_runs_by_itself(client, run, environment, tmp_path):
    """As someone pastes it: a process that knows nothing of this one, every figure beside what the workbench shows."""
    other = next(one.id for one in run.store.entries() if one.id != run.id)
    asked = [
        {"runs": run.id, "view": "error_heatmap", "step": run.steps[1]},
        {"runs": run.id, "view": "loss_curves"},
        {"runs": f"{run.id},{other}", "view": "loss_curves"},
        {"runs": "*", "view": "similarity_heatmap", "options": '{"measure": "activation_similarity"}'},
        {"runs": run.id, "view": "error_heatmap", "step": run.steps[1], "under": json.dumps([{"kind": "zero_ablate", "tap": "hook_hidden", "units": [0]}])},
    ]  # fmt: skip
    shown = [client.said("s/first/figure", **given) for given in asked]
    lines = ["figures = []", "import json"]
    for one in shown:
        *before, last = one["python"].splitlines()
        assert last.endswith(".show()")
        lines += [*before, f"figures.append(json.loads({last.removesuffix('.show()')}.to_json()))"]
    lines += ["import sys", "json.dump(figures, open(sys.argv[1], 'w'))"]
    script, out = tmp_path / "pasted.py", tmp_path / "figures.json"
    script.write_text("\n".join(lines))
    subprocess.run([sys.executable, script, out], check=True, env=environment, cwd=tmp_path)
    for one, made in zip(shown, json.loads(out.read_text()), strict=True):
        assert len(made["data"]) == len(one["figure"]["data"])
        for ours, theirs in zip(one["figure"]["data"], made["data"], strict=True):
            assert {key: theirs.get(key) for key in ("x", "y", "z", "name")} == {
                key: ours.get(key) for key in ("x", "y", "z", "name")
            }


def test_metrics_are_those_of_the_log(client, run):
    found, _ = unpack(client.bytes(f"s/first/r/{run.id}/metrics"))
    table = run.metrics().reset_index()
    assert set(found) == set(table.columns)
    np.testing.assert_allclose(found["train_loss"], table["train_loss"], rtol=1e-6)


def test_maps_are_the_activations(client, run):
    kinds = client.said(f"s/first/r/{run.id}/units")
    assert [one["tap"] for one in kinds] == ["hook_hidden", "hook_left", "hook_right", "outputs"]
    step = run.steps[-1]
    maps, about = unpack(client.bytes(f"s/first/r/{run.id}/mosaic", tap="hook_hidden", step=step, size=0))
    truth = (
        run.lens("grid_activations", [step], tap="hook_hidden")["activation"]
        .isel(step=0)
        .transpose("d_hidden", ...)
        .values
    )
    assert about == {"sizes": [3], "grid": [7, 7]}
    back = maps["low"][:, None, None] + maps["maps"] / 255 * (maps["high"] - maps["low"])[:, None, None]
    assert np.abs(back - truth).max() <= (truth.max() - truth.min()) / 255
    some, _ = unpack(
        client.bytes(f"s/first/r/{run.id}/mosaic", tap="hook_hidden", step=step, size=0, only="2,0")
    )
    np.testing.assert_array_equal(some["maps"], maps["maps"][[2, 0]])


def test_a_unit_at_length(client, run):
    step = run.steps[-1]
    found, about = unpack(client.bytes(f"s/first/r/{run.id}/unit", tap="hook_hidden", step=step, unit=1))
    truth = (
        run.lens("grid_activations", [step], tap="hook_hidden")["activation"].isel(step=0, d_hidden=1).values
    )
    np.testing.assert_allclose(found["map"], truth, rtol=1e-6)
    energy = float(((truth - truth.mean()) ** 2).sum())
    assert float((found["spectrum"].astype(float) ** 2).sum()) == pytest.approx(energy, rel=1e-4)  # Parseval
    maps = (
        run.lens("grid_activations", [step], tap="hook_hidden")["activation"]
        .isel(step=0)
        .transpose("d_hidden", ...)
        .values
    )
    r = np.corrcoef(maps.reshape(3, -1))[1]
    near = about["alike"][0]
    assert near["units"] == [int(i) for i in np.argsort(-np.abs(r), kind="stable") if i != 1]
    assert near["r"] == pytest.approx([r[i] for i in near["units"]], abs=1e-3)
    past, when = unpack(client.bytes(f"s/first/r/{run.id}/history", tap="hook_hidden", unit=1))
    assert when["steps"][0] == 0 and when["steps"][-1] == step and len(past["maps"]) == len(when["steps"])


def test_groups_are_the_lenses(client, store, over, tmp_path, carry_out):
    small = {
        "name": "small",
        "task": {"kind": "modular_addition", "p": 7, "train_fraction": 0.7},
        "architecture": {"kind": "transformer", "d_model": 16, "n_heads": 2, "d_head": 8, "d_mlp": 24},
        "train": {"epochs": 8, "batch": "full"},
        "checkpoints": {"per_decade": 5},
        "lenses": ["performance"],
    }
    carry_out(small, tmp_path / "small")
    run = open_store(tmp_path / "small").run()
    there = over(tmp_path)
    kinds = {one["tap"]: one for one in there.said(f"s/small/r/{run.id}/units")}
    tap = next(
        tap for tap, one in kinds.items() if one["words"].startswith("neurons") and tap.endswith("hook_post")
    )
    neurons = kinds[tap]
    assert [(one["way"], one["lens"]) for one in neurons["ways"]] == [
        ("spectrum", ""),
        ("map", ""),
        ("history", "neuron_fourier"),
    ]
    assert [one["way"] for one in kinds["outputs"]["ways"]] == ["spectrum", "map"]
    step = run.steps[-1]
    for tap in (neurons["tap"], "outputs"):
        for by in ("spectrum", "map"):
            found, about = unpack(there.bytes(f"s/small/r/{run.id}/groups", tap=tap, step=step, way=by))
            truth = run.lens("neuron_clusters", [step], tap=tap, by=by).isel(step=0)
            np.testing.assert_array_equal(found["cluster"], truth["cluster"].values.astype(np.float32))
            assert about["says"] and (about["count"] is None) == bool(np.isnan(truth["count"]))
    found, about = unpack(
        there.bytes(f"s/small/r/{run.id}/groups", tap=neurons["tap"], step=step, way="history")
    )
    np.testing.assert_array_equal(
        found["cluster"], run.lens("neuron_histories")["cluster"].values.astype(np.float32)
    )
    assert "spectrum" in there.refused(f"s/small/r/{run.id}/groups", tap="outputs", step=step, way="colour")


def test_atoms_of_a_dictionary_of_a_host_on_a_grid_have_maps(over, trained, tmp_path, carry_out):
    host = open_store(trained).run(d_hidden=20)
    study = {
        "name": "atoms",
        "task": {"kind": "activations", "study": str(trained), "run": host.id, "tap": "hook_hidden"},
        "architecture": {"kind": "sae", "d_atoms": 12},
        "train": {"steps": 4, "batch": 16},
        "lenses": ["sae_codes", "atom_frequencies"],
    }
    carry_out(study, tmp_path / "atoms")
    run = open_store(tmp_path / "atoms").run()
    there = over(tmp_path)
    kind = next(one for one in there.said(f"s/atoms/r/{run.id}/units") if one["tap"] == "hook_acts")
    assert kind["words"].startswith("atoms") and {"spectrum", "map"} <= {one["way"] for one in kind["ways"]}
    assert {"density", "dominant_share"} <= {one["variable"] for one in kind["quantities"]}
    step = run.steps[-1]
    maps, about = unpack(there.bytes(f"s/atoms/r/{run.id}/mosaic", tap="hook_acts", step=step, size=0))
    assert about["grid"] == [7, 7] and len(maps["maps"]) == 12
    closer, _ = unpack(there.bytes(f"s/atoms/r/{run.id}/unit", tap="hook_acts", step=step, unit=1))
    truth = run.lens("grid_activations", [step], tap="hook_acts")["activation"].isel(step=0, atom=1).values
    np.testing.assert_allclose(closer["map"], truth, rtol=1e-6)


def test_maps_of_two_studies_are_subtracted(client, store, run):
    other = store.run(d_hidden=2)
    given = {"view": "error_heatmap", "step": run.steps[-1], "other_step": other.steps[-1]}
    found, about = unpack(
        client.bytes("s/first/difference", one=run.id, other=other.id, other_study="second", **given)
    )
    maps = [one.lens("error_grid", [one.steps[-1]])["error"].isel(step=0).values for one in (run, other)]
    np.testing.assert_allclose(found["difference"], maps[0].astype(float) - maps[1], rtol=1e-6)
    assert about["ticks"] and about["caution"] == ""
    same, _ = unpack(
        client.bytes("s/first/difference", one=run.id, other=run.id, other_study="second", **given)
    )
    assert not same["difference"].any()


def test_a_measure_beside_the_untrained(client, store):
    found, about = unpack(client.bytes("s/first/null", measure="activation_similarity"))
    ids = about["runs"]
    for name, step in (("trained", -1), ("untrained", 0)):
        truth = store.comparison("activation_similarity", step)["value"].sel(run=ids, run_other=ids)
        np.testing.assert_allclose(found[name], truth.values, rtol=1e-5)
    assert [store.run(id).varied["d_hidden"] for id in ids] == sorted(
        store.run(id).varied["d_hidden"] for id in ids
    )
    clustered, there = unpack(
        client.bytes("s/first/null", measure="activation_similarity", order="clustered")
    )
    assert sorted(there["runs"]) == sorted(ids) and "untrained" in there["says"]
    assert np.sort(clustered["untrained"].ravel()) == pytest.approx(np.sort(found["untrained"].ravel()))


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        ("s/frist", {}, "'first'"),
        ("s/first/r/000", {}, "no run"),
        ("s/first/figure", {"runs": "RUN", "view": "eror_heatmap"}, "error_heatmap"),
        ("s/first/figure", {"runs": "RUN", "view": "loss_curves", "options": '{"pat": 1}'}, "part"),
        ("s/first/figure", {"runs": "RUN", "view": "loss_curves", "options": "nonsense"}, "is a table"),
        ("s/first/figure", {"runs": "RUN", "view": "error_heatmap", "step": "five"}, "whole number"),
        ("s/first/figure", {"view": "error_heatmap"}, "not understood"),
        ("s/first/r/RUN/mosaic", {"tap": "hook_hiden", "step": "0"}, "hook_hidden"),
        ("s/first/r/RUN/mosaic", {"tap": "hook_hidden", "step": "0", "only": "99"}, "asked for: 99"),
    ],
)
def test_wrong_questions_are_answered_in_words(client, run, path, query, said):
    given = {key: value.replace("RUN", run.id) for key, value in query.items()}
    assert said in client.refused(path.replace("RUN", run.id), **given)


def test_a_study_that_changes_is_read_again(over, a_copy):
    client = over(a_copy)
    before = client.said("s/copy/runs")
    run = next((a_copy / "runs").iterdir())
    import shutil

    shutil.rmtree(run)
    client.app.middleware_stack = None  # a new process would do as well
    after = over(a_copy).said("s/copy/runs")
    assert len(after["columns"][0]["values"]) == len(before["columns"][0]["values"]) - 1
    assert after["stamp"] != before["stamp"]


def test_names_at_the_top_of_the_viewers_modules_are_unique():
    """So that they can be one script, for a notebook and for a file that opens without a server."""
    import re
    from collections import Counter

    names: Counter[str] = Counter()
    for name, path in viewer.files().items():
        if name.endswith(".js") and name != "main.js":
            text = path.read_text(encoding="utf-8")
            names.update(
                re.findall(r"^(?:export )?(?:async )?(?:function|const|class|let) (\w+)", text, re.MULTILINE)
            )
            assert not re.search(
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text
            ), name
    assert [name for name, count in names.items() if count > 1] == []
    bundled = viewer.bundle("main.js")
    assert "import " not in re.sub(r"//.*", "", bundled) and "export " not in re.sub(r"//.*", "", bundled)
    assert bundled.index("class Plot") < bundled.index("class Panel") < bundled.index("class App")
