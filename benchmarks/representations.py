"""All pairs of many representations under five measures, against a loop over a function of two arrays; and a permutation test.

    python -m benchmarks.representations [--models 64] [--samples 4096] [--units 128] [--pairs 3]

The plain loop would take hours, so some of its pairs are timed and multiplied by their number, M(M − 1)/2: it is allowed to know that the
measures are symmetric. Ours is timed whole, preparation included. The values of the timed pairs must agree to 1e-5.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats
from scipy.spatial import procrustes
from sklearn.neighbors import NearestNeighbors

from benchmarks.pairing import Row, show
from ontogeny.measures.base import Measure
from ontogeny.provenance import cores
from ontogeny.registry import measures

Function = Callable[[np.ndarray, np.ndarray], float]


def cka_of_features(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(0), y - y.mean(0)
    return float(np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)))


def cka_of_gram_matrices(x: np.ndarray, y: np.ndarray) -> float:
    """As in the notebook that came with the paper: inner products of samples, centred; in float64, for in float32 it is off by 5e-5."""

    def gram(z: np.ndarray) -> np.ndarray:
        z = z.astype(np.float64)
        k = z @ z.T
        means = k.mean(0)
        return k - (means - means.mean() / 2)[None] - (means - means.mean() / 2)[:, None]

    k, m = gram(x), gram(y)
    return float(k.ravel() @ m.ravel() / (np.linalg.norm(k) * np.linalg.norm(m)))


def svcca(x: np.ndarray, y: np.ndarray) -> float:
    kept = []
    for z in (x, y):
        u, s, _ = np.linalg.svd(z - z.mean(0), full_matrices=False)
        energy = np.cumsum(s**2)
        kept.append(u[:, : int(np.argmax(energy >= 0.99 * energy[-1])) + 1])
    return float(np.linalg.svd(kept[0].T @ kept[1], compute_uv=False).mean())


def rsa(x: np.ndarray, y: np.ndarray) -> float:
    upper = np.triu_indices(len(x), 1)
    ranks = [stats.rankdata((1 - np.corrcoef(z.astype(np.float64)))[upper]) for z in (x, y)]
    return float(np.corrcoef(*ranks)[0, 1])


def procrustes_normalized(x: np.ndarray, y: np.ndarray) -> float:
    nuclear = np.sqrt(1 - procrustes(x, y)[2])
    return float(np.sqrt(2 - 2 * nuclear))


def knn_jaccard(x: np.ndarray, y: np.ndarray) -> float:
    near = [
        NearestNeighbors(n_neighbors=10, metric="cosine", algorithm="brute")
        .fit(z)
        .kneighbors(return_distance=False)
        for z in (x, y)
    ]
    common = np.array([len(np.intersect1d(a, b)) for a, b in zip(*near, strict=True)])
    return float((common / (20 - common)).mean())


PLAIN: list[tuple[str, Function, str]] = [
    (
        "cka_linear",
        cka_of_features,
        "plain: NumPy, d × d products; three a pair, of which one is the floor, so about 3 is all that can be had",
    ),
    ("cka_linear", cka_of_gram_matrices, "plain: NumPy, n × n matrices of inner products"),
    ("svcca", svcca, "plain: NumPy, two SVDs a pair"),
    ("rsa_correlation", rsa, "plain: NumPy and SciPy's ranks, two matrices a pair"),
    (
        "procrustes_normalized",
        procrustes_normalized,
        "plain: scipy.spatial.procrustes; a product of the two and its singular values are needed of every pair and are the floor, a seventh of its work",
    ),
    ("knn_jaccard", knn_jaccard, "plain: scikit-learn's neighbours, sets in NumPy"),
]


def population(models: int, samples: int, units: int) -> list[np.ndarray]:
    """Noisy turned copies of one representation, so that there is something to find."""
    random = np.random.default_rng(0)
    common = random.standard_normal((samples, units)).astype(np.float32)
    return [
        common @ random.standard_normal((units, units)).astype(np.float32) / np.float32(units**0.5)
        + random.standard_normal((samples, units)).astype(np.float32)
        for _ in range(models)
    ]


def all_pairs(measure: Measure, arrays: list[np.ndarray]) -> torch.Tensor:
    factors = [measure.prepare(torch.from_numpy(x)) for x in arrays]
    return measure.pairs(factors, factors)["value"]


def measure(
    models: int = 64, samples: int = 4096, units: int = 128, pairs: int = 3, repetitions: int = 2
) -> list[Row]:
    arrays = population(models, samples, units)
    few = population(2, 256, 16)
    rows: list[Row] = []
    times: dict[str, tuple[torch.Tensor, list[float]]] = {}
    chosen = np.random.default_rng(1)
    for name, plain, note in PLAIN:
        one = measures[name]
        all_pairs(one, few), plain(*few)  # compilation and first use
        if name not in times:
            times[name] = _timed(lambda one=one: all_pairs(one, arrays), repetitions)
        table, ours = times[name]
        each = []
        for _ in range(pairs):
            i, j = chosen.choice(models, 2, replace=False)
            start = time.perf_counter()
            value = plain(arrays[i], arrays[j])
            each.append(time.perf_counter() - start)
            assert abs(value - table[i, j].item()) < 1e-5, (name, value, table[i, j].item())
        count = models * (models - 1) / 2
        ratios = [seconds * count / took for seconds in each for took in ours]
        rows.append(
            {
                "what": f"{name}, all pairs of {models} representations of {samples} × {units}",
                "ratio": statistics.median(ratios),
                "min": min(ratios),
                "max": max(ratios),
                "ours_s": statistics.median(ours),
                "plain_s": statistics.median(each) * count,
                "repetitions": pairs,
                "note": f"{cores()} cores, both sides; {note}, {pairs} pairs timed.",
            }
        )
    return [*rows, permutations()]


def _timed(function: Callable[[], torch.Tensor], repetitions: int) -> tuple[torch.Tensor, list[float]]:
    took = []
    for _ in range(repetitions):
        start = time.perf_counter()
        value = function()
        took.append(time.perf_counter() - start)
    return value, took


def permutations(samples: int = 2000, draws: int = 999, plainly: int = 5) -> Row:
    """RSA with the samples of one side renamed, 999 times."""
    x, y = (torch.from_numpy(z) for z in population(2, samples, 64))
    one = measures["rsa_correlation"]
    orders = torch.stack(
        [torch.randperm(samples, generator=torch.Generator().manual_seed(i)) for i in range(draws)]
    )
    one.shuffled(one.prepare(x[:50]), y[:50], torch.arange(50)[None])  # compilation
    start = time.perf_counter()
    drawn = one.shuffled(one.prepare(x), y, orders)
    ours = time.perf_counter() - start
    upper = np.triu_indices(samples, 1)
    ranks = []
    for z in (x, y):
        square = np.zeros((samples, samples))
        square[upper] = stats.rankdata((1 - np.corrcoef(z.numpy().astype(np.float64)))[upper])
        ranks.append(square + square.T)
    each = []
    for order, value in zip(orders.numpy()[:plainly], drawn, strict=False):
        start = time.perf_counter()
        r = np.corrcoef(ranks[0][upper], ranks[1][order][:, order][upper])[0, 1]
        each.append(time.perf_counter() - start)
        assert abs(r - value.item()) < 1e-5
    ratios = [seconds * draws / ours for seconds in each]
    return {
        "what": f"{draws} permutations of RSA between two representations of {samples} samples",
        "ratio": statistics.median(ratios),
        "min": min(ratios),
        "max": max(ratios),
        "ours_s": ours,
        "plain_s": statistics.median(each) * draws,
        "repetitions": plainly,
        "note": f"{cores()} cores. Ours: {ours:.1f} s here, dissimilarities and ranks included. Plain: NumPy, {plainly} permutations timed.",
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in {"models": 64, "samples": 4096, "units": 128, "pairs": 3, "repetitions": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    show(measure(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
