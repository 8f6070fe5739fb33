"""Progress where there is no terminal: lines, few of them, and none of what is quick."""

from __future__ import annotations

import io
from typing import Any

from ontogeny.progress import Lines, duration


def test_lines_come_now_and_then_and_say_how_long_it_will_take() -> None:
    now, to = [0.0], io.StringIO()
    lines = Lines(to, lambda: now[0])
    for step in range(1001):
        now[0] = step * 0.6  # ten minutes in all
        lines("train", "5 runs", step, 1000)
    said = to.getvalue().splitlines()
    assert 10 < len(said) < 40
    assert said[0].startswith("train     1%  5 runs  5 s, about 10 min left")
    assert all(line.startswith("train") for line in said)


def test_what_is_quick_says_nothing() -> None:
    to = io.StringIO()
    lines = Lines(to, lambda: 1.0)
    for stage in ("train", "look"):
        lines(stage, "x", 0, 1)
        lines(stage, "x", 1, 1)
    assert not to.getvalue()


def test_the_time_that_is_left_is_not_told_from_a_slow_beginning() -> None:
    now, to = [0.0], io.StringIO()
    lines = Lines(to, lambda: now[0])
    lines("train", "5 runs", 0, 1000)
    now[0] = 7.0
    lines("train", "5 runs", 1, 1000)
    now[0] = 30.0
    lines("train", "5 runs", 500, 1000)
    first, second = to.getvalue().splitlines()
    assert "left" not in first and second.endswith("30 s, about 30 s left")


def test_durations() -> None:
    assert [duration(s) for s in (0.4, 89, 200, 7800)] == ["0 s", "89 s", "3 min", "2 h 10 min"]


def test_no_bar_and_no_control_sign_where_nobody_watches(command: Any, tmp_path: Any) -> None:
    said = command("run", "bottleneck-quick", "--out", tmp_path / "out", "--only", "train")
    assert said.returncode == 0 and "\x1b" not in said.stderr and "━" not in said.stderr


def test_when_a_stage_has_ended_all_of_it_is_done(tiny_study: Any, carry_out: Any, tmp_path: Any) -> None:
    """Lenses that look at one run together count one by one, as they are asked for: the time that is left is told from it."""
    last: dict[str, tuple[float, float]] = {}

    def at(stage: str, what: str, done: float, total: float) -> None:
        last[stage] = (done, total)

    study = tiny_study(lenses=["performance", "effective_rank", "weight_spectra"])
    carry_out(study, tmp_path, stages=["train"], progress=at)
    carry_out(study, tmp_path, stages=["look"], progress=at)
    assert last["look"][1] == 9
    assert all(done == total for done, total in last.values()), last
