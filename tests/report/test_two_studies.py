"""Runs of two directories side by side, with the difference of their maps where the axes agree and a sentence where not."""

from __future__ import annotations

import numpy as np
import pytest

from ontogeny import api, cli
from ontogeny.report import html
from ontogeny.report.two_studies import of_two

REPORT = [{"heading": "Errors", "views": ["error_heatmap"]}, {"heading": "Curves", "views": ["loss_curves"]}]


@pytest.fixture(scope="module")
def stores(tiny_study, tmp_path_factory):
    found = {}
    for name, p in (("first", 7), ("same", 7), ("larger", 11)):
        study = tiny_study(
            task={"kind": "modular_addition", "p": p, "train_fraction": 0.6},
            lenses=["performance", "error_grid"],
            report=REPORT,
            vary={"seed": [0, 1]},
        )
        found[name] = api.run(study, tmp_path_factory.mktemp("two") / name)
    return found


def test_maps_of_the_same_axes_are_subtracted(stores):
    runs = stores["first"].run(seed=0), stores["same"].run(seed=1)
    document = of_two(*runs)
    (section,) = [one for one in document.sections if one.heading == "Errors"]
    shown = next(figure for figure in section.figures if figure.caption.endswith("the difference"))
    maps = [run.lens("error_grid")["error"].isel(step=-1).values.astype(float) for run in runs]
    np.testing.assert_allclose(shown.drawn.figure.data[0].z, maps[1] - maps[0], atol=1e-3)
    assert {one.caption.rpartition(" – ")[2] for one in section.figures} == {
        "first: seed=0", "same: seed=1", "the difference",
    }  # fmt: skip
    assert html.render(document)


def test_where_axes_do_not_agree_that_is_said_once(stores, monkeypatch, capsys):
    document = of_two(stores["first"].run(seed=0), stores["larger"].run(seed=0))
    (section,) = [one for one in document.sections if one.heading == "Errors"]
    assert "11 × 11 and 7 × 7" in section.note and len(section.figures) == 2
    root, other = (str(stores[name].directory.root) for name in ("first", "larger"))
    monkeypatch.setattr("sys.argv", ["ontogeny", "report", root, "--run", "seed=0", "--beside", other])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 0 and list(stores["first"].directory.report.glob("compare-*.html"))
    monkeypatch.setattr("sys.argv", ["ontogeny", "report", root, "--beside", other])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2 and "One run of each study" in " ".join(capsys.readouterr().err.split())


def test_their_numbers_stand_beside_one_another(stores):
    runs = stores["first"].run(seed=0), stores["larger"].run(seed=0)
    document = of_two(*runs)
    table = next(one for one in document.sections if one.heading == "Which numbers are the same?").table
    row = table[table["quantity"].str.contains("accuracy.*, all")].iloc[0]
    for name, run in zip(("first: seed=0", "larger: seed=0"), runs, strict=True):
        truth = run.lens("performance")["accuracy"].isel(step=-1).sel(split="all")
        assert row[name] == pytest.approx(float(truth))
    assert any(said.startswith("Of ") and "numbers" in said for said in document.answer)
    notes = " ".join(one.note for one in document.sections)
    assert "Of other shape in the two" in notes  # maps of 7 × 7 and 11 × 11
    same = of_two(stores["first"].run(seed=0), stores["same"].run(seed=1))
    assert any(one.heading == "Which maps are the same?" for one in same.sections)
