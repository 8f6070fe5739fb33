"""The figures of the bottleneck study show the values they were handed, in the right order, with the right words."""

import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ontogeny.errors import UnknownName, UserError
from ontogeny.registry import findings, views
from ontogeny.views.bindings import with_slider
from ontogeny.views.panels import panels
from ontogeny.views.theme import log_ticks, title_of

WIDTHS = [4, 1, 16, 2]  # not in order, on purpose
ORDER = [1, 3, 0, 2]
RNG = np.random.default_rng(1)


def coords(widths=WIDTHS, seeds=None, end=""):
    names = [f"run-{w}-{s}" for w, s in zip(widths, seeds or [0] * len(widths), strict=True)]
    axis = f"run{end}"
    return {
        axis: names,
        f"d_hidden{end}": (axis, widths),
        f"seed{end}": (axis, seeds or [0] * len(widths)),
    }


def pairs(kind, values=None, widths=WIDTHS, seeds=None, **attrs):
    n = len(widths)
    values = RNG.random((n, n)) if values is None else values
    data = xr.Dataset({"value": (("run", "run_other"), values, {"kind": kind, "units": "1", **attrs})})
    return data.assign_coords(coords(widths, seeds) | coords(widths, seeds, "_other")).assign_attrs(kind=kind)


@pytest.fixture
def frequency():
    p = RNG.random((4, 2, 3, 5))
    p /= p.sum(-1, keepdims=True)
    return xr.Dataset(
        {
            "p": (
                ("run", "side", "output", "frequency"),
                p,
                {"long_name": "energy share", "units": "1"},
            ),
            "ranked": (("run", "side", "output", "rank"), np.sort(p[..., 1:], -1)[..., ::-1]),
        },
        coords(WIDTHS) | {"side": ["a", "b"], "output": range(3), "frequency": range(5), "rank": range(1, 5)},
    )


def metrics(runs=2, steps=100):
    rows = [
        (f"run-{d}", s * 48, 1.0 / (d * (s + 1)), min(1.0, s / 50 * d), d)
        for d in range(1, runs + 1)
        for s in range(steps)
    ]
    return pd.DataFrame(rows, columns=["run", "step", "validation_loss", "validation_accuracy", "d_hidden"])[
        ["run", "d_hidden", "step", "validation_loss", "validation_accuracy"]
    ]


def test_every_view_of_the_study_is_registered_with_a_question():
    for name in (
        "loss_curves", "accuracy_by_width", "success_curve", "similarity_heatmap", "similarity_triptych",
        "agreement_by_k", "frequency_heatmap", "frequency_by_width", "spectrum_by_width", "interaction_heatmap",
    ):  # fmt: skip
        assert views[name].question.endswith("?") or "? " in views[name].question


def test_loss_curves_draw_few_points_of_every_run_and_never_step_0():
    table = metrics(runs=3)
    table.attrs["outputs"] = 64
    fig = views["loss_curves"](metrics=table, points=10).figure
    lines = [t for t in fig.data if t.mode == "lines"]
    assert [t.name for t in lines] == ["d = 1", "d = 1", "d = 2", "d = 2", "d = 3", "d = 3"]
    for line in lines:
        assert len(line.x) <= 10 and line.x[0] == 48 and line.x[-1] == 99 * 48
    shown = table[(table.run == "run-2") & table.step.isin(lines[2].x)]
    np.testing.assert_allclose(lines[2].y, shown.validation_loss, rtol=1e-3)
    np.testing.assert_allclose(lines[3].y, shown.validation_accuracy, rtol=1e-3)
    assert fig.layout.shapes[0].y0 == pytest.approx(math.log(64))
    assert fig.layout.annotations[0].y == pytest.approx(math.log10(math.log(64)))  # decades, not nats


def test_loss_curves_keep_seeds_apart():
    table = pd.concat([metrics(1), metrics(1).assign(run="run-1-again")])
    line = views["loss_curves"](metrics=table, points=5).figure.data[0]
    assert np.isnan(line.x).sum() == 1  # a gap between the two runs
    assert set(line.text) == {"run-1", "run-1-again", ""}


