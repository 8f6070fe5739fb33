"""Pictures of comparisons show the numbers that they were handed, where they belong, and say what is seen."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import cdist, squareform

import ontogeny as on
from ontogeny.cli_compare import compare
from ontogeny.comparing.arranged import arranged
from ontogeny.errors import UnknownName, UserError
from ontogeny.registry import views
from ontogeny.views.pair_grid import MARKED, pair_grid

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((60, 6))
Y = X[:, :4] + RANDOM.standard_normal((60, 4))
NAMES = ["cka_linear", "procrustes_normalized", "gulp"]


@pytest.fixture(scope="module")
def pair():
    again, unlike = X + 0.1 * RANDOM.standard_normal(X.shape), RANDOM.standard_normal(Y.shape)
    return on.compare(
        X, Y, NAMES, null=["row_shuffle", "random"], draws=39, resamples=10, untrained=[unlike, unlike * 2 + Y / 4], ceiling=[again],
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs():
    """Three kinds of runs, three of each, in turn."""
    kinds = [RANDOM.standard_normal((6, 8)) for _ in range(3)]
    given = {f"run {i}": X @ kinds[i % 3] + 0.5 * RANDOM.standard_normal((60, 8)) for i in range(9)}
    return on.compare(given, measures=["cka_linear_debiased", "procrustes_normalized"], draws=39, resamples=0)


def traces(drawn):
    return {trace.name: trace for trace in drawn.figure.data if trace.name}


# -- one pair ----------------------------------------------------------------------------------------------------------


def test_all_measures_stand_on_one_line_with_their_nulls_and_ceiling(pair):
    drawn = pair.draw()
    assert pair.pictures == ("number_line",)
    shown, data = traces(drawn), pair.data.squeeze(("first", "second"))
    value, low, high, top = (data[k].values for k in ("value", "low", "high", "ceiling"))
    chance = data["null_mean"].sel(null="row_shuffle").values
    unit = [None, 2**0.5, chance[2]]  # a similarity stands at its value, GULP has no largest value

    def places(values):
        return [v if u is None else 1 - v / u for v, u in zip(values, unit, strict=True)]

    dots = shown["value and interval"]
    np.testing.assert_allclose(dots.x, places(value), atol=2e-4)
    ends = np.stack([dots.x - dots.error_x.arrayminus, dots.x + dots.error_x.array])
    np.testing.assert_allclose(ends, np.sort([places(low), places(high)], 0), atol=2e-4)
    np.testing.assert_allclose(shown["another seed (ceiling)"].x, places(top), atol=2e-4)
    for null, name in {"row_shuffle": "samples shuffled", "reinitialised": "untrained"}.items():
        mean, sd = (data[k].sel(null=null).values for k in ("null_mean", "null_sd"))
        np.testing.assert_allclose(shown[f"{name}: mean ± SD"].x, places(mean), atol=2e-4)
        band = next(t for t in drawn.figure.data if t.legendgroup == name and t.mode == "lines")
        drawn_ends = np.array(band.x, dtype=float).reshape(-1, 3)[:, :2]
        np.testing.assert_allclose(drawn_ends, np.stack([places(mean - sd), places(mean + sd)], 1), atol=3e-4)
    assert [text.split()[0] for text in drawn.figure.layout.yaxis.ticktext] == NAMES
    assert drawn.figure.layout.yaxis.ticktext[0].endswith("↑") and drawn.figure.layout.yaxis.ticktext[
        1
    ].endswith("↓")
    low_end, high_end = drawn.figure.layout.xaxis.range
    assert low_end < 0 and high_end > 1
    assert drawn.says.startswith("3 of 3 measures find the two more alike")


def test_without_a_null_the_line_says_that_nothing_was_tested():
    result = on.compare(X, Y, "cka_linear", null="none", resamples=0)
    drawn = result.draw("number_line")
    assert "nothing says what chance would give" in drawn.says
    assert list(traces(drawn)) == ["value and interval"]


def test_matched_units_are_scored_where_they_were_not_matched():
    order = RANDOM.permutation(6)
    y = X[:, order] + 0.3 * RANDOM.standard_normal(X.shape)
    result = on.compare(X, y, "cka_linear", align="hungarian", null="none", resamples=0)
    assert result.pictures == ("number_line", "matched_units")
    units = result.units
    np.testing.assert_array_equal(units["right"], np.argsort(order))
    drawn = result.draw("matched_units")
    dots = traces(drawn)["a pair"]
    np.testing.assert_allclose(dots.x, units["score"], rtol=1e-3)
    np.testing.assert_allclose(dots.y, units["held_out"], rtol=1e-3)
    assert "shares a partner" not in traces(drawn)
    assert units["held_out"].min() > 0.8 and abs(units["shuffled"]).max() < 0.6
    assert int(units["all"].sum()) == 36
    assert drawn.says.startswith(
        "6 pairs (hungarian): 6 of 6 units with 6 of 6; median .9".replace(" .9", " 0.9")
    )


def test_luck_is_below_the_line_and_a_partner_of_many_is_hollow():
    many = np.repeat(X[:, :1], 5, 1) + 0.1 * RANDOM.standard_normal((60, 5))
    few = np.concatenate([X[:, :1], RANDOM.standard_normal((60, 2))], 1)
    drawn = on.compare(many, few, "cka_linear", align="argmax", null="none", resamples=0).draw(
        "matched_units"
    )
    assert len(traces(drawn)["shares a partner"].x) == 5
    noise = [RANDOM.standard_normal((60, 30)) for _ in range(2)]
    units = on.compare(*noise, "cka_linear", align="hungarian", null="none", resamples=0).units
    assert units["score"].median() > 0.2 > abs(units["held_out"].median())


# -- many pairs --------------------------------------------------------------------------------------------------------


def test_a_grid_marks_what_is_more_than_chance_after_correction(runs):
    drawn = runs.draw("pair_grid", measure="procrustes_normalized")
    heat, marks = drawn.figure.data
    one = runs["procrustes_normalized"]
    np.testing.assert_allclose(heat.z, one["value"], rtol=1e-3)
    beyond = one["p_adjusted"].sel(null="row_shuffle").values <= 0.05
    assert 0 < beyond.sum() < 81
    np.testing.assert_array_equal(np.stack([marks.y, marks.x], 1), np.argwhere(beyond))
    assert drawn.figure.layout.coloraxis.reversescale  # darker is nearer
    off = one["value"].values[~np.eye(9, dtype=bool)]
    assert drawn.figure.layout.coloraxis.cmin == off.min()  # what meets itself does not stretch the scale
    assert f"{beyond.sum() // 2} of 36 pairs" in drawn.says


def grid(n=5, m=3, p=None, kind="similarity", down="step", across="layer"):
    data = xr.Dataset(
        {"value": ((down, across), RANDOM.random((n, m)), {"kind": kind, "long_name": "likeness"})},
        coords={down: np.arange(n) * 1000, across: [f"layer {i}" for i in range(m)]},
    )
    return data if p is None else data.assign(p=((across, down), p.T))


def test_any_two_axes_make_a_grid():
    p = np.ones((5, 3))
    p[4, 1] = 0.01
    data = grid(p=p)
    data["value"][2, 2] = np.nan
    drawn = pair_grid(data)
    heat, marks = drawn.figure.data
    np.testing.assert_allclose(heat.z, data["value"], rtol=1e-3)
    assert (marks.x.tolist(), marks.y.tolist()) == ([1], [4])
    assert drawn.figure.layout.yaxis.ticktext == ("0", "1,000", "2,000", "3,000", "4,000")
    assert drawn.figure.layout.xaxis.ticktext == ("layer 0", "layer 1", "layer 2")
    assert "1 of 15 pairs are more alike than chance" in drawn.says
    assert drawn.figure.layout.yaxis.range[0] > drawn.figure.layout.yaxis.range[1]  # from the top
    assert "step 4,000 and layer 1" in heat.customdata[4, 1, 0]
    assert len(pair_grid(grid()).figure.data) == 1 and "Nothing was tested" in pair_grid(grid()).says
    with pytest.raises(UserError, match=r"two axes.*step"):
        pair_grid(data.isel(layer=0))


def test_the_same_names_of_two_runs_are_not_the_same_thing():
    """The diagonal of a run with itself is identity and stretches no scale; that of two runs is a result."""
    values = np.array([[1, 0.2, 0.3], [0.2, 1, 0.4], [0.3, 0.4, 1]])
    steps = {"step": [0, 10, 20], "step_other": [0, 10, 20]}
    itself = xr.Dataset({"value": (("step", "step_other"), values)}, coords=steps)
    drawn = pair_grid(itself)
    assert drawn.figure.layout.coloraxis.cmax == 0.4 and "step 10 and step 20 (0.4;" in drawn.says
    other = pair_grid(itself.assign(value=itself["value"] * 0.9))
    assert other.figure.layout.coloraxis.cmax == 0.9 and "step 0 and step 0 (0.9;" in other.says


def test_a_large_grid_has_an_outline_in_the_place_of_marks():
    side = int(MARKED**0.5) + 2
    p = np.where(np.arange(side)[:, None] > 20, 0.01, 1) * np.ones((side, side))
    heat, outline = pair_grid(grid(side, side, p)).figure.data
    assert outline.type == "contour" and heat.z.shape == (side, side)
    np.testing.assert_array_equal(outline.z, p <= 0.05)


def test_pictures_that_there_are_not_are_refused_with_those_there_are(pair, runs):
    with pytest.raises(UserError, match=r"there is number_line\. Units are matched where"):
        pair.draw("matched_units")
    with pytest.raises(UserError, match=r"number_line.*all pairs of three arrays"):
        pair.draw("similarity_map")
    with pytest.raises(UserError, match="say which with first=…: run 0, run 1"):
        runs.draw("number_line")
    with pytest.raises(UnknownName, match="run 8"):
        runs.draw("number_line", first="run 88", second="run 2")
    with pytest.raises(UnknownName, match="procrustes"):
        runs.draw("pair_grid", measure="procrustes")
    line = runs.draw("number_line", first="run 0", second="run 3")
    assert len(traces(line)["value and interval"].x) == 2


# -- runs --------------------------------------------------------------------------------------------------------------


def table(distances, kind="distance", **coords):
    n = len(distances)
    data = xr.Dataset({"value": (("run", "run_other"), distances, {"kind": kind})})
    coords = {"run": [f"r{i}" for i in range(n)], **coords}
    for name, tick in coords.items():
        data = data.assign_coords({f"{name}{end}": (f"run{end}", tick) for end in ("", "_other")})
    return data


def test_a_tree_stands_above_the_cells_that_it_joins(runs):
    drawn = runs.draw("similarity_heatmap", order="clustered")
    heat, joins = drawn.figure.data
    names = [x.split(" and ")[0] for x in heat.customdata[:, 0]]
    kinds = [int(name.removeprefix("run ")) % 3 for name in names]
    assert sum(a != b for a, b in itertools.pairwise(kinds)) == 2  # each kind stands together
    value = runs["cka_linear_debiased"]["value"]
    np.testing.assert_allclose(heat.z, value.sel(first=names, second=names), rtol=1e-3)
    # the height at which two runs meet is SciPy's
    distances = np.sqrt(2 * (1 - value.sel(first=names, second=names).values))
    np.fill_diagonal(distances, 0)
    expected = np.unique(cophenet(linkage(squareform(distances, checks=False), "average")).round(4))
    heights = np.array(joins.customdata, dtype=float).reshape(-1, 5)[:, 1]
    np.testing.assert_allclose(np.sort(heights), expected, rtol=1e-3)
    feet = {x for x, y in zip(joins.x, joins.y, strict=True) if y == pytest.approx(-0.6)}
    assert feet == set(range(9))
    assert drawn.figure.layout.yaxis.ticktext == tuple(names)


def test_runs_without_a_value_are_left_out_and_counted():
    distances = cdist(X[:8, :2], X[:8, :2])
    distances[5, :] = distances[:, 5] = np.nan
    data = table(distances, width=[1, 2] * 4)
    for order, on_ in (("clustered", None), (None, "mds")):
        name = "similarity_heatmap" if order else "similarity_map"
        one = arranged(data, order or on_)
        assert one.sizes["run"] == 7 and "r5" not in one["run"]
        drawn = views[name](measure=one, by="width")
        assert "1 that cannot be compared" in drawn.says
    with pytest.raises(UserError, match="Three runs"):
        arranged(table(np.full((3, 3), np.nan)), "mds")
    with pytest.raises(UnknownName, match="clustered"):
        arranged(data, "clusters")


def test_settings_are_a_strip_beside_the_tree():
    data = arranged(table(cdist(X[:8], X[:8]), width=[4, 8] * 4, seed=[0, 0, 1, 1, 2, 2, 3, 3]), "clustered")
    drawn = views["similarity_heatmap"](measure=data, by="width", order="clustered")
    strip = drawn.figure.data[2]
    np.testing.assert_array_equal(np.ravel(strip.z), (data["width"].values == 8).astype(int))
    assert strip.x0 + strip.dx / 2 < -0.5  # left of the cells
    assert drawn.figure.layout.yaxis.ticktext[0].startswith("width = ")


def test_a_map_of_points_of_a_plane_is_that_plane():
    points = X[:9, :2]
    data = arranged(table(cdist(points, points), width=np.arange(9) // 3), "mds")
    drawn = views["similarity_map"](measure=data, by="width")
    placed = np.concatenate([np.stack([t.x, t.y], 1) for t in drawn.figure.data])
    np.testing.assert_allclose(cdist(placed, placed), cdist(points, points), atol=2e-3)
    assert data.attrs["stress"] < 1e-3 and "stress 0.00" in drawn.says
    assert [t.name for t in drawn.figure.data] == ["0", "1", "2"]
    assert len({t.marker.color for t in drawn.figure.data}) == 3
    assert drawn.figure.layout.yaxis.scaleanchor == "x"


def test_a_map_of_similarities_puts_like_with_like(runs):
    drawn = runs.draw("similarity_map", measure="cka_linear_debiased")
    at = {text: (x, y) for t in drawn.figure.data for text, x, y in zip(t.text, t.x, t.y, strict=True)}
    points = np.array([at[f"run {i}"] for i in range(9)])
    near = cdist(points, points) + 1e9 * np.eye(9)
    assert (near.argmin(1) % 3 == np.arange(9) % 3).all()
    assert len({t.marker.color for t in drawn.figure.data}) == 1  # names in no order have no colour


@pytest.mark.optional
def test_umap_keeps_neighbours(runs):
    pytest.importorskip("umap")
    points = np.concatenate([RANDOM.standard_normal((12, 3)) + 20 * i for i in range(2)])
    data = arranged(table(cdist(points, points), width=np.arange(24) // 12), "umap")
    placed = data["places"].values
    near = cdist(placed, placed) + 1e9 * np.eye(24)
    assert (near.argmin(1) // 12 == np.arange(24) // 12).all()


def test_the_course_of_likeness_is_the_mean_over_pairs(trained):
    from ontogeny.views.likeness_course import likeness_course

    data = on.open(trained).over_training("cka_linear", tap="hook_hidden")
    drawn = likeness_course(data)
    pairs = data["value"].values[:, *np.triu_indices(3, 1)]
    np.testing.assert_allclose(drawn.figure.data[-1].y, pairs.mean(1), rtol=1e-3)
    assert len(drawn.figure.data) == 2 and f"goes from {pairs[0].mean():.3g} at step 0" in drawn.says


# -- a study, and the command line -------------------------------------------------------------------------------------


def test_runs_of_a_study_are_arranged_for_the_view_that_asks(trained):
    store = on.open(trained)
    value = store.compare("activation_similarity")
    if value.sizes["run"] < 3:
        pytest.skip("three runs make a tree")
    tree = store.draw("similarity_heatmap", order="clustered")
    assert tree.figure.data[1].mode == "lines"
    places = store.draw("similarity_map", on="mds")
    assert sum(len(t.x) for t in places.figure.data) == value.sizes["run"]
    with pytest.raises(UnknownName, match="umap"):
        store.draw("similarity_map", on="tsne")


def test_one_command_draws_a_page(tmp_path, trained, command):
    np.save(tmp_path / "a.npy", X)
    np.save(tmp_path / "b.npy", Y)
    few = ("--draws", "39", "--resamples", "0", "--measure", "cka_linear", "--plot", tmp_path / "page.html")
    done = command("compare", tmp_path / "a.npy", tmp_path / "b.npy", "--align", "hungarian", *few)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "beside chance and ceiling" in page and "The units that were matched" in page
    study = {"first": trained, "measure": ["activation_similarity"]}
    compare(**study, order="clustered", plot=tmp_path / "runs.html")
    assert "they meet at a distance" in (tmp_path / "runs.html").read_text(encoding="utf-8")
    compare(**study, second=trained, plot=tmp_path / "two.html")
    two = (tmp_path / "two.html").read_text(encoding="utf-8")
    assert "d = 2 and d = 3" in two and on.open(trained).entries()[0].id not in two  # runs by what varied


def test_pictures_that_cannot_be_drawn_are_refused_with_a_sentence(tmp_path, trained):
    np.save(tmp_path / "a.npy", X)
    np.save(tmp_path / "b.npy", Y)
    two = {"first": tmp_path / "a.npy", "second": tmp_path / "b.npy", "draws": 39, "resamples": 0}
    study, page = {"first": trained, "measure": ["activation_similarity"]}, tmp_path / "page.html"
    for given, said in [
        ({**two, "plot": Path("x.pdf")}, r"\.html or \.png"),
        ({**two, "plot": page, "picture": "pair_grid"}, "there is number_line"),
        ({**study, "plot": page, "picture": "number_line"}, "similarity_map, pair_grid"),
        ({**study, "plot": page, "measure": ["activation_similarity", "logit_cosine"]}, "one measure"),
        ({**study, "plot": page, "over_training": True, "picture": "pair_grid"}, "there is likeness_course"),
    ]:
        with pytest.raises(UserError, match=said):
            compare(**given)
    assert not page.exists()
