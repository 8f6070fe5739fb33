"""Claims about pairs of models: blocks, perfect models, shared frequencies, energy. True in built worlds, untrue in others."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from benchmarks.worlds import in_blocks

from ontogeny.findings.energy_by_rank import sorted_noise
from ontogeny.findings.frequency_agreement import jaccard_distance, key_sets
from ontogeny.numerics.spectra import strongest_first
from ontogeny.registry import findings

WIDTHS = np.arange(1, 25)


def comparison(value, d, seed, kind="similarity"):
    names = [f"{a}-{b}" for a, b in zip(d, seed, strict=True)]
    coords = {"run": names, "run_other": names}
    for suffix, axis in (("", "run"), ("_other", "run_other")):
        coords |= {f"d_hidden{suffix}": (axis, d), f"seed{suffix}": (axis, seed)}
    return xr.Dataset({"value": (("run", "run_other"), value)}, coords=coords, attrs={"kind": kind})


def world(of_widths, seeds, noise=0.04, seed=0):
    rng = np.random.default_rng(seed)
    d, seed = np.tile(WIDTHS, seeds), np.repeat(np.arange(seeds), len(WIDTHS))
    error = rng.normal(0, noise, (len(d), len(d)))
    return comparison(of_widths(d[:, None], d) + (error + error.T) / 2, d, seed)


def gradient(x, y):
    return np.exp(-np.abs(x - y) / 5)


def blocks(x, y):
    return 0.25 * (np.digitize(x, [8, 16]) == np.digitize(y, [8, 16])) + 0.5 * gradient(x, y)


def soft(x, y):
    """A gradient, and blocks of gap .1 whose edges take three widths."""
    return 0.1 * in_blocks(WIDTHS, over=3)[x - 1, y - 1] + 0.5 * gradient(x, y)


@pytest.mark.parametrize(
    ("of_widths", "seeds", "want"),
    [
        (blocks, 4, "as published"),
        (gradient, 4, "not as published"),
        (lambda x, y: 1 - np.abs(x - y) / 30, 4, "not as published"),
        (blocks, 1, "too few seeds"),
        (soft, 4, "in part"),
    ],
)
def test_blocks_are_told_from_gradients(of_widths, seeds, want):
    (one,) = findings["similarity_blocks"]({"measure:tn_similarity": world(of_widths, seeds)})
    assert one.verdict == want, one.why
    if want == "as published":
        assert one.value == pytest.approx(0.25, abs=0.05) and one.details["blocks"][0] == [
            (1, 7),
            (8, 15),
            (16, 24),
        ]
    if want == "not as published":  # what the eye and an uncontrolled comparison would say
        assert one.details["within_minus_between_raw"] > 0.05
        assert one.details["injected_blocks_found"] >= 0.8


def test_blocks_that_would_not_be_seen_are_not_denied():
    (one,) = findings["similarity_blocks"](
        {"measure:tn_similarity": world(gradient, 4, noise=1.0)}, clear=0.2
    )
    assert one.verdict == "too few seeds"


@pytest.mark.slow
def test_softened_blocks_are_never_denied():
    """Eight seeds, a true gap of .1, edges softened over three widths, twelve worlds."""
    said = []
    for trial in range(12):
        data = world(soft, 8, seed=trial)
        said.append(findings["similarity_blocks"]({"measure:tn_similarity": data})[0].verdict)
    assert "not as published" not in said


def test_a_divergence_is_read_with_its_sign_turned():
    data = world(blocks, 4)
    data["value"], data.attrs["kind"] = 1 - data["value"], "divergence"
    (one,) = findings["similarity_blocks"]({"measure:js": data}, measure="js")
    assert one.verdict == "as published" and one.value > 0.2


def models(perfect, among, rest, seeds=6, widths=8, seed_effect=0.0, seed=0):
    """In every seed ``perfect`` of the models, at random, are alike to the degree ``among``; all others to the degree
    ``rest``."""
    rng = np.random.default_rng(seed)
    d, of = np.tile(np.arange(1, widths + 1), seeds), np.repeat(np.arange(seeds), widths)
    good = np.concatenate([rng.permutation(widths) < perfect for _ in range(seeds)])
    value = np.where(np.logical_and.outer(good, good), among, rest)
    noise, luck = rng.normal(0, 0.02, (len(d), len(d))), rng.normal(0, seed_effect, seeds)[of]
    data = comparison(value + (noise + noise.T) / 2 + luck[:, None] + luck, d, of)
    runs = pd.DataFrame({"run": data["run"].values[::-1], "all_accuracy": np.where(good, 1.0, 0.9)[::-1]})
    return {"measure:activation_similarity": data, "runs": runs}


@pytest.mark.parametrize(
    ("perfect", "among", "rest", "options", "want"),
    [
        (4, 0.9, 0.3, {"high": 0.7}, "as published"),
        (4, 0.9, 0.3, {}, ""),  # nobody said what is high
        (4, 0.9, 0.3, {"high": 0.95}, "not as published"),
        (4, 0.3, 0.3, {"high": 0.2}, "in part"),  # high, but no higher than the imperfect
        (4, 0.5, 0.8, {"high": 0.2}, "in part"),  # less alike than the imperfect
        (0, 0.9, 0.3, {}, "too few seeds"),
    ],
)
def test_similarity_among_perfect_models(perfect, among, rest, options, want):
    (one,) = findings["similarity_among_perfect"](models(perfect, among, rest), **options)
    assert one.verdict == want, one.why
    if "high" in options:
        assert f"(above {options['high']:g})" in one.claim
    if perfect:
        assert one.n == 6 and one.details["models"] == 24
        assert one.value == pytest.approx(among, abs=0.02)
        assert one.details["imperfect"] == pytest.approx(rest, abs=0.02)
        assert len(one.values) == 6


def test_perfect_models_that_are_less_alike_at_equal_settings_are_said_to_be():
    (one,) = findings["similarity_among_perfect"](models(4, 0.5, 0.8), high=0.2)
    assert one.details["p_at_equal_settings"] < 0.05 and one.details["beyond_labels_of_other_seeds"] < 0
    assert "less alike" in one.why


def test_the_interval_among_perfect_models_covers_where_seeds_differ():
    """The mean over seeds of the similarity is .5; models of one seed share its luck."""
    hits = []
    for trial in range(60):
        data = models(4, 0.5, 0.5, seeds=5, seed_effect=0.1, seed=trial)
        low, high = findings["similarity_among_perfect"](data)[0].interval
        hits.append(low <= 0.5 <= high)
    assert np.mean(hits) >= 0.87


def test_untrained_models_as_alike_as_the_perfect_ones_unmake_the_claim():
    data = models(4, 0.6, 0.3)
    data["measure:activation_similarity@initial"] = models(0, 0, 0.8)["measure:activation_similarity"]
    (one,) = findings["similarity_among_perfect"](data)
    assert one.verdict == "not as published" and one.details["untrained"] == pytest.approx(0.8, abs=0.02)


def test_an_effect_of_width_alone_is_seen_at_equal_settings():
    """Wide models are alike whether or not they are perfect; labels within a width say nothing."""
    d, seed = np.repeat([4, 64], 20), np.tile(np.arange(20), 2)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.02, (40, 40))
    value = 0.2 + 0.6 * ((d[:, None] == 64) & (d == 64)) + (noise + noise.T) / 2
    data = comparison(value, d, seed)
    accuracy = np.where((d == 64) & (seed < 14), 1.0, 0.9)
    runs = pd.DataFrame({"run": data["run"].values, "all_accuracy": accuracy})
    (one,) = findings["similarity_among_perfect"](
        {"measure:activation_similarity": data, "runs": runs}, high=0.5
    )
    assert one.verdict == "in part"
    assert one.details["beyond_imperfect"][0] > 0.1 and one.details["p_at_equal_settings"] > 0.05


def frequencies(sets, n_frequencies=17, sharp=0.9):
    """Distributions that put ``sharp`` of their mass on a set of frequencies: (run, side, output, frequency)."""
    p = np.full((len(sets), n_frequencies), (1 - sharp) / n_frequencies)
    for i, keys in enumerate(sets):
        p[i, list(keys)] += sharp / len(keys)
    return p


def frequency_data(p, value, seeds=5):
    n = len(p)
    d, seed = np.tile(np.arange(n // seeds), seeds), np.repeat(np.arange(seeds), n // seeds)
    pairs = comparison(value, d, seed, "divergence")
    lens = xr.Dataset(
        {
            "p": (
                ("run", "side", "output", "frequency"),
                np.broadcast_to(p[:, None, None], (n, 2, 3, p.shape[1])),
            )
        },
        coords={"run": pairs["run"].values, "frequency": np.arange(p.shape[1])},
    )
    return {"measure:js_divergence": pairs, "lens:frequency_distribution@final": lens}


def js(p):
    entropy = lambda q: -np.sum(q * np.log(q), -1)  # noqa: E731
    return entropy((p[:, None] + p) / 2) - (entropy(p)[:, None] + entropy(p)) / 2


def test_divergence_that_follows_shared_frequencies_agrees_and_a_shuffled_one_does_not():
    rng = np.random.default_rng(0)
    p = frequencies([rng.choice(np.arange(1, 17), 3, replace=False) for _ in range(30)])
    assert key_sets(xr.DataArray(p, dims=("run", "frequency")), 2).sum(1).tolist() == [3] * 30
    (one,) = findings["frequency_agreement"](frequency_data(p, js(p)))
    assert (
        one.verdict == "as published"
        and one.value > 0.9
        and one.details["p_beyond_settings"] == pytest.approx(1 / 120)
    )
    order = rng.permutation(30)
    (none,) = findings["frequency_agreement"](frequency_data(p, js(p)[np.ix_(order, order)]))
    assert (
        none.verdict == "not as published"
        and abs(none.value) < 0.3
        and none.details["p_beyond_settings"] > 0.01
    )


def test_equal_key_sets_and_few_models_cannot_tell():
    same = frequencies([(1, 2)] * 15)
    (one,) = findings["frequency_agreement"](frequency_data(same, np.random.default_rng(0).random((15, 15))))
    assert one.verdict == "too few seeds" and "equally" in one.why
    few = frequencies(list(itertools.combinations(range(1, 5), 2)))
    (one,) = findings["frequency_agreement"](frequency_data(few, js(few), seeds=2))
    assert one.verdict == "too few seeds" and "2 seeds" in one.why


def test_jaccard_distance_of_sets():
    sets = np.array([[1, 1, 0], [0, 1, 1], [1, 1, 0], [0, 0, 0]], dtype=bool)
    want = [[0, 2 / 3, 0, 1], [2 / 3, 0, 2 / 3, 1], [0, 2 / 3, 0, 1], [1, 1, 1, 0]]
    np.testing.assert_allclose(jaccard_distance(sets), want)


def energy(shares, seeds=4):
    """Every output of every seed has these shares, over its frequencies in an order of its own; half is constant. ``shares``
    may be a law."""
    rng = np.random.default_rng(0)
    rows = np.array([[shares(rng) if callable(shares) else shares for _ in range(20)] for _ in range(seeds)])
    p = np.concatenate([np.full((seeds, 20, 1), 0.5), rng.permuted(rows, axis=-1) / 2], -1)
    coords = {"run": range(seeds), "seed": ("run", range(seeds)), "d_hidden": ("run", [16] * seeds)}
    ranked = strongest_first(torch.from_numpy(p)).numpy()
    data = xr.Dataset({"ranked": (("run", "output", "rank"), ranked)}, coords=coords)
    return {"lens:frequency_distribution@final": data}


TEXTS = ("the main circuit is still visible", "others like it at smaller scale", "and a third")


def white(m, rng):
    return rng.dirichlet(np.ones(m))


def test_energy_is_ranked_in_every_output_without_the_constant():
    first, second, third = findings["energy_by_rank"](energy([0.5, 0.3, 0.12, *[0.01] * 8]))
    assert [round(2 * f.value, 2) for f in (first, second, third)] == [0.5, 0.3, 0.12]
    assert second.details["of_the_first"] == pytest.approx(0.6) and first.n == 4
    assert {f.verdict for f in (first, second, third)} == {""}


@pytest.mark.parametrize(
    ("law", "want"),
    [
        # noise, sorted
        (
            lambda rng: white(31, rng),
            ("too few seeds", "not as published", "not as published"),
        ),
        (
            lambda rng: np.append(0.6, 0.4 * white(30, rng)),
            ("as published", "too few seeds", "not as published"),
        ),
        (
            lambda rng: np.append([0.5, 0.3], 0.2 * white(29, rng)),
            ("as published", "as published", "too few seeds"),
        ),
    ],
    ids=["noise", "one circuit and noise", "two circuits and noise"],
)
def test_ranks_are_held_against_sorted_noise(law, want):
    found = findings["energy_by_rank"](energy(law, seeds=6), texts=TEXTS)
    assert tuple(f.verdict for f in found) == want, [f.why for f in found]
    same = energy(law, seeds=6)
    same["lens:frequency_distribution@initial"] = same["lens:frequency_distribution@final"]
    assert findings["energy_by_rank"](same, texts=TEXTS)[0].verdict == "too few seeds"  # as at the beginning


def test_sorted_noise_is_what_sorting_noise_gives():
    rng = np.random.default_rng(0)
    drawn = [np.mean([white(m, rng).max() for _ in range(4000)]) for m in (20, 19, 18)]
    np.testing.assert_allclose(sorted_noise(20, 3), drawn, rtol=0.02)
    assert sorted_noise(20, 3, 0.3)[0] == 0.3


def test_models_that_diverged_are_left_out_of_agreement_and_counted():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10, 3))
    D = np.linalg.norm(X[:, None] - X, axis=-1)
    lost = D.copy()
    lost[7:] = lost[:, 7:] = np.nan

    def of(matrix):
        dims, settings = ("run", "run_other"), np.arange(len(matrix))
        coords = {"run": settings, "d_hidden": ("run", settings)}
        data = xr.Dataset({"value": (dims, matrix)}, coords=coords, attrs={"kind": "distance"})
        data["value"].attrs["kind"] = "distance"
        return data

    names = ("measure:tn_similarity", "measure:activation_similarity", "measure:js_divergence")
    found = findings["agreement"]({name: of(lost) for name in names})
    assert all("3 of 10 models have no distances" in f.why for f in found)
    whole = findings["agreement"]({name: of(D[:7, :7]) for name in names})
    assert [f.details["spearman"] for f in found] == [f.details["spearman"] for f in whole]
    lost[1:] = lost[:, 1:] = np.nan
    assert (
        "0 of 10 models can be compared" in findings["agreement"]({name: of(lost) for name in names})[0].why
    )