def test_accuracy_is_drawn_as_error_and_perfect_runs_stand_above_all_others():
    runs = pd.DataFrame(
        {"run": ["a", "b", "c"], "d_hidden": [2, 1, 2], "validation_accuracy": [1.0, 0.9, 0.99]}
    )
    told = pd.DataFrame({"d_hidden": [1, 2], "validation_accuracy": [0.95, 1.0]})
    drawn = views["accuracy_by_width"](runs=runs, published=told)
    seeds = next(t for t in drawn.figure.data if t.name == "one seed")
    theirs = next(t for t in drawn.figure.data if "published" in t.name)
    mean = next(t for t in drawn.figure.data if "mean" in t.name)
    assert list(seeds.x) == [1, 2, 2]
    np.testing.assert_allclose(seeds.customdata, [0.9, 1.0, 0.99], rtol=1e-6)
    np.testing.assert_allclose(seeds.y[[0, 2]], [0.1, 0.01], rtol=1e-3)
    assert 0 < seeds.y[1] < 0.01  # no error at all: above .99 on the upside-down axis
    assert theirs.y[1] == seeds.y[1]
    assert mean.customdata.tolist() == pytest.approx([0.9, 0.995])
    low, high = drawn.figure.layout.yaxis.range
    assert low > high and "100 %" in drawn.figure.layout.yaxis.ticktext
    assert drawn.says.startswith("1 of 2 widths reached 100 % with at least one seed; the narrowest is 2.")
    assert "Published: 1 of 2 widths, the narrowest 2." in drawn.says


def test_accuracy_works_without_published_values_and_without_success():
    runs = pd.DataFrame(
        {"d_hidden": [1, 2], "validation_accuracy": [0.2, 0.5]}, index=pd.Index(["a", "b"], name="run")
    )
    assert views["accuracy_by_width"](runs=runs).says == "0 of 2 widths reached 100 %."


def test_success_curve_shows_share_interval_fit_and_published_ticks():
    findings = pd.DataFrame({
        "d_hidden": [2, 1], "n": [4, 4], "reached": [3, 0], "low": [0.3, 0.0], "high": [0.95, 0.49],
        "fitted": [0.7, 0.1], "budget": 600, "d50": 1.64,
    })  # fmt: skip
    told = pd.DataFrame({"d_hidden": [1, 2], "validation_accuracy": [0.9, 1.0]})
    drawn = views["success_curve"](success_by=findings, published=told)
    dots, fit, half, ticks = drawn.figure.data
    assert list(dots.x) == [1, 2] and list(dots.y) == [0, 0.75]
    np.testing.assert_allclose(dots.y + dots.error_y.array, [0.49, 0.95], rtol=1e-3)
    np.testing.assert_allclose(dots.y - dots.error_y.arrayminus, [0.0, 0.3], atol=1e-3)
    np.testing.assert_allclose(fit.y, [0.1, 0.5, 0.7], rtol=1e-3)
    assert list(fit.x) == [1, 1.64, 2] and (half.x[0], half.y[0]) == (
        1.64,
        0.5,
    )  # where the finding says it is
    assert ticks.y[0] < 0 < 1 < ticks.y[1]
    assert (
        drawn.says
        == "Within 600 epochs, 3 of 8 runs over 2 widths reached 100 %; the fitted curve passes one half at d = 1.64."
    )


def test_similarity_is_sorted_by_width_on_both_axes():
    values = np.arange(16.0).reshape(4, 4)
    fig = views["similarity_heatmap"](tn=pairs("similarity", values, long_name="TN similarity")).figure
    (heat,) = fig.data
    assert np.array_equal(heat.z, values[np.ix_(ORDER, ORDER)])
    assert list(heat.y) == ["d = 1", "d = 2", "d = 4", "d = 16"] == list(heat.x)
    assert fig.layout.yaxis.scaleanchor == "x" and fig.layout.yaxis.autorange == "reversed"
    assert fig.layout.coloraxis.colorbar.title.text == "TN similarity"


