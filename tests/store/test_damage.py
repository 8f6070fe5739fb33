"""Files that are truncated, altered or gone are named and not used, and the same command mends what can be mended."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from ontogeny.errors import Damaged, DiskFull, Locked, NewerSchema, NotAStudy, UserError
from ontogeny.handles import open_store
from ontogeny.store import checkpoints, results, seal
from ontogeny.store.directory import Directory
from ontogeny.store.files import write_text
from ontogeny.store.index import Indexer, verify_index
from ontogeny.study import load_study
from ontogeny.work import train as work_train


@pytest.fixture
def study(tiny_study):
    return tiny_study(measures=["activation_similarity"])


def first(root: Path, pattern: str) -> Path:
    """A file of the run in the middle."""
    return sorted(root.glob(pattern))[len(sorted(root.glob(pattern))) // 2]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def flip(path: Path) -> None:
    """One byte near the end, where the values are."""
    data = bytearray(path.read_bytes())
    data[-100] ^= 0xFF
    path.write_bytes(data)


def flip_chunk(path: Path) -> None:
    """One byte in the middle of the compressed values of a result."""
    import h5py

    with h5py.File(path) as handle:
        variable = next(v for v in handle.values() if v.ndim == 2)
        place = variable.id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)


def flip_page(path: Path) -> None:
    """One byte of the first page of a Parquet table."""
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(data)


def another_run(path: Path) -> None:
    record = json.loads(path.read_text())
    record["spec"]["architecture"]["d_hidden"] += 1
    path.write_text(json.dumps(record))


RUN_FILES = [
    ("runs/*/checkpoints/*.safetensors", cut),
    ("runs/*/checkpoints/*.safetensors", flip),
    ("runs/*/checkpoints/*.safetensors", Path.unlink),
    ("runs/*/metrics.parquet", cut),
    ("runs/*/metrics.parquet", flip_page),
    ("runs/*/run.json", cut),
    ("runs/*/run.json", another_run),
    ("runs/*/results/performance.nc", cut),
    ("runs/*/results/performance.nc", flip_chunk),
    ("runs/*/results/performance.nc", Path.unlink),
    ("comparisons/*.nc", cut),
    ("comparisons/*.nc", flip_chunk),
]


@pytest.mark.parametrize(
    ("pattern", "damage"), RUN_FILES, ids=lambda x: x if isinstance(x, str) else x.__name__
)
def test_the_same_command_mends(study, a_copy, trained, carry_out, contents_of, pattern, damage):
    carry_out(study, a_copy)  # the index knows the files of the copy
    path = first(a_copy, pattern)
    damage(path)
    if damage is not Path.unlink:
        index = Directory.open(a_copy).index()
        told = {k: v for run in index.runs.values() for k, v in run.damaged.items()} | index.damaged
        assert str(path) in " ".join(told.values())
        assert list(told) == [str(path.relative_to(a_copy))]
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        plan = carry_out(study, a_copy)
    assert plan
    if damage is not Path.unlink:
        assert str(path) in " ".join([*plan.warnings, *(str(w.message) for w in heard)])
    assert contents_of(a_copy) == contents_of(trained)
    assert not carry_out(study, a_copy)


def test_altered_weights_are_refused_even_where_no_index_knew_better(
    study, a_copy, trained, carry_out, contents_of
):
    path = first(a_copy, "runs/*/checkpoints/*.safetensors")
    (a_copy / "index.jsonl").unlink()
    flip(path)
    run = open_store(a_copy).run(path.parent.parent.name)
    with pytest.raises(Damaged, match=r"altered.*not used"):
        run.weights(-1)
    for stale in path.parent.parent.glob("results/*.nc"):
        stale.unlink()
    with pytest.raises(Damaged, match="same command again"):
        carry_out(study, a_copy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        carry_out(study, a_copy)
    assert contents_of(a_copy) == contents_of(trained)


def test_a_truncated_result_is_computed_when_asked_for(a_copy, trained):
    path = first(a_copy, "runs/*/results/performance.nc")
    cut(path)
    id = path.parent.parent.name
    with pytest.raises(Damaged, match=str(path)):
        results.read(path)
    said, truth = (open_store(root).run(id).lens("performance") for root in (a_copy, trained))
    assert said["loss"].values.tobytes() == truth["loss"].values.tobytes()


@pytest.mark.parametrize("damage", [cut, flip])
def test_a_damaged_resume_point_is_said_and_the_run_trains_again(
    study, tiny_study, trained, carry_out, contents_of, interrupt_at, interrupted, tmp_path, damage
):
    with pytest.raises(interrupted):
        carry_out(study, tmp_path / "torn", progress=interrupt_at(8))
    path = max((tmp_path / "torn").glob("runs/*/resume/*.safetensors"), key=lambda p: p.stat().st_mtime_ns)
    damage(path)
    with pytest.warns(UserWarning, match=f"{path.name}.*trains again from step 0"):
        carry_out(study, tmp_path / "torn")
    assert contents_of(tmp_path / "torn") == contents_of(trained)


def test_a_metrics_line_that_was_cut_short_is_not_read_and_is_written_again(
    study, trained, carry_out, contents_of, interrupt_at, interrupted, tmp_path
):
    with pytest.raises(interrupted):
        carry_out(study, tmp_path / "torn", progress=interrupt_at(5))
    log = next((tmp_path / "torn").glob("runs/*/metrics.jsonl"))
    whole = len(log.read_text().splitlines())
    with log.open("a") as handle:
        handle.write('{"step": 999, "lo')
    assert len(open_store(tmp_path / "torn").run(log.parent.name).metrics()) == whole
    carry_out(study, tmp_path / "torn")
    assert contents_of(tmp_path / "torn") == contents_of(trained)


@pytest.mark.parametrize("damage", [cut, lambda p: p.write_text("not = [toml"), Path.unlink])
def test_a_damaged_recipe_is_written_again_by_whoever_has_it(study, a_copy, trained, carry_out, damage):
    path = a_copy / "study.toml"
    before = path.read_text()
    damage(path)
    with pytest.raises(UserError):
        open_store(a_copy).entries()
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        assert not carry_out(study, a_copy).of("train")
    assert path.read_text() == before


@pytest.mark.parametrize("text", ["", "{", '{"version": 0, "files": {}}', '{"version": 1}', "[1, 2]"])
def test_the_index_can_be_lost(a_copy, study, carry_out, text):
    carry_out(study, a_copy)
    file, before = a_copy / "index.jsonl", Directory.open(a_copy).index()
    if text:
        file.write_text(text)
    else:
        file.unlink()
    assert Directory.open(a_copy).index() == before
    indexer = Indexer(a_copy)
    indexer.read()
    indexer.save()
    verify_index(file)
    again = Indexer(a_copy)
    assert again.read() == before and not again.learned


def test_a_second_run_says_nothing_to_do_and_opens_no_result(study, a_copy, carry_out, monkeypatch):
    carry_out(study, a_copy)
    before = {p: p.stat().st_mtime_ns for p in a_copy.rglob("*") if p.is_file()}

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("this file should not be opened")

    for place, name in [
        (results, "read"),
        (checkpoints, "read"),
        (checkpoints, "safe_open"),
        (work_train, "train"),
    ]:
        monkeypatch.setattr(place, name, fail)
    monkeypatch.setattr("h5py.File", fail)
    monkeypatch.setattr("pyarrow.parquet.read_table", fail)
    assert not carry_out(study, a_copy)
    assert {p: p.stat().st_mtime_ns for p in a_copy.rglob("*") if p.is_file()} == before


def test_copied_files_are_verified_once(study, a_copy, carry_out, monkeypatch):
    for path in a_copy.rglob("*.*"):
        path.touch()
    assert not carry_out(study, a_copy)
    monkeypatch.setattr("ontogeny.store.index.verify_checkpoint", None)
    monkeypatch.setattr("ontogeny.store.index.read_result_header", None)
    monkeypatch.setattr("ontogeny.store.index.read_checkpoint_header", None)
    assert not carry_out(study, a_copy)


def test_a_newer_schema_is_refused_and_nothing_is_touched(study, a_copy, carry_out):
    path = a_copy / "study.toml"
    text = path.read_text().replace("schema_version = 2", "schema_version = 99")
    write_text(path, re.sub(r"ontogeny-seal:\w+", seal.ROOM, text))
    before = {p: p.read_bytes() for p in a_copy.rglob("*") if p.is_file()}
    for touch in (lambda: carry_out(study, a_copy), lambda: open_store(a_copy).study):
        with pytest.raises(NewerSchema, match=r"schema version 99.*up to 2.*Upgrade"):
            touch()
    assert {p: p.read_bytes() for p in a_copy.rglob("*") if p.is_file()} == before


def test_a_second_process_is_told_who_holds_the_directory(study, a_copy, carry_out, environment, tmp_path):
    """The lock of a process that dies is free at once, whatever it wrote into the file."""
    script = (
        "import sys; from ontogeny.store.directory import Directory; from pathlib import Path\n"
        "with Directory(Path(sys.argv[1])).lock('a long job'): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(a_copy)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        before = {p: p.read_bytes() for p in a_copy.rglob("*") if p.is_file()}
        longer = {**study, "train": {**study["train"], "epochs": 7}}
        with pytest.raises(Locked, match=rf"process {holder.pid} .*a long job.*nothing was touched"):
            carry_out(longer, a_copy)
        assert {p: p.read_bytes() for p in a_copy.rglob("*") if p.is_file()} == before
    finally:
        holder.kill()
        holder.wait()
    assert carry_out(longer, a_copy).of("train")


@pytest.mark.parametrize("stage", ["train", "look"])
def test_a_disk_that_fills_up_leaves_what_was_committed(
    study, trained, tmp_path, carry_out, contents_of, monkeypatch, stage
):
    """The n-th flush to disk fails for want of space, for every n; then the same command goes on."""
    import errno
    import os

    real, out = os.fsync, tmp_path / "out"
    for n in (2, 9, 30) if stage == "train" else (60,):
        left = [n]

        def fsync(handle: int, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(handle)

        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(DiskFull, match="same command again"):
            carry_out(study, out)
        monkeypatch.setattr(os, "fsync", real)
        if (out / "study.toml").is_file():
            for entry in open_store(out).entries():  # everything that is there can be read
                if entry.checkpoints:
                    open_store(out).run(entry.id).weights(-1)
    carry_out(study, out)
    assert contents_of(out) == contents_of(trained)


def test_a_directory_of_something_else_is_left_alone(study, tmp_path, carry_out):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(NotAStudy, match="not empty and is not a study"):
        carry_out(study, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(NotAStudy, match=r"has no study\.toml \(it holds notes\.txt\)"):
        Directory.open(tmp_path)


def test_a_directory_in_which_somebody_died_at_once_is_as_good_as_new(study, tmp_path, carry_out):
    """Before its recipe was there: it holds a lock, and the beginning of a recipe."""
    (tmp_path / ".lock").touch()
    (tmp_path / "study.toml.4711.writing").write_text("# ontogeny-se")
    carry_out(study, tmp_path, stages=())
    assert {p.name for p in tmp_path.iterdir()} - {"index.jsonl"} == {".lock", "study.toml"}


def test_another_study_is_not_mixed_in(study, a_copy, carry_out):
    with pytest.raises(UserError, match="holds the study 'tiny'; you asked for 'other'"):
        carry_out({**study, "name": "other"}, a_copy)
    assert load_study(a_copy / "study.toml").name == "tiny"


def test_a_study_that_was_moved_is_the_same_study(study, a_copy, tmp_path, carry_out):
    carry_out(study, a_copy)
    moved = shutil.move(a_copy, tmp_path / "elsewhere")
    assert not carry_out(study, moved)
