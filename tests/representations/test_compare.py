"""``on.compare`` on arrays: what it says, and what it refuses."""

import json
import math

import numpy as np
import pytest
import torch
import xarray as xr

import ontogeny as on
from ontogeny.errors import UserError
from ontogeny.numerics.alignment import correlations
from ontogeny.registry import measures
from ontogeny.representations.aligned import aligned

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((80, 6))
Y = X[:, :4] + RANDOM.standard_normal((80, 4))
OTHER = RANDOM.standard_normal((80, 5))
QUICK = {"draws": 39, "resamples": 10}


def test_values_are_those_of_the_measures_and_nulls_stand_beside_them():
    result = on.compare(X, Y, ["cka_linear", "linear_regression"], null=["row_shuffle", "random"], **QUICK)
    table = result.to_dataframe().set_index(["measure", "null"])
    assert table.loc[("cka_linear", "random"), "value"] == measures["cka_linear"](X, Y).item()
    regression = table.loc[("linear_regression", "row_shuffle")]
    assert regression["value"] == measures["linear_regression"](X, Y).item()
    assert regression["reverse"] == measures["linear_regression"](Y, X).item()
    assert set(table["p"]) == {1 / 40}
    assert (table["low"] < table["value"]).all() and (table["value"] < table["high"]).all()
    assert (table[["n", "d", "e"]] == [80, 6, 4]).all(axis=None)
    drawn = result["cka_linear"]["draws"].sel(null="row_shuffle").values.ravel()
    assert table.loc[("cka_linear", "row_shuffle"), "null_mean"] == pytest.approx(drawn.mean())
    assert table.loc[("cka_linear", "row_shuffle"), "null_sd"] == pytest.approx(drawn.std(ddof=1))


def test_distances_count_the_other_way():
    table = on.compare(X, Y, "procrustes_normalized", **QUICK).to_dataframe()
    assert table["p"].item() == 1 / 40 and table["z"].item() > 3
    assert table["value"].item() < table["null_mean"].item()
    assert 0 < table["above_chance"].item() < 1
    assert table["better"].item().startswith("lower")


def test_the_same_seed_says_the_same_and_another_draws_anew():
    one, two, three = (
        on.compare(X, Y, "knn_jaccard", seed=s, options={"knn_jaccard": {"k": 5}}, **QUICK) for s in (1, 1, 2)
    )
    xr.testing.assert_identical(one.data, two.data)
    assert not np.array_equal(one.data["draws"], three.data["draws"])
    assert one.data.attrs["seed"] == 1 and one.data.attrs["knn_jaccard.k"] == 5


def test_untrained_models_and_other_seeds_are_the_floor_and_the_ceiling():
    again = X + 0.1 * RANDOM.standard_normal(X.shape)
    result = on.compare(
        X, Y, "cka_linear", null="none", untrained=[OTHER, OTHER + 1], ceiling=[again], resamples=0
    )
    row = result.to_dataframe().iloc[0]
    assert row["null"] == "reinitialised"
    assert row["null_mean"] == pytest.approx(measures["cka_linear"](X, OTHER).item())
    assert row["ceiling"] == pytest.approx(measures["cka_linear"](X, again).item())
    assert math.isnan(row["p"])  # two untrained models are no p-value
    reach = (row["value"] - row["null_mean"]) / (row["ceiling"] - row["null_mean"])
    assert row["above_chance"] == pytest.approx(reach)


def test_a_grid_is_judged_as_a_family():
    """The largest of the grid in each draw judges all of its cells, so p only grows; what stands out still does."""
    layers = {"a": X, "b": Y, "c": OTHER}
    result = on.compare(layers, measures="cka_linear", draws=199, resamples=0)
    one = result["cka_linear"].sel(null="row_shuffle")
    assert np.isnan(one["p"].values.diagonal()).all()
    off = ~np.eye(3, dtype=bool)
    assert (one["p_adjusted"].values[off] >= one["p"].values[off]).all()
    assert one["p_adjusted"].sel(first="a", second="b") == 1 / 200
    assert one["p_adjusted"].sel(first="b", second="c") > 0.05
    np.testing.assert_array_equal(one["value"], one["value"].T)
    bh = on.compare(layers, measures="cka_linear", draws=199, resamples=0, correction="bh")
    assert bh["cka_linear"]["p_adjusted"].sel(first="a", second="b").item() < 0.05


