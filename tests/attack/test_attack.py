"""A short attack; `make soak` is the long one."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.attack


@pytest.mark.timeout(1800)
def test_a_short_attack_finds_nothing(tmp_path, environment):
    """In a process of its own, because every attempt is a fork of it."""
    sizes = ["--kills", "40", "--files", "1000", "--recipes", "60", "--out", str(tmp_path / "reliability.md")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.attack.soak", *sizes],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    page = (tmp_path / "reliability.md").read_text()
    assert "kills in 40 attempts" in page
    assert "## Damage" in page and "| run record |" in page
