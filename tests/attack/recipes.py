"""Recipes that nobody should write: whatever stands in them, they are planned or refused with one sentence, within memory and time."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.attack.kills import STUDY, at_most, forked

SECONDS, BYTES = 20, 6 * 2**30
ODD = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(), st.booleans(), st.text(max_size=20), st.none(),
    st.sampled_from([0, -1, 1e9, 10**5, "full", "../../x", [], {}, [0], [[0]], {"range": [0, 10]}, {"range": [0, 5, 0]}, {"range": ["a", "b"]}, {"kind": "sgd"}]),
)  # fmt: skip
PATHS = st.sampled_from(
    [
        "name", "task.kind", "task.p", "task.train_fraction", "architecture.kind", "architecture.d_hidden", "optimiser.kind",
        "optimiser.lr", "optimiser.weight_decay", "train.epochs", "train.steps", "train.batch", "train.clip", "train.stop",
        "checkpoints.per_decade", "checkpoints.ranges", "checkpoints.at", "vary.seed", "vary.architecture.d_hidden", "zip", "seeds.init",
        "lenses", "measures", "report", "claims", "quantities.accuracy.where", "populations.all.having", "objective.kind", "crossed",
    ]
)  # fmt: skip


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The recipe of the kills with these values at these places."""
    import copy

    study = copy.deepcopy(STUDY)
    for path, value in changes.items():
        keys = path.split(".") if not path.startswith("vary.") else ["vary", path[5:]]
        place: Any = study
        for key in keys[:-1]:
            place = place.setdefault(key, {}) if isinstance(place, dict) else {}
        if isinstance(place, dict):
            place[keys[-1]] = value
    return study


def planned(study: dict[str, Any], out: Path) -> None:
    """What `ontogeny run --dry-run` does."""
    from ontogeny import expect
    from ontogeny.errors import UserError
    from ontogeny.plan import make_plan
    from ontogeny.store.directory import Directory
    from ontogeny.store.index import Index
    from ontogeny.study import load_study

    try:
        recipe = load_study(study)
        members = expect.members_of(recipe, Directory.create(out, recipe))
        expect.check(recipe, members)
        make_plan(expect.expectations(recipe, members), Index())
    except UserError as error:
        assert str(error)


def limited(study: dict[str, Any], out: Path) -> str:
    """In a child with limits of time and memory; what went wrong, or ""."""

    def job() -> None:
        signal.alarm(SECONDS)
        at_most(BYTES)
        planned(study, out)

    status = forked(job)
    return {0: "", 1: "a traceback", -signal.SIGALRM: f"more than {SECONDS} s"}.get(
        status, f"ended with {status}"
    )


def campaign(out: Path, recipes: int) -> tuple[Counter[str], list[str]]:
    """What became of so many recipes, and those with which something is wrong."""
    became: Counter[str] = Counter()
    wrong: list[str] = []

    @settings(max_examples=recipes, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck), phases=[Phase.generate])  # fmt: skip
    @given(st.dictionaries(PATHS, ODD, min_size=1, max_size=3))
    def one(changes: dict[str, Any]) -> None:
        said = limited(changed(changes), out)
        became[said or "planned or refused"] += 1
        if said:
            wrong.append(f"{changes}: {said}")

    one()
    return became, wrong
