"""A directory that is moved, or may only be read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ontogeny.errors import Moved
from ontogeny.store import files
from ontogeny.store.directory import Directory


def test_a_directory_moved_while_it_is_trained_in_is_noticed_at_the_next_commit(
    tiny_study, trained, carry_out, contents_of, tmp_path
):
    out, moved = tmp_path / "out", tmp_path / "moved"
    ticks = iter(range(10**6))

    def move(stage: str, what: str, done: float, total: float) -> None:
        if stage == "train" and next(ticks) == 6:
            out.rename(moved)

    study = tiny_study(measures=["activation_similarity"])
    with pytest.raises(Moved, match=r"moved or removed.*same command with that --out"):
        carry_out(study, out, progress=move)
    assert not out.exists()
    carry_out(study, moved)
    assert contents_of(moved) == contents_of(trained)


def test_a_directory_replaced_by_another_is_another(tmp_path):
    root = tmp_path / "out"
    with Directory(root).lock("a test"):
        files.write_text(root / "a", "x")
        root.rename(tmp_path / "moved")
        root.mkdir()
        with pytest.raises(Moved):
            files.write_text(root / "b", "x")
    files.write_text(root / "b", "x")  # nobody holds it any more


READ_ONLY = """
import errno, os, sys
place = sys.argv[1]
def refuse(event, arguments):
    writing = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if (writing or event in ("os.mkdir", "os.rename", "os.remove")) and str(arguments[0]).startswith(place):
        raise PermissionError(errno.EROFS, "Read-only file system", str(arguments[0]))
sys.addaudithook(refuse)
from ontogeny.cli import main
sys.argv = ["ontogeny", *sys.argv[2:]]
main()
"""


def test_a_place_that_may_only_be_read_can_be_looked_at_and_printed(a_copy, tmp_path, environment):
    """Whatever would write there is refused, as on a file system that is mounted to be read."""

    def said(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(a_copy), *map(str, words)],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    before = {p: p.stat().st_mtime_ns for p in a_copy.rglob("*")}
    assert len(json.loads(said("runs", a_copy, "--json").stdout)) == 3
    assert json.loads(said("check", a_copy, "--json").stdout)["damaged"] == 0
    assert said("compare", a_copy, "--measure", "activation_similarity").returncode == 0
    done = said("report", a_copy, "--out", tmp_path / "report.html")
    assert done.returncode == 0 and (tmp_path / "report.html").is_file(), done.stderr
    refused = said("report", a_copy)
    assert refused.returncode == 2 and "cannot be written to: Read-only file system" in refused.stderr
    assert {p: p.stat().st_mtime_ns for p in a_copy.rglob("*")} == before


def test_nothing_of_a_study_is_outside_its_directory(trained):
    assert {p.name for p in Path(trained).iterdir()} <= {
        "study.toml", "runs", "comparisons", "findings.json", "report", "index.jsonl", ".lock", "events", "leases",
    }  # fmt: skip
