"""Files appear whole or not at all, and a full disk is said to be one."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from ontogeny.errors import Damaged, DiskFull, TooLarge
from ontogeny.store import checkpoints, files
from ontogeny.store.runs import RunFiles


class Crash(BaseException):
    """The process ends here."""


def test_a_crash_between_writing_and_renaming_leaves_the_old_file(tmp_path):
    path = tmp_path / "a" / "file.json"
    files.write_json(path, {"version": 1})
    with pytest.raises(Crash), files.aside(path) as temporary:
        temporary.write_text("half of")
        raise Crash
    assert files.read_json(path) == {"version": 1}
    assert len(list(path.parent.iterdir())) == 2  # what was not finished is still there, as after a kill …
    files.sweep(tmp_path, "**/")
    # … and left alone while whoever writes it is alive …
    (half,) = path.parent.glob(f"*{files.ASIDE}")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    half.rename(half.with_name(half.name.replace(f"-{os.getpid()}", f"-{ended.pid}")))
    files.sweep(tmp_path, "**/")
    # … until the next writer sweeps it away
    assert list(path.parent.iterdir()) == [path]


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    files.write_text(path, "old")
    with pytest.raises(ZeroDivisionError), files.aside(path) as temporary:
        temporary.write_text("new")
        _ = 1 / 0
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_crash_in_the_rename_itself_is_no_different(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    files.write_text(path, "old")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "broken disk")))
    with pytest.raises(OSError, match="broken disk"):
        files.write_text(path, "new")
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        (errno.ENOSPC, DiskFull, "free some space"),
        (errno.EDQUOT, DiskFull, "free some space"),
        (errno.EFBIG, TooLarge, "ulimit -f.*disk is not full"),
    ],
)
def test_every_way_in_which_the_system_refuses_a_size(tmp_path, code, error, said):
    with pytest.raises(error, match=said), files.aside(tmp_path / "x"):
        raise OSError(code, os.strerror(code))


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("I/O error: No space left on device (os error 28)"),
        OSError("[Errno 28] Error writing bytes to file"),
    ],
)
def test_libraries_that_wrap_the_number_in_words(tmp_path, error):
    with pytest.raises(DiskFull), files.aside(tmp_path / "x"):
        raise error
    with pytest.raises(TooLarge), files.aside(tmp_path / "x"):
        raise RuntimeError("can't write: errno = 27, error message = 'File too large'")


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "denied"), ValueError("os error 281 lines")])
def test_other_errors_are_not_called_a_full_disk(tmp_path, error):
    with pytest.raises(type(error)) as caught, files.aside(tmp_path / "x"):
        raise error
    assert not isinstance(caught.value, DiskFull)


def test_every_kind_of_file_meets_a_real_limit(tmp_path):
    """Each writer of the store in a process whose files may have 4 KiB: each says so, none leaves a part, none crashes."""
    script = textwrap.dedent("""
        import resource, signal, sys
        from pathlib import Path
        import numpy as np, torch, xarray as xr
        from ontogeny.errors import TooLarge
        from ontogeny.store import checkpoints, results
        from ontogeny.store.files import write_text
        from ontogeny.store.headers import ResultFile
        from ontogeny.store.runs import RunFiles
        root = Path(sys.argv[1])
        rows = [{"step": i, "x": np.sin(i)} for i in range(3000)]
        closed = RunFiles(root / "closed")
        closed.append_metrics(rows)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        weights = {"a": torch.randn(5000)}
        data = xr.Dataset({"x": ("step", np.random.randn(10**5))})
        ways = {
            "text": lambda: write_text(root / "text", "x" * 10**4),
            "checkpoint": lambda: checkpoints.write(root / "checkpoint", {0: weights}),
            "resume": lambda: RunFiles(root / "r").write_resume(0, weights, "training", frozenset()),
            "result": lambda: results.write(root / "x.nc", data, ResultFile("a", {}, "", [])),
            "log": lambda: RunFiles(root / "log").append_metrics(rows),
            "table": closed.close_metrics,
        }
        for name, write in ways.items():
            try:
                write()
            except TooLarge:
                print(name)
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["text", "checkpoint", "resume", "result", "log", "table"]
    left = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {"log/metrics.jsonl", "closed/metrics.jsonl"}
    torn = RunFiles(tmp_path / "log")
    n = len(torn.metrics())
    assert 0 < n < 3000  # whole lines count
    torn.append_metrics([{"step": 5000, "x": 1.0}])
    assert torn.metrics()["step"].tolist() == [*range(n), 5000]


def test_digests_without_torch_are_those_with_torch(tmp_path):
    from ontogeny.store.headers import read_checkpoint_header, verify_checkpoint

    generator = torch.Generator().manual_seed(0)
    kinds = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool)
    steps = {
        s: {f"w.{k}": (torch.randn(3, 2, generator=generator) * 9).to(k) for k in kinds}
        | {"scalar": torch.tensor(float(s))}
        for s in (0, 1, 7)
    }
    path = checkpoints.write(tmp_path, steps)
    header = read_checkpoint_header(path)
    assert header.steps == [0, 1, 7]
    assert header.digests == [checkpoints.weights_digest(steps[s]) for s in (0, 1, 7)]
    verify_checkpoint(path)
    blob = bytearray(path.read_bytes())
    blob[-1] ^= 1
    path.write_bytes(blob)
    with pytest.raises(Damaged, match="altered"):
        verify_checkpoint(path)
