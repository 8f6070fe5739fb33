"""More time, on metrics whose change is known."""

from __future__ import annotations

import pandas as pd
import pytest

from ontogeny.errors import UserError
from ontogeny.registry import findings


def metrics(changes: dict[tuple[str, int], float]) -> pd.DataFrame:
    rows = []
    for (run, seed), change in changes.items():
        rows.append({"run": run, "seed": seed, "epoch": 600, "validation_accuracy": 0.9})
        rows.append({"run": run, "seed": seed, "epoch": 1200, "validation_accuracy": 0.9 + change})
    return pd.DataFrame(rows)


def test_a_loss_in_every_seed_is_said() -> None:
    table = metrics({("a", 0): -0.02, ("b", 0): -0.04, ("c", 1): -0.03, ("d", 2): -0.031, ("e", 3): -0.029})
    stopped = pd.DataFrame([{"run": "s", "seed": 0, "epoch": 600, "validation_accuracy": 1.0}])
    (found,) = findings["more_time"]({"metrics": pd.concat([table, stopped])})
    assert found.value == pytest.approx(-0.03) and found.n == 4
    assert "lowers validation_accuracy" in found.claim and "5 runs were still training" in found.why
    assert found.interval is not None and found.interval[1] < 0


def test_changes_that_cancel_are_not_called_a_change() -> None:
    (found,) = findings["more_time"]({"metrics": metrics({("a", 0): 0.1, ("b", 1): -0.1, ("c", 2): 0.0})})
    assert "is not shown to change" in found.claim
    assert found.details["share_gained"] == pytest.approx(1 / 3)


def test_no_run_at_both_times_is_refused() -> None:
    table = metrics({("a", 0): 0.1})
    with pytest.raises(UserError, match="No run was logged both"):
        findings["more_time"]({"metrics": table[table.epoch == 600]})