def test_matching_is_made_on_one_half_and_scored_on_the_other():
    """Matched and scored on the same samples, unrelated units are near; on the other half they are as far apart as any."""
    unrelated = RANDOM.standard_normal((60, 30)), RANDOM.standard_normal((60, 30))
    paired = {}
    for on_ in ("half", "all"):
        way = aligned("hungarian", "correlation", on_, 0, np.arange(60))
        x, y = way(*map(torch.from_numpy, unrelated))
        paired[on_] = correlations(x, y).diagonal().mean().item()
    assert abs(paired["half"]) < 0.1 < 0.2 < paired["all"]


def test_rotated_features_are_found_by_a_map_and_not_by_matching():
    turned = X @ np.linalg.qr(RANDOM.standard_normal((6, 6)))[0]
    distance = {
        how: on.compare(X, turned, "permutation_procrustes", align=how, null="none", resamples=0).value.item()
        for how in ("hungarian", "orthogonal", "linear")
    }
    assert distance["orthogonal"] < 1e-6 and distance["linear"] < 1e-6 < 0.3 < distance["hungarian"]


def test_random_subsets_matched_anew_are_a_null():
    result = on.compare(X, Y, "cka_linear", align="mutual", null=["row_shuffle", "rematched"], **QUICK)
    nulls = result["cka_linear"]["null_mean"]
    assert nulls.sel(null="rematched") > nulls.sel(
        null="row_shuffle"
    )  # matching alone creates correspondence


def test_groups_change_places_whole():
    """Copies within a document make shuffled samples too different from the data; documents are what is drawn."""
    documents = np.repeat(np.arange(10), 8)
    x, y = (
        RANDOM.standard_normal((10, d))[documents] + 0.1 * RANDOM.standard_normal((80, d)) for d in (5, 4)
    )
    alone = on.compare(x, y, "cka_linear", draws=199, resamples=0).to_dataframe()
    whole = on.compare(x, y, "cka_linear", draws=199, resamples=0, groups=documents).to_dataframe()
    assert alone["p"].item() < 0.05 < whole["p"].item()
    with pytest.raises(UserError, match="Groups of 1 to 79"):
        on.compare(x, y, "cka_linear", groups=[0, *[1] * 79])


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (np.where(np.arange(480).reshape(80, 6) == 7, np.nan, X), Y, "X holds 1 values.* row 1"),
        (X, Y[:70], "80.*70"),
        (X[:3], Y[:3], "4 rows"),
        (X[None], Y, r"\(1, 80, 6\)"),
        (X[0], Y, "samples × units"),
        (X[:0], Y[:0], "empty"),
        (X + 1j, Y, "holds complex128"),
        (X.astype(str), Y, "numbers"),
    ],
)
def test_bad_input_is_refused_by_name_and_count(x, y, said):
    with pytest.raises(UserError, match=said):
        on.compare(x, y, "cka_linear_debiased", **QUICK)


def test_doubtful_input_is_said_by_name_and_count():
    x = np.concatenate([X, X[:5], np.zeros((2, 6))])
    x = np.concatenate([x, np.ones((87, 1)), x[:, :1]], 1)
    y = RANDOM.standard_normal((87, 4))
    notes = "\n".join(on.compare(x, y, "cca_mean", null="none", resamples=0).warnings)
    assert "1 of 8 units do not vary" in notes
    assert "6 of 87 rows are copies" in notes and "81 distinct" in notes
    zero = np.concatenate([X[:40], np.zeros((2, 6))])
    assert "2 of 42 rows are zero" in "\n".join(
        on.compare(zero, zero[:, :4] + 1, "cka_linear", null="none", resamples=0).warnings
    )
    low = np.concatenate([X, X[:, :2].sum(1, keepdims=True)], 1)
    assert "rank 6 of 7" in "\n".join(on.compare(low, Y, "cka_linear", null="none", resamples=0).warnings)
    wide = RANDOM.standard_normal((20, 30))
    assert "n ≤ d + 1" in "\n".join(
        on.compare(wide, wide[:, :25] + 1, "cca_mean", null="none", resamples=0).warnings
    )


