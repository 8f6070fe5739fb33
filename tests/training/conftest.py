"""Training without a disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ontogeny import build
from ontogeny.study import load_study
from ontogeny.training import population


class Memory:
    """A sink that remembers. Runs are named by what varied."""

    def __init__(self, commits: bool = False) -> None:
        self.commits = commits
        self.rows: dict[str, list[dict[str, float]]] = {}
        self.weights: dict[str, dict[int, Any]] = {}
        self.states: dict[str, Any] = {}

    def log(self, member, row):
        self.rows.setdefault(member.name, []).append(dict(row))

    def snapshot(self, member, step, weights):
        self.weights.setdefault(member.name, {})[step] = {n: w.clone() for n, w in weights.items()}

    def due(self):
        return self.commits

    def commit(self, member, state):
        self.states[member.name] = state

    def progress(self, member, step, total):
        pass

    def told(self, name: str) -> dict[str, Any]:
        """All that is known of one run, in comparable form."""
        state = self.states[name]
        return {
            "rows": repr(self.rows[name]),  # NaN equals NaN as text
            "outcome": (state.outcome, state.step),
            "state": {k: v.numpy().tobytes() for k, v in state.tensors().items()},
            "weights": {
                (s, n): w.numpy().tobytes() for s, by in self.weights[name].items() for n, w in by.items()
            },
        }


@pytest.fixture(scope="session")
def train() -> Callable[..., Memory]:
    """``train(mapping, only=["d_hidden=3, seed=0"])``: trains these variants of a study and returns what the sink was told."""

    def run(study: dict[str, Any], only: list[str] | None = None, **settings: Any) -> Memory:
        recipe = load_study(study)
        members = [m for m in build.members(recipe) if only is None or m.name in only]
        assert only is None or len(members) == len(only), [m.name for m in build.members(recipe)]
        sink = Memory(settings.pop("commits", False))
        population.train(members, recipe, sink, **settings)
        return sink

    return run
