"""What is published is enough: a wheel built from this checkout, alone in an empty environment, runs a study."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent


@pytest.mark.slow
@pytest.mark.optional
@pytest.mark.timeout(1800)
def test_a_wheel_alone_in_an_empty_environment_runs_a_study(tmp_path):
    """Downloads what `pip install ontogeny` does; of PyTorch the version that was tested."""

    def do(*words: object, **settings: object) -> str:
        clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
        done = subprocess.run(
            [*map(str, words)], cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    do(sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", tmp_path, HERE)
    (wheel,) = tmp_path.glob("ontogeny-*.whl")
    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty" / "bin" / "python"
    do(python, "-m", "pip", "install", "--quiet", "-c", HERE / "constraints.txt", wheel)
    ontogeny = python.with_name("ontogeny")
    assert "bottleneck-quick" in do(ontogeny, "studies")
    do(ontogeny, "run", "bottleneck-quick", "--out", "out")
    assert (tmp_path / "out" / "report" / "index.html").is_file()
    assert "nothing to do" in do(ontogeny, "run", "bottleneck-quick", "--out", "out")
