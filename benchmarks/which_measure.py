"""Writes docs/measures.md: what each measure ignores and is blind to, by examples that are computed, and how it does where the truth is known.

python -m benchmarks.which_measure
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.known_grounds import GROUNDS, SEEDS, WIDTHS, Ground, P, mean_rank, scores
from ontogeny.measures.base import Measure
from ontogeny.numerics.resampling import permutation_p
from ontogeny.registry import measures
from ontogeny.representations.nulls import Units

PAGE = Path(__file__).parents[1] / "docs" / "measures.md"
SIGNS = {"similarity": "↑", "distance": "↓", "divergence": "↓"}


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def value(name: str, x: Tensor, y: Tensor) -> str:
    return f"{measures[name](x, y).item():.3f}"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines])


# -- what each ignores ------------------------------------------------------------------------------------------------


def catalogue() -> str:
    rows = []
    for name, one in measures.items():
        ignores = ", ".join(w.replace("_", " ") for w in one.invariances)
        if one.invariances != one.invariances_other:
            ignores += "; of the second: " + ", ".join(w.replace("_", " ") for w in one.invariances_other)
        low, high = (f"{x:.3g}".replace("inf", "∞") for x in one.range)
        rows.append(
            [
                f"`{name}`",
                one.question.split("? ")[0].rstrip("?") + "?",
                one.input,
                SIGNS[one.kind],
                f"{low} … {high}",
                "yes" if one.symmetric else "no",
                ignores,
            ]
        )
    return table(["measure", "question", "compares", "", "range", "symmetric", "ignores"], rows)


# -- counter-examples ---------------------------------------------------------------------------------------------------

N, D = 400, 20
SHOWN = (
    "cka_linear",
    "cka_linear_debiased",
    "cca_mean",
    "svcca",
    "procrustes_normalized",
    "hard_correlation_match",
)
NEAR = (
    "rsa_cosine",
    "rsa_euclidean",
    "distance_correlation",
    "mutual_knn",
    "second_order_cosine",
    "linear_regression",
)


def worlds() -> list[tuple[str, str, Tensor, Tensor]]:
    """Name, what it shows, X, Y."""
    x, y = draw(N, D, seed=0), draw(N, D, seed=1)
    shared = draw(N, 1, seed=2)
    turn = torch.linalg.qr(draw(D, D, seed=3))[0]
    mixing = draw(D, D, seed=4)
    strong = torch.logspace(0, -3, D, dtype=torch.float64)
    clusters = draw(8, D, seed=5) * 6
    moved = draw(8, D, seed=6) * 6
    of = torch.arange(N) % 8
    within = draw(N, D, seed=7)
    direction = torch.ones(D, dtype=torch.float64)
    return [
        (
            "the same, turned",
            "matching units sees nothing of it: features that are spread over units",
            x,
            x @ turn,
        ),
        (
            "the same, mixed by an invertible map",
            "only CCA and what predicts linearly ignores it",
            x,
            x @ mixing,
        ),
        ("unrelated", "what each says of nothing: read every value from here", x, y),
        (
            "unrelated, n = 20 samples",
            "CCA and regression are 1: with n ≤ d + 1 everything fits",
            x[:20],
            y[:20],
        ),
        (
            "unrelated but for one large direction",
            "CKA and Euclidean RSA see that direction alone; CCA counts it as one of twenty",
            x + 30 * shared @ draw(1, D, seed=8),
            y + 30 * shared @ draw(1, D, seed=9),
        ),
        (
            "the same in its large directions, noise in those of small variance",
            "CCA counts all directions alike, so it sees mostly the noise; CKA and SVCCA do not",
            torch.cat([x[:, :5], 1e-2 * y[:, 5:]], 1),
            torch.cat([x[:, :5], 1e-2 * draw(N, D - 5, seed=10)], 1),
        ),
        (
            "the same, far from the origin",
            "cosines between samples are all near 1: cosine RSA and neighbours see rounding and length instead",
            x * strong,
            x * strong + 100 * direction,
        ),
        (
            "the same clusters, other places",
            "neighbours agree, and with them all that looks nearby; distances between clusters do not",
            clusters[of] + within,
            moved[of] + within,
        ),
        ("every unit bent: x³", "monotone in every unit and not linear", x, x**3),
        (
            "unrelated, six copies of every sample",
            "copies find one another: neighbours agree",
            x[torch.arange(N) // 6],
            y[torch.arange(N) // 6],
        ),
    ]


def counter_examples() -> str:
    parts = []
    for block in (SHOWN, NEAR):
        rows = [[name, *(value(m, x, y) for m in block)] for name, _, x, y in worlds()]
        parts.append(table(["X and Y", *(f"`{m}` {SIGNS[measures[m].kind]}" for m in block)], rows))
    why = "\n".join(f"- **{name}**: {words}." for name, words, *_ in worlds())
    return "\n\n".join([*parts, why])


def atoms() -> str:
    a = draw(64, 32, seed=0)
    hub = torch.nn.functional.normalize(a[:1] + 0.2 * a[1:2], dim=-1)
    crowded = torch.cat([hub + 0.1 * draw(63, 32, seed=1) / math.sqrt(32), a[1:2]])
    pairs = [
        (
            "the same atoms, other order and sign of a third",
            a,
            a.roll(5, 0) * torch.where(torch.arange(64) % 3 == 0, -1.0, 1.0)[:, None],
        ),
        ("random atoms", a, draw(64, 32, seed=2)),
        ("random atoms, twice as many", a, draw(128, 32, seed=2)),
        ("63 copies of nearly one atom against these atoms", crowded, a),
        ("the same spectrum, turned", a, a @ torch.linalg.qr(draw(32, 32, seed=3))[0]),
    ]
    names = ("mmcs", "mcc", "singular_value_distance")
    rows = [
        [name, value("mmcs", x, y), value("mmcs", y, x), *(value(m, x, y) for m in names[1:])]
        for name, x, y in pairs
    ]
    return table(
        [
            "A and B (64 atoms in 32 dimensions)",
            "`mmcs` A→B ↑",
            "`mmcs` B→A ↑",
            "`mcc` ↑",
            "`singular_value_distance` ↓",
        ],
        rows,
    )


# -- false alarms and power ---------------------------------------------------------------------------------------------

WORLDS, DRAWS, SAMPLES = 40, 19, 40


def rejected(one: Measure, shared: float) -> float:
    """Share of worlds in which p ≤ .05, of 40 samples in 6 and 5 dimensions of which a share of the variance is common."""
    options = {"k": 5} if "k" in one.defaults else {}
    sign = 1 if one.kind == "similarity" else -1
    low = 0
    for world in range(WORLDS):
        common = draw(SAMPLES, 5, seed=10_000 + world)
        x = math.sqrt(1 - shared) * draw(SAMPLES, 6, seed=20_000 + world)
        y = math.sqrt(1 - shared) * draw(SAMPLES, 5, seed=30_000 + world)
        x[:, :5] += math.sqrt(shared) * common
        y += math.sqrt(shared) * common
        null = one.shuffled(one.prepare(x, **options), y, Units.of(SAMPLES).orders(DRAWS, world), **options)
        seen = one(x, y, **options).item()
        low += permutation_p(sign * seen, sign * null.double().numpy()) <= 0.05
    return low / WORLDS


def power() -> str:
    rows = []
    for name, one in measures.items():
        if one.input == "samples":
            rows.append([f"`{name}`", *(f"{rejected(one, shared):.0%}" for shared in (0.0, 0.3, 0.6))])
    return table(["measure", "nothing in common", "30 % of the variance", "60 %"], rows)


# -- known grounds --------------------------------------------------------------------------------------------------------


def _read(ground: Ground, shares: list[float]) -> str:
    """What is known, and how many measures say so more often than chance."""
    above = sum(share > ground.chance for share in shares)
    return f"{ground.words}. {above} of {len(shares)} measures are above chance; the best says it in {max(shares):.0%} of the cases."


def grounds() -> str:
    found = scores()
    ranks = mean_rank(found)
    rows = [
        [f"`{name}`", *(f"{x:.2f}" for x in found[name]), f"{ranks[name]:.1f}"]
        for name in sorted(found, key=ranks.__getitem__)
    ]
    rows.append(["*chance*", *(f"{g.chance:.2f}" for g in GROUNDS), f"{(len(found) + 1) / 2:.1f}"])
    words = "\n".join(
        f"- **{g.name}**: {_read(g, [of[i] for of in found.values()])}" for i, g in enumerate(GROUNDS)
    )
    return f"{words}\n\n{table(['measure', *(g.name for g in GROUNDS), 'mean rank'], rows)}"


def page() -> str:
    np.random.seed(0)
    return f"""# Which measure when

