"""Claims about pairs of models: blocks, perfect models, shared frequencies, energy. True in built worlds, untrue in others."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ontogeny.findings.frequency_agreement import jaccard_distance, key_sets
from ontogeny.registry import findings

WIDTHS = np.arange(1, 25)


def comparison(value, d, seed, kind="similarity"):
    names = [f"{a}-{b}" for a, b in zip(d, seed, strict=True)]
    coords = {"run": names, "run_other": names}
    for suffix, axis in (("", "run"), ("_other", "run_other")):
        coords |= {f"d_hidden{suffix}": (axis, d), f"seed{suffix}": (axis, seed)}
    return xr.Dataset({"value": (("run", "run_other"), value)}, coords=coords, attrs={"kind": kind})


def world(of_widths, seeds, noise=0.04):
    rng = np.random.default_rng(0)
    d, seed = np.tile(WIDTHS, seeds), np.repeat(np.arange(seeds), len(WIDTHS))
    error = rng.normal(0, noise, (len(d), len(d)))
    return comparison(of_widths(d[:, None], d) + (error + error.T) / 2, d, seed)


def gradient(x, y):
    return np.exp(-np.abs(x - y) / 5)


def blocks(x, y):
    return 0.25 * (np.digitize(x, [8, 16]) == np.digitize(y, [8, 16])) + 0.5 * gradient(x, y)


@pytest.mark.parametrize(
    ("of_widths", "seeds", "want"),
    [
        (blocks, 4, "as published"),
        (gradient, 4, "not as published"),
        (lambda x, y: 1 - np.abs(x - y) / 30, 4, "not as published"),
        (blocks, 1, "too few seeds"),
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


def test_a_divergence_is_read_with_its_sign_turned():
    data = world(blocks, 4)
    data["value"], data.attrs["kind"] = 1 - data["value"], "divergence"
    (one,) = findings["similarity_blocks"]({"measure:js": data}, measure="js")
    assert one.verdict == "as published" and one.value > 0.2


def models(perfect, among, rest, n=40, seed=0):
    """Unit vectors: the first ``perfect`` share a direction to the degree that their cosines are ``among``."""
    rng = np.random.default_rng(seed)
    value = np.full((n, n), rest)
    value[:perfect, :perfect] = among
    noise = rng.normal(0, 0.02, (n, n))
    d = np.arange(n, 0, -1)
    data = comparison(value + (noise + noise.T) / 2, d, np.zeros(n, dtype=int))
    runs = pd.DataFrame(
        {"run": data["run"].values[::-1], "all_accuracy": ([1.0] * perfect + [0.9] * (n - perfect))[::-1]}
    )
    return {"measure:activation_similarity": data, "runs": runs}


@pytest.mark.parametrize(
    ("perfect", "among", "rest", "options", "want"),
    [
        (12, 0.9, 0.3, {"high": 0.7}, "as published"),
        (12, 0.9, 0.3, {}, "too few seeds"),  # nobody said what is high
        (12, 0.9, 0.3, {"high": 0.95}, "not as published"),
        (12, 0.3, 0.3, {"high": 0.2}, "too few seeds"),  # high, but no higher than the imperfect
        (3, 0.9, 0.3, {}, "too few seeds"),
    ],
)
def test_similarity_among_perfect_models(perfect, among, rest, options, want):
    (one,) = findings["similarity_among_perfect"](models(perfect, among, rest), draws=499, **options)
    assert one.verdict == want, one.why
    assert one.n == perfect and one.n_unit == "models"
    if perfect > 3:
        assert one.value == pytest.approx(among, abs=0.02)
        assert one.details["imperfect"] == pytest.approx(rest, abs=0.02)
        assert len(one.values) == perfect


def test_untrained_models_as_alike_as_the_perfect_ones_unmake_the_claim():
    data = models(12, 0.6, 0.3)
    data["measure:activation_similarity@initial"] = models(0, 0, 0.8)["measure:activation_similarity"]
    (one,) = findings["similarity_among_perfect"](data, draws=499)
    assert one.verdict == "not as published" and one.details["untrained"] == pytest.approx(0.8, abs=0.02)


def test_an_effect_of_width_alone_is_seen_within_settings():
    """Wide models are alike whether or not they are perfect; labels within a width say nothing."""
    d, seed = np.repeat([4, 64], 20), np.tile(np.arange(20), 2)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.02, (40, 40))
    value = 0.2 + 0.6 * ((d[:, None] == 64) & (d == 64)) + (noise + noise.T) / 2
    data = comparison(value, d, seed)
    accuracy = np.where((d == 64) & (seed < 14), 1.0, 0.9)
    runs = pd.DataFrame({"run": data["run"].values, "all_accuracy": accuracy})
    (one,) = findings["similarity_among_perfect"](
        {"measure:activation_similarity": data, "runs": runs}, draws=499, high=0.5
    )
    assert one.verdict == "too few seeds"
    assert one.details["p_value"] < 0.01 < 0.05 < one.details["p_within_settings"]


def frequencies(sets, n_frequencies=17, sharp=0.9):
    """Distributions that put ``sharp`` of their mass on a set of frequencies: (run, side, output, frequency)."""
    p = np.full((len(sets), n_frequencies), (1 - sharp) / n_frequencies)
    for i, keys in enumerate(sets):
        p[i, list(keys)] += sharp / len(keys)
    return p


def frequency_data(p, value):
    n = len(p)
    pairs = comparison(value, np.arange(1, n + 1), np.zeros(n, dtype=int), "divergence")
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
    (one,) = findings["frequency_agreement"](frequency_data(p, js(p)), permutations=999)
    assert (
        one.verdict == "as published" and one.value > 0.9 and one.details["p_value"] == pytest.approx(0.001)
    )
    order = rng.permutation(30)
    (none,) = findings["frequency_agreement"](
        frequency_data(p, js(p)[np.ix_(order, order)]), permutations=999
    )
    assert none.verdict == "not as published" and abs(none.value) < 0.3 and none.details["p_value"] > 0.01


def test_equal_key_sets_and_few_models_cannot_tell():
    same = frequencies([(1, 2)] * 15)
    (one,) = findings["frequency_agreement"](frequency_data(same, np.random.default_rng(0).random((15, 15))))
    assert one.verdict == "too few seeds" and "equally" in one.why
    few = frequencies(list(itertools.combinations(range(1, 5), 2)))
    assert findings["frequency_agreement"](frequency_data(few, js(few)))[0].verdict == "too few seeds"


def test_jaccard_distance_of_sets():
    sets = np.array([[1, 1, 0], [0, 1, 1], [1, 1, 0], [0, 0, 0]], dtype=bool)
    want = [[0, 2 / 3, 0, 1], [2 / 3, 0, 2 / 3, 1], [0, 2 / 3, 0, 1], [1, 1, 1, 0]]
    np.testing.assert_allclose(jaccard_distance(sets), want)


def energy(shares, seeds=4, jitter=0.01):
    rng = np.random.default_rng(0)
    rows = np.array(shares) + rng.normal(0, jitter, (seeds, 5, len(shares)))
    p = np.concatenate([np.full((seeds, 5, 1), 0.5), np.stack([rng.permuted(r, axis=-1) for r in rows])], -1)
    coords = {
        "run": range(seeds),
        "seed": ("run", range(seeds)),
        "d_hidden": ("run", [16] * seeds),
        "frequency": range(len(shares) + 1),
    }
    return xr.Dataset({"p": (("run", "output", "frequency"), p)}, coords=coords)


def test_energy_is_ranked_in_every_output_without_the_constant():
    final = {"lens:frequency_distribution@final": energy([0.3, 0.1, 0.06, 0.04])}
    first, second, third = findings["energy_by_rank"](final)
    assert [round(f.value, 2) for f in (first, second, third)] == [0.3, 0.1, pytest.approx(0.06, abs=0.01)]
    assert second.details["of_the_first"] == pytest.approx(1 / 3, abs=0.03) and first.n == 4
    texts = ("the main circuit is still visible", "others like it at smaller scale")
    assert [f.verdict for f in findings["energy_by_rank"](final, texts=texts)[:2]] == ["too few seeds"] * 2
    both = final | {"lens:frequency_distribution@initial": energy([0.14, 0.13, 0.12, 0.11])}
    judged = findings["energy_by_rank"](both, texts=texts)
    assert [f.verdict for f in judged] == ["as published", "not as published", ""]
    judged = findings["energy_by_rank"](final, texts=texts, visible=0.05)
    assert [f.verdict for f in judged] == ["as published", "as published", ""]