def test_seeds_of_one_width_stand_together_and_are_named():
    heat = views["similarity_heatmap"](m=pairs("similarity", widths=[2, 1, 2], seeds=[1, 0, 0])).figure.data[
        0
    ]
    assert list(heat.y) == ["d = 1, seed 0", "d = 2, seed 0", "d = 2, seed 1"]


def test_dark_is_alike_for_divergences_too_and_the_most_alike_pair_is_named():
    values = np.full((4, 4), 0.6)
    np.fill_diagonal(values, 0)
    values[0, 2] = values[2, 0] = 0.1  # widths 4 and 16
    divergence = views["similarity_heatmap"](js=pairs("divergence", values, long_name="JS divergence"))
    assert divergence.figure.layout.coloraxis.reversescale is True
    assert divergence.figure.layout.coloraxis.cmin == pytest.approx(
        0.1
    )  # a run with itself does not set the scale
    assert "the most alike are d = 4 and d = 16 (0.1)" in divergence.says
    same = views["similarity_heatmap"](s=pairs("similarity", 1 - values))
    assert not same.figure.layout.coloraxis.reversescale
    assert "the most alike are d = 4 and d = 16 (0.9)" in same.says


def test_one_measure_at_a_time_and_the_axis_must_be_there():
    with pytest.raises(UserError, match="one measure"):
        views["similarity_heatmap"](a=pairs("similarity"), b=pairs("similarity"))
    with pytest.raises(UnknownName, match="lr"):
        views["similarity_heatmap"](a=pairs("similarity"), by="lr")


def test_triptych_shows_the_same_order_and_stacks_on_a_narrow_page():
    drawn = views["similarity_triptych"](
        tn_similarity=pairs("similarity"),
        activation_similarity=pairs("similarity"),
        js_divergence=pairs("divergence"),
    )
    fig = drawn.figure
    assert len(fig.data) == 3 and {tuple(t.y) for t in fig.data} == {("d = 1", "d = 2", "d = 4", "d = 16")}
    assert [t.coloraxis for t in fig.data] == ["coloraxis", "coloraxis2", "coloraxis3"]
    narrow = fig.layout.meta["narrow"]
    assert narrow["xaxis.domain"] == narrow["xaxis3.domain"] == [0.0, 1.0]
    assert narrow["yaxis.domain"][0] > narrow["yaxis2.domain"][1] > narrow["yaxis3.domain"][1]


def test_agreement_shows_each_pair_and_its_chance():
    table = pd.DataFrame({
        "pair": ["x", "x", "y", "y"], "k": [5, 1, 1, 5], "knn_overlap": [0.4, 0.2, 0.1, 0.3],
        "trustworthiness": [np.nan, 0.9, 0.8, np.nan], "chance_knn_overlap": [0.1, 0.02, 0.02, 0.1],
    })  # fmt: skip
    drawn = views["agreement_by_k"](agreement=table)
    by_name = {(t.name, t.xaxis): t for t in drawn.figure.data}
    assert list(by_name["x", "x"].x) == [1, 5]
    np.testing.assert_allclose(by_name["x", "x"].y, [0.2, 0.4], rtol=1e-6)
    np.testing.assert_allclose(by_name["chance", "x"].y, [0.02, 0.1], rtol=1e-6)
    assert ("x", "x3") not in by_name  # jaccard and continuity were not given
    assert "x: 0.40 at k = 5 (chance 0.10)" in drawn.says


def test_frequency_slider_walks_the_widths_in_order(frequency):
    fig = with_slider(views["frequency_heatmap"](frequency_distribution=frequency, side="b"))
    (slider,) = fig.layout.sliders
    assert [s.label for s in slider.steps] == ["d = 1", "d = 2", "d = 4", "d = 16"]
    for place, step in zip(ORDER, slider.steps, strict=True):
        np.testing.assert_allclose(step.args[0]["z"][0], frequency["p"].values[place, 1], rtol=5e-4)
    np.testing.assert_allclose(np.array(fig.data[0].z), frequency["p"].values[2, 1], rtol=5e-4)


