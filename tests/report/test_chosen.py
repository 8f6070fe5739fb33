"""Reports of one run and of chosen runs say what the results on disk say, of these runs and no others."""

from __future__ import annotations

import pytest

from ontogeny import api, cli
from ontogeny.errors import UserError
from ontogeny.report import html
from ontogeny.report.chosen import of_one_run, of_runs, write_chosen

REPORT = [
    {"heading": "Curves", "views": [{"name": "loss_curves"}]},
    {"heading": "Frequencies", "views": [{"name": "key_frequency_bars", "options": {"run": "seed=1"}, "label": "Seed 1"}]},
    {"heading": "Alike?", "views": ["similarity_heatmap"]},
]  # fmt: skip
CLAIMS = {
    "end": {
        "loss": {
            "text": "final loss",
            "quantity": {"source": "metrics", "variable": "all_loss", "reduce": "last"},
        },
        "beyond": {
            "text": "beyond all",
            "quantity": {"source": "metrics", "variable": "all_accuracy", "reduce": "last"},
            "at_least": 2.0,
        },
    }
}


@pytest.fixture(scope="module")
def store(tiny_study, tmp_path_factory):
    study = tiny_study(
        task={"kind": "modular_addition", "p": 7, "train_fraction": 0.6, "equals": True},
        architecture={"kind": "transformer", "d_model": 8, "n_heads": 2, "d_head": 4, "d_mlp": 8},
        lenses=["performance", "key_frequencies", "progress_measures", "learning_events", "learning_phases"],
        measures=["activation_similarity"],
        questions={"end": "How does it end?"},
        claims=CLAIMS,
        report=REPORT,
        vary={"seed": [0, 1, 2]},
    )
    out = tmp_path_factory.mktemp("chosen") / "out"
    return api.run(study, out)


def headings(document):
    return [section.heading for section in document.sections]


def table(document, heading):
    return next(section.table for section in document.sections if section.heading == heading)


def test_a_run_is_found_by_words(store):
    assert store.run("seed=1").id == store.run(seed=1).id == store.run(store.run(seed=1).id[:6]).id
    with pytest.raises(UserError, match="No run has seed=9"):
        store.run("seed=9")
    assert [run.name for run in store.fellows(store.run("seed=1"))] == ["seed=0", "seed=1", "seed=2"]


def test_one_run_is_shown_alone_and_stands_among_its_fellows(store):
    run = store.run("seed=2")
    document = of_one_run(store, run)
    assert "Frequencies" in headings(document) and "Alike?" not in headings(document)
    bars = next(s for s in document.sections if s.heading == "Frequencies").figures[0]
    expected = run.lens("key_frequencies")["share"].isel(step=-1)
    assert bars.drawn.figure.data[0].y == pytest.approx(expected.values, rel=1e-3)
    numbers = table(document, "Its numbers").set_index("quantity")
    losses = [
        store.run(seed=i).lens("performance")["loss"].isel(step=-1).sel(split="all").item() for i in range(3)
    ]
    row = numbers.loc["loss, mean over examples, all (nat) · performance"]
    assert row["this run"] == pytest.approx(losses[2])
    assert row["place"] == f"{1 + sum(one < losses[2] for one in losses)} of 3"
    claims = table(document, "Claims of the study").set_index("claim")
    assert float(claims.loc["final loss", "seed=2"]) == pytest.approx(
        run.metrics()["all_loss"].iloc[-1], rel=1e-3
    )
    assert claims.loc["beyond all", "seed=2"] == "no" and claims.loc["beyond all", "all 3"] == "0 of 3"


