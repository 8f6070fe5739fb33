"""How often is a verdict wrong, how often does it see what is there? By simulation: ``python -m benchmarks.calibration`` writes
the page.

Every number is a share of simulated studies; with 1,000 of them its standard error is .7 % at 5 %. Events are summed exactly.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks import worlds
from ontogeny.findings.energy_by_rank import sorted_noise
from ontogeny.findings.judging import judge, judge_event, judge_mean
from ontogeny.findings.similarity_blocks import decided
from ontogeny.numerics.blocks import Gradient, split_test
from ontogeny.numerics.mantel import mantel
from ontogeny.numerics.matched import matched_agreement
from ontogeny.numerics.resampling import (
    jackknife_interval,
    mean_interval,
    pair_mean,
    poisson_binomial,
    two_tails,
)
from ontogeny.numerics.success import fit_success

PAGE = Path(__file__).parents[1] / "docs" / "findings" / "calibration.md"
NO = "not as published"
SEEDS = (3, 4, 5, 8, 12, 16)
Table = list[list[str]]


def numbers(
    studies: int, seeds: Sequence[int] = SEEDS, away: float = 0.0, names: Iterable[str] = worlds.NUMBERS
) -> dict[str, list[float]]:
    """Share of studies in which one more seed, moved by ``away`` standard deviations, is "not as published": distribution → per
    n.

    Bounded numbers move to the side that has room.
    """
    found = {}
    for name in names:
        draw, sd, told = worlds.NUMBERS[name]
        side = -1 if told.get("bounds", (0, np.inf))[1] == 1 else 1
        found[name] = [
            float(
                np.mean([excluded(draw(_rng(n, t), n + 1), side * away * sd, told) for t in range(studies)])
            )
            for n in seeds
        ]
    return found


def excluded(values: np.ndarray, away: float, told: dict[str, object]) -> bool:
    new = float(values[-1] + (np.round(away) if told.get("discrete") else away))
    return judge(values[:-1], published=[new], **told).verdict == NO  # type: ignore[arg-type]


def events(n: int) -> tuple[float, float, float, float]:
    """Worst false "not as published" over all probabilities of the event; P("every seed") where 9 in 10 and 7 in 10 do it;
    P("not as published") where no seed does what was published. Exact.
    """
    p = np.linspace(0, 1, 1001)[:, None]
    law = stats.binom.pmf(np.arange(n + 1), n, p)  # (p, yes)
    no = {
        told: np.array([judge_event(k, n, published=told).verdict == NO for k in range(n + 1)])
        for told in (True, False)
    }
    wrong = (law @ no[True]) * p[:, 0] + (law @ no[False]) * (1 - p[:, 0])
    every = np.array([judge_event(k, n).property_of == "every seed" for k in range(n + 1)])
    said = [float(stats.binom.pmf(np.arange(n + 1), n, share) @ every) for share in (0.9, 0.7)]
    return float(wrong.max()), *said, float(no[True][0])


def averages(studies: int, n: int, name: str, away: float = 0.0) -> float:
    """Share of studies that say an average is at least a threshold that it lies ``away`` standard deviations above; at 0, that
    it is on either side.
    """
    draw, sd, _ = worlds.NUMBERS[name]
    mean = float(draw(np.random.default_rng(1), 10**6).mean())
    said = [judge_mean(draw(_rng(n, t), n), at_least=mean - away * sd).verdict for t in range(studies)]
    return float(np.mean([one == "holds" or (not away and one == "does not hold") for one in said]))


def counts(studies: int, seeds: int, tau: float) -> float:
    """Share of studies that find the number of widths at which one more seed succeeds improbable (below 5 %, both tails)."""
    said = []
    for t in range(studies):
        d, reached, seed = worlds.successes(seeds + 1, tau, _rng(seeds, t))
        ours = seed < seeds
        curve = fit_success(d[ours], reached[ours], seed[ours], draws=400)
        law = poisson_binomial(curve.draws_at(curve.d)).mean(0)
        said.append(two_tails(law, int(reached[~ours].sum())) < 0.05)
    return float(np.mean(said))


def onset(studies: int, seeds: int, tau: float) -> float:
    """Share of studies whose interval of d₅₀ holds the true one."""
    hits = []
    for t in range(studies):
        low, high = fit_success(*worlds.successes(seeds, tau, _rng(seeds, t)), draws=400).d50_interval
        hits.append(low <= 20 <= high)
    return float(np.mean(hits))


def among_models(studies: int, seeds: int) -> tuple[float, float]:
    """Coverage of the interval of a mean over pairs of models, 15 a seed, which share its luck: seeds left out, models taken
    for units."""
    hits = np.zeros((studies, 2))
    of = np.repeat(np.arange(seeds), 15)
    for t in range(studies):
        rng = _rng(seeds, t)
        luck = rng.normal(size=seeds)[of] + rng.normal(size=len(of))
        matrix = luck[:, None] + luck
        for way, whose in enumerate((of, np.arange(len(of)))):
            low, high = jackknife_interval(
                lambda kept, m=matrix, s=whose: pair_mean(m, np.flatnonzero(np.isin(s, kept))),
                len(np.unique(whose)),
            )
            hits[t, way] = low <= 0 <= high
    return float(hits[:, 0].mean()), float(hits[:, 1].mean())


def agreement(studies: int, path: str, seeds: int, shared: float) -> float:
    """Share of studies in which two measures are called in agreement beyond the settings."""
    said = [
        matched_agreement(*worlds.two_measures(path, seeds, _rng(seeds, t), shared), permutations=199).p
        <= 0.05
        for t in range(studies)
    ]
    return float(np.mean(said))


def renamed(studies: int, path: str) -> float:
    """The same of one seed under a partial Mantel test given |Δd|, which we do not use."""
    said = []
    for t in range(studies):
        (x,), (y,) = worlds.two_measures(path, 1, _rng(1, t))
        far = np.abs(np.subtract.outer(np.arange(len(x)), np.arange(len(x)))).astype(float)
        said.append(mantel(x, y, far, method="spearman", permutations=999).p <= 0.05)
    return float(np.mean(said))


def blocks(
    studies: int, over: float | None, gap: float = 0.1, clear: float = 0.05, seeds: int = 8
) -> tuple[float, float]:
    """Shares of studies that confirm and that deny sharp blocks, where there are none (``over`` None), sharp ones (0), or
    softened ones."""
    d = np.arange(1, 25.0)
    world = 0.5 * np.exp(-np.abs(np.subtract.outer(d, d)) / 5)
    if over is not None:
        world = world + gap * worlds.in_blocks(d, over=over)
    gradient, said = Gradient.of(len(d)), []
    for t in range(studies):
        each = worlds.similarities(world, seeds, _rng(seeds, t))
        said.append(decided(split_test(each, gradient, draws=199), each, gradient, clear)[0])
    return said.count("as published") / studies, said.count(NO) / studies


def ranks(studies: int, circuits: int, seeds: int = 6, many: int = 31) -> list[float]:
    """Share of studies in which the first, second, third frequency beats sorted noise, where ``circuits`` are real."""
    strong = np.array([0.5, 0.3, 0.1])[:circuits]
    chance, said = sorted_noise(many, 3), np.zeros(3)
    for t in range(studies):
        rng = _rng(circuits, t)
        noise = rng.dirichlet(np.ones(many - circuits), (seeds, 64)) * (1 - strong.sum())
        shares = np.sort(np.concatenate([np.broadcast_to(strong, (seeds, 64, circuits)), noise], -1), -1)[
            ..., ::-1
        ]
        parts = (shares / shares[..., ::-1].cumsum(-1)[..., ::-1])[..., :3].mean(1)
        above = [mean_interval(parts[:, r])[0] > chance[r] for r in range(3)]
        said += np.logical_and.accumulate(above)
    return list(said / studies)


def page(studies: int = 1000, heavy: int = 200, seeds: Sequence[int] = SEEDS) -> str:
    """The page, in Markdown. ``studies``: simulated a cell; ``heavy``: where a study takes a tenth of a second or more."""
    false = numbers(studies, seeds)
    worst = {name: max(row) for name, row in false.items()}
    least = min(seeds)
    shown = ("normal", "accuracies near 1 (beta 8, 1)", "two kinds of seed, 1 : 1")
    power = {k: numbers(studies, seeds, k, shown) for k in (1, 2, 3)}
    exact = {n: events(n) for n in (3, 5, 8, 10, 16, 30)}
    normal = "normal"
    skewed = "skewed (lognormal), no bound told"
    paths = list(worlds.PATHS)
    parts = [
        "# How far can a verdict be trusted?",
        "Written by `python -m benchmarks.calibration`; every number is a share of simulated studies "
        f"({studies:,} a cell, {heavy} where marked *). "
        "Intervals and tests are at the 95 % level, so 5 % of true rows should be rejected.",
        "**In short.** "
        "A published number that is one more seed like ours is called “not as published” in "
        f"{_pc(false[normal][0])}–{_pc(max(false[normal]))} of studies "
        f"where seeds are normal, and in {_pc(max(worst.values()))} in the worst case tried "
        f"({max(worst, key=lambda k: worst[k])}, "
        f"{seeds[int(np.argmax(false[max(worst, key=lambda k: worst[k])]))]} seeds). With {least} seeds "
        "a number 3 standard deviations away is seen in "
        f"{_pc(power[3][normal][0])} of studies, with {max(seeds)} in {_pc(power[3][normal][-1])}: “as "
        "published” from few seeds says little.",
        "## A number, against where a new seed would lie",
        "False “not as published”: the published value comes from the same distribution as our "
        f"seeds.\n\n{_table(['distribution', *_ns(seeds)], [[k, *map(_pc, v)] for k, v in false.items()])}",
        "Power: the published value is a seed of a distribution that is moved by 1, 2 or 3 of its standard deviations.\n\n"
        + _table(
            ["distribution", "moved by", *_ns(seeds)],
            [[name, f"{k} SD", *map(_pc, power[k][name])] for name in shown for k in (1, 2, 3)],
        ),
        "## A statement, true or false of each seed",
        "Exact. The worst case is over all probabilities with which a seed makes it true.\n\n"
        + _table(
            [
                "seeds",
                "false “not as published”, worst",
                "“every seed”, 9 in 10 true",
                "“every seed”, 7 in 10 true",
                "“not as published”, of no seed true",
            ],
            [[str(n), *map(_pc, row)] for n, row in exact.items()],
        )
        + "\n\n“Every seed” of 5 seeds excludes only shares below 55 %, which the row says.",
        "## An average over seeds, against a threshold",
        "At 0: the average equals the threshold, and a verdict either way is false. Else power: it lies "
        "1 or 2 standard deviations of a seed above.\n\n"
        + _table(
            ["distribution", "the average lies above by", *_ns(seeds)],
            [
                [name, f"{away} SD", *(_pc(averages(studies, n, name, away)) for n in seeds)]
                for name in (normal, skewed)
                for away in (0, 1, 2)
            ],
        ),
        "## The width at which half of the runs succeed*",
        "Coverage of its 95 % interval, 64 widths a seed. Seeds differ as a whole by so many logits; "
        "below 8 seeds a prior (about a logit and a half) stands in for what they cannot say.\n\n"
        + _table(
            ["seeds differ by", *_ns((1, 2, 3, 8))],
            [
                [f"{tau:g} logit{'s' * (tau != 1)}", *(_pc(onset(heavy, n, tau)) for n in (1, 2, 3, 8))]
                for tau in (0.0, 1.0, 2.0)
            ],
        ),
        "How often the number of widths at which one more seed succeeds is found improbable (5 % are nominal).\n\n"
        + _table(
            ["seeds differ by", *_ns((3, 8))],
            [
                [f"{tau:g} logit{'s' * (tau != 1)}", *(_pc(counts(heavy, n, tau)) for n in (3, 8))]
                for tau in (0.0, 1.0, 2.0)
            ],
        ),
        "## A mean over pairs of models",
        "Coverage of its 95 % interval where 15 models of a seed share its luck.\n\n"
        + _table(
            ["units", *_ns((3, 8))],
            list(
                map(
                    list,
                    zip(
                        ["seeds, left out in turn", "models (not used)"],
                        *([_pc(x) for x in among_models(heavy, n)] for n in (3, 8)),
                        strict=True,
                    ),
                )
            ),
        ),
        "## Agreement of two measures, beyond what the setting explains*",
        "False: the measures see unrelated models. Planted: a share of .3 or .6 of the second measure’s "
        "coordinates is the first’s. The last column is the test that renames models at fixed |Δd|, one "
        "seed, unrelated models.\n\n"
        + _table(
            [
                "models of a seed lie on",
                "false, 4 seeds",
                "false, 8 seeds",
                "planted .3, 8 seeds",
                "planted .6, 8 seeds",
                "renaming (not used), false",
            ],
            [
                [
                    path,
                    *(_pc(agreement(heavy, path, n, s)) for n, s in ((4, 0.0), (8, 0.0), (8, 0.3), (8, 0.6))),
                    _pc(renamed(max(heavy // 4, 1), path)),
                ]
                for path in paths
            ],
        ),
        "## Blocks by a setting*",
        "Eight seeds, 24 settings, the claim asks for a gap of .05. Softened edges are not to be denied: "
        "what is neither is “in part” or open.\n\n"
        + _table(
            ["truth", "confirmed", "denied"],
            [
                [name, *map(_pc, blocks(max(heavy // 4, 1), over))]
                for name, over in (
                    ("no blocks, a gradient", None),
                    ("sharp blocks, gap .1", 0.0),
                    ("gap .1, edges over 3 settings", 3.0),
                )
            ],
        ),
        "## Frequencies, strongest first*",
        "How often a rank beats sorted noise, 6 seeds, 31 frequencies.\n\n"
        + _table(
            ["truth", "first", "second", "third"],
            [
                [name, *map(_pc, ranks(heavy, k))]
                for k, name in enumerate(("noise", "one circuit and noise", "two circuits and noise"))
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _rng(*key: int) -> np.random.Generator:
    return np.random.default_rng(key)


def _ns(seeds: Iterable[int]) -> list[str]:
    return [f"{n} seed{'s' * (n != 1)}" for n in seeds]


def _pc(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000, help="simulated studies a cell")
    parser.add_argument("--heavy", type=int, default=200, help="of those that take long")
    parser.add_argument("--to", type=Path, default=PAGE, help="where the page is written")
    asked = parser.parse_args()
    asked.to.write_text(page(asked.studies, asked.heavy), encoding="utf-8")
    print(f"Wrote {asked.to}")


if __name__ == "__main__":
    main()