def test_wrong_words_name_the_right_ones():
    for settings, said in [
        ({"measures": "cka_liner"}, "cka_linear"),
        ({"null": "shuffle"}, "row_shuffle"),
        ({"align": "hungary"}, "hungarian"),
        ({"null": "rematched"}, "align"),
        ({"null": "reinitialised"}, "untrained"),
        ({"draws": 5}, "999"),
        ({"measures": "svcca", "options": {"svcca": {"kep": 0.9}}}, "keep"),
        ({"options": {"svca": {}}, "measures": "svcca"}, "svcca"),
        ({"measures": "tn_similarity"}, "whole models"),
        ({"samples": 500}, "there are 80"),
    ]:
        with pytest.raises(UserError, match=said):
            on.compare(X, Y, **{"measures": "cka_linear", **settings})


def test_a_million_samples_need_no_matrix_of_samples():
    x = torch.randn(1_000_000, 8, generator=torch.Generator().manual_seed(0))
    y = x + torch.randn(1_000_000, 8, generator=torch.Generator().manual_seed(1))
    result = on.compare(x, y, ["cka_linear", "procrustes_normalized"], null="none", resamples=0)
    assert result["cka_linear"]["value"].item() == pytest.approx(0.5, abs=0.01)
    with pytest.raises(UserError, match="1,000,000 × 1,000,000"):
        on.compare(x, y, "rsa_cosine", null="none", resamples=0)
    some = on.compare(x, y, "rsa_cosine", null="none", resamples=0, samples=300)
    assert int(some.data["n"]) == 300


def test_tables_for_papers(tmp_path):
    result = on.compare({"layer_0": X}, {"layer_1": Y}, ["cka_linear", "pwcca"], **QUICK)
    markdown, latex, page = (result.table(f) for f in ("markdown", "latex", "html"))
    assert markdown.count("\n| layer_0 | layer_1 |") == 2 and "seed 0" in markdown
    assert r"layer\_0 & layer\_1 & cka\_linear & $\uparrow$" in latex and latex.count(r"\\") == 3
    assert page == result._repr_html_() and page.count("<tr>") == 3
    assert repr(result).startswith("first")
    for ending in ("md", "html", "tex", "txt", "csv", "nc"):
        assert result.save(tmp_path / f"table.{ending}").stat().st_size > 100
    back = xr.open_dataset(tmp_path / "table.nc", engine="h5netcdf")
    np.testing.assert_array_equal(back["value"], result.data["value"])
    with pytest.raises(UserError, match=r"\.md"):
        result.save(tmp_path / "table.xls")


def test_align_says_who_belongs_to_whom():
    order = RANDOM.permutation(6)
    found = on.align(X, 3 * X[:, order] + 1)
    np.testing.assert_array_equal(found.right, np.argsort(order))
    rows = on.align(X, X[::-1], by="cosine")
    np.testing.assert_array_equal(rows.right, np.arange(80)[::-1])
    with pytest.raises(UserError, match=r"80.*70"):
        on.align(X, X[:70])


def test_the_record_of_a_comparison_is_plain():
    result = on.compare(X, Y, "cka_linear", null="none", resamples=0)
    assert json.loads(json.dumps(result.data.attrs))["align"] == "none"
    assert result.to_dataframe()["null"].tolist() == ["none"]


def test_several_seeds_give_the_ceiling_a_spread():
    seeds = [X + s * RANDOM.standard_normal(X.shape) for s in (0.1, 0.4, 0.8)]
    result = on.compare(X, Y, "cka_linear", null="none", ceiling=seeds, resamples=0)
    again = [measures["cka_linear"](X, z).item() for z in seeds]
    row = result.to_dataframe().iloc[0]
    assert (row["ceiling"], row["ceiling_sd"]) == pytest.approx((np.mean(again), np.std(again, ddof=1)))
    assert f"{np.mean(again):.3f} ± {np.std(again, ddof=1):.3f}" in result.table()


def test_n_is_that_of_the_samples_that_are_scored():
    """Of 40 samples 20 are scored, which is too few for 25 dimensions, and is said."""
    wide = RANDOM.standard_normal((40, 25)), RANDOM.standard_normal((40, 24))
    halves, whole = (
        on.compare(*wide, "cca_mean", null="none", resamples=0, align="hungarian", fit_on=fit)
        for fit in ("half", "all")
    )
    assert (int(halves.data["n"]), int(whole.data["n"])) == (20, 40)
    assert "20 samples in 25 dimensions" in "\n".join(halves.warnings)
    assert halves.value.item() == pytest.approx(1) and "n ≤ d" not in "\n".join(whole.warnings)