`ontogeny compare A.npy B.npy --measure NAME --plot page.html`, `on.compare(X, Y, measures=[…])`; this page is written by
`python -m benchmarks.which_measure`, every number on it is computed. ↑ higher is more alike, ↓ lower is more alike.

Ask first what may differ without mattering. If **units** mean something (neurons, features of a sparse autoencoder), match them:
`hard_correlation_match`, `soft_match`, `permutation_procrustes`, and between dictionaries `mmcs` both ways and `mcc`. If only the **geometry of samples** does:
`cka_linear_debiased`, `procrustes_normalized`, `rsa_*`. If only the **subspace** does, whatever its coordinates: `svcca`, `pwcca`, `linear_regression`. If only **who is near whom** does:
`mutual_knn`, `knn_jaccard`. If only the **answer** does: `disagreement`, `output_js_divergence`. Then read the value beside its null and its ceiling; alone it
says nothing. Two measures that disagree have told you something: look for the example below that has their pattern.

## All measures

{catalogue()}

What a measure ignores is tested by applying it; whatever it does not name changes its value, and that is tested too.

## What each is blind to

{N} samples of {D} Gaussian units unless it says otherwise.

{counter_examples()}

Between dictionaries:

{atoms()}

- The mean cosine of the best match (`mmcs`) is far above 0 for random atoms, and larger for a larger dictionary: its null is a random one of the
  same number, and a shuffle of atoms changes nothing.
- One atom that all others resemble makes `mmcs` large from the crowd's side; the way back, and `mcc`, see it. An alignment counts distinct partners.
- The spectrum says nothing of directions.

## Does the test find what is there?

Share of {WORLDS} worlds with p ≤ .05 from {DRAWS} shuffles of {SAMPLES} samples (6 and 5 units). The first column should be 5 %; of 40 worlds it is off by 7 % at most in 95 of 100 cases.

{power()}

## Where the truth is known

In the way of ReSi (Klabunde et al. 2025), on populations of our own: perceptrons of three layers on a + b modulo {P}, {SEEDS} seeds at each of the
widths {", ".join(map(str, WIDTHS))}, with the true labels and with a shuffled table. Each column is the share of cases in which the measure says what is known.

{grounds()}

A column in which all are at 1 is easy, and does not tell measures apart. Nor does one in which hardly any is above chance. Either what "is known" does not hold of such networks (trained
for a short time, they may not have learned what sets the two kinds apart), or no measure sees it here; this page does not decide which.

How far to trust it: {SEEDS} seeds of one small task. A measure that is best here may not be elsewhere; one that is at chance in a column cannot be used for that
question on such networks.
"""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE}")


if __name__ == "__main__":
    main()