def test_chosen_runs_are_shown_beside_one_another_and_no_others(store):
    runs = [store.run("seed=2"), store.run("seed=0")]
    document = of_runs(store, runs)
    captions = [figure.caption for section in document.sections for figure in section.figures]
    assert [c for c in captions if "seed=" in c] == ["Key frequencies – seed=0", "Key frequencies – seed=2"]
    numbers = table(document, "Which numbers are the same?").set_index("quantity")
    assert list(numbers.columns[:2]) == ["seed=0", "seed=2"]
    for run in runs:
        loss = run.lens("performance")["loss"].isel(step=-1).sel(split="all").item()
        assert numbers.loc["loss, mean over examples, all (nat) · performance", run.name] == pytest.approx(
            loss
        )
    assert set(table(document, "Runs")["seed"]) == {0, 2}
    assert document.question == "What is the same in seed=0 and seed=2, and what is not?" and html.render(
        document
    )


def test_the_same_run_twice_is_one_run(store):
    path = write_chosen(store, [store.run("seed=0"), store.run("seed=0")])
    assert path.name == f"run-{store.run('seed=0').id}.html"


def test_from_the_command_line(store, capsys, monkeypatch):
    ids = sorted(store.run(seed=i).id[:6] for i in (0, 1))
    words = [
        "ontogeny",
        "report",
        str(store.directory.root),
        "--run",
        "seed=0",
        "--run",
        store.run(seed=1).id[:6],
    ]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 0
    assert (store.directory.report / f"compare-{'-'.join(ids)}.html").is_file()
    monkeypatch.setattr("sys.argv", ["ontogeny", "report", str(store.directory.root), "--run", "seed=7"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2 and "No run has seed=7" in " ".join(capsys.readouterr().err.split())


def test_fellows_share_everything_but_seeds(store, tiny_study, tmp_path):
    study = tiny_study(vary={"seed": [0, 1]}, architecture={"kind": "bilinear", "d_hidden": 2})
    api.run(study, tmp_path / "out", stages=("train",))
    both = api.run(
        {**study, "optimiser": {"kind": "adamw", "lr": 1e-4}}, tmp_path / "out", stages=("train", "look")
    ).everything
    runs = [both.run(entry.id) for entry in both.entries()]
    assert len(runs) == 4 and all(len(both.fellows(run)) == 2 for run in runs)
    columns = table(of_runs(both, runs), "Which numbers are the same?").columns
    assert sum(name.startswith("seed=") for name in columns) == 4  # names that are not enough carry ids
    with pytest.raises(UserError, match=r"say which: .*lr.*0\.0001"):
        both.run("seed=0")


def test_what_chosen_runs_do_not_differ_in_is_not_what_they_are_told_apart_by(tiny_study, tmp_path):
    store = api.run(
        tiny_study(vary={"architecture.d_hidden": [2, 3], "seed": [0, 1]}),
        tmp_path / "out",
        stages=("train", "look"),
    )
    runs = [store.run(d_hidden=3, seed=seed) for seed in (0, 1)]
    drawn = store.only(runs).draw("loss_curves")
    assert "seed = 0" in drawn.says and "d = 3" not in drawn.says
    assert len({t.name for t in drawn.figure.data if t.name}) == 2
    apart = of_runs(store, [store.run(d_hidden=2, seed=0), store.run(d_hidden=3, seed=0)])
    assert "d_hidden=2" in apart.question


def test_runs_of_different_shapes_are_compared_in_what_has_one_shape(tiny_study, tmp_path):
    study = tiny_study(vary={"architecture.d_hidden": [2, 3]}, lenses=["performance", "weight_spectra"])
    store = api.run(study, tmp_path / "out", stages=("train", "look"))
    document = of_runs(store, [store.run(d_hidden=2), store.run(d_hidden=3)])
    section = next(s for s in document.sections if s.heading == "Which numbers are the same?")
    assert len(section.table) and "weight_spectra" in section.note and "component has" in section.note


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "Which run"),
        ("seed=", "name=value"),
        ("seed=0,seed=1", "twice"),
        ("seed=1,2", "name=value"),
        ("=3", "name=value"),
    ],
)
def test_words_that_name_no_run_are_refused(store, words, said):
    with pytest.raises(UserError, match=said):
        store.run(words)