def test_frequencies_by_width_average_operands_and_outputs_and_rank_shares_without_the_constant(frequency):
    drawn = views["frequency_by_width"](frequency_distribution=frequency)
    p = frequency["p"].values[ORDER]
    heat, *lines = drawn.figure.data
    np.testing.assert_allclose(heat.z, p.mean((1, 2)).T, rtol=1e-3)
    assert list(heat.x) == [1, 2, 4, 16]
    first = next(t for t in lines if t.name == "first")
    np.testing.assert_allclose(first.y, p[..., 1:].max(-1).mean((1, 2)), rtol=1e-3)


def test_the_picture_and_the_finding_say_the_same_share(frequency):
    one = frequency.assign_coords(seed=("run", [0] * 4))
    drawn = views["frequency_by_width"](frequency_distribution=one)
    said = findings["energy_by_rank"]({"lens:frequency_distribution@final": one}, at=[16])
    line = next(t for t in drawn.figure.data if t.name == "first")
    assert said[0].value == pytest.approx(line.y[list(line.x).index(16)], rel=1e-3)


def test_spectrum_shows_magnitudes_and_ranks():
    own = coords(WIDTHS) | {"output": range(3)}
    values = RNG.normal(size=(4, 3, 6))
    values[1, :, 2:] = 0  # a width of one has two eigenvalues
    spectrum = xr.Dataset({"eigenvalues": (("run", "output", "component"), values)}, own)
    rank = xr.Dataset({"entropy_rank": (("run", "output"), RNG.random((4, 3)))}, own)
    drawn = views["spectrum_by_width"](eigenspectrum=spectrum, effective_rank=rank)
    middle = drawn.bindings[2]
    np.testing.assert_allclose(middle.values[2], np.median(abs(values[0]), axis=0))
    assert np.isnan(middle.values[0][2:]).all() and np.isfinite(middle.values[0][:2]).all()
    np.testing.assert_allclose(drawn.figure.data[3].y, rank["entropy_rank"].values[ORDER].mean(1), rtol=1e-3)


def test_interactions_go_from_wide_to_narrow_each_on_its_own_scale():
    values = RNG.normal(size=(4, 2, 6, 6)) * np.array([1, 2, 3, 4]).reshape(4, 1, 1, 1)
    data = xr.Dataset(
        {"B": (("run", "output", "input", "input_other"), values)}, coords(WIDTHS) | {"output": [0, 5]}
    )
    drawn = views["interaction_heatmap"](interaction_matrices=data, output=5)
    assert drawn.start == 0 and drawn.bindings[0].ticks == ("d = 16", "d = 4", "d = 2", "d = 1")
    widest = values[2, 1]
    np.testing.assert_allclose(drawn.figure.data[0].z, widest / abs(widest).max(), atol=0.005 + 1e-6)
    assert f"{abs(widest).max():.3g}" in drawn.figure.data[0].hovertemplate
    fewer = views["interaction_heatmap"](interaction_matrices=data, output=5, widths=2)
    assert fewer.bindings[0].ticks == ("d = 16", "d = 1")
    with pytest.raises(UserError, match=r"no output 3.*0, 5"):
        views["interaction_heatmap"](interaction_matrices=data, output=3)


def test_axis_titles_come_from_the_array():
    array = xr.DataArray([1.0], name="loss", attrs={"long_name": "held-out loss", "units": "nats"})
    assert title_of(array) == "held-out loss (nats)"
    assert title_of(array.assign_attrs(units="1")) == "held-out loss"
    assert title_of(xr.DataArray([1.0], name="seed")) == "seed"


def test_log_ticks_are_plain_numbers_inside_the_range():
    ticks = log_ticks(48, 28800, most=9)
    assert ticks["ticktext"] == ["50", "100", "200", "500", "1k", "2k", "5k", "10k", "20k"]
    assert log_ticks(1e-3, 10, most=5)["ticktext"] == ["0.001", "0.01", "0.1", "1", "10"]


def test_panels_stack_in_the_order_they_stood():
    narrow = panels(3, titles=["a", "b", "c"]).layout.meta["narrow"]
    bottoms = [narrow[f"yaxis{i}.domain"][0] for i in ("", "2", "3")]
    tops = [narrow[f"annotations[{i}].y"] for i in range(3)]
    assert bottoms == sorted(bottoms, reverse=True) and tops == sorted(tops, reverse=True)
