"""A bundle is the study; one that was tampered with leaves nothing behind."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ontogeny.errors import Damaged, NewerSchema, Refused, UserError
from ontogeny.handles import open_store
from ontogeny.interop import bundle
from ontogeny.interop.bring import bring
from ontogeny.interop.export import export

Run = Callable[..., Any]


def test_a_bundle_is_the_study(trained: Path, tmp_path: Path, contents_of: Run, carry_out: Run) -> None:
    path = export(trained, "bundle", tmp_path / "b.zip")
    brought = bring(path, tmp_path / "again")
    assert brought.kind == "bundle" and brought.runs == sorted(e.id for e in open_store(trained).entries())
    assert contents_of(tmp_path / "again") == contents_of(trained)
    assert not carry_out(open_store(trained).study, tmp_path / "again")  # nothing to do
    bundle.write(open_store(tmp_path / "again").directory, tmp_path / "c.zip")
    assert (tmp_path / "c.zip").read_bytes() == path.read_bytes()


def test_an_imported_study_trains_on_as_the_study_does(
    tiny_study: Run, carry_out: Run, contents_of: Run, tmp_path: Path
) -> None:
    short, long = tiny_study(train__epochs=2), tiny_study(train__epochs=4)
    carry_out(short, tmp_path / "a")
    bring(export(tmp_path / "a", "bundle", tmp_path / "b.zip"), tmp_path / "b")
    before = open_store(tmp_path / "b")
    assert all(before.directory.run(e.id).resume_steps() == [e.record["step"]] for e in before.entries())
    carry_out(long, tmp_path / "b")
    carry_out(long, tmp_path / "a")
    assert contents_of(tmp_path / "b") == contents_of(tmp_path / "a")


def rewritten(
    path: Path, target: Path, change: Callable[[dict[str, bytes]], None], seal: bool = True
) -> Path:
    """The bundle with other content; ``seal``: with a manifest that agrees."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    if seal:
        import hashlib

        manifest = json.loads(files[bundle.MANIFEST])
        manifest["files"] = {
            n: {"size": len(b), "sha256": hashlib.sha256(b).hexdigest()}
            for n, b in files.items()
            if n != bundle.MANIFEST
        }
        files[bundle.MANIFEST] = json.dumps(manifest).encode()
    with zipfile.ZipFile(target, "w") as archive:
        for name, blob in files.items():
            archive.writestr(name, blob)
    return target


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/tmp/evil",
        "runs/../../evil",
        "runs\\..\\..\\evil",
        "C:/evil",
        "evil.py",
        ".lock",
        "runs//evil",
        "./study.toml",
    ],
)
def test_names_that_are_no_files_of_a_study_are_refused(name: str, trained: Path, tmp_path: Path) -> None:
    good = export(trained, "bundle", tmp_path / "b.zip")
    place = tmp_path / "place"
    place.mkdir()
    for sealed in (True, False):
        bad = rewritten(good, tmp_path / "bad.zip", lambda files: files.update({name: b"x"}), sealed)
        with pytest.raises(Refused, match="Nothing was written"):
            bring(bad, place / "out")
    assert list(place.iterdir()) == []
    assert not (tmp_path / "evil").exists() and not Path("/tmp/evil").exists()


def test_content_that_is_not_what_was_packed_is_refused(trained: Path, tmp_path: Path) -> None:
    good = export(trained, "bundle", tmp_path / "b.zip")
    place = tmp_path / "place"
    place.mkdir()
    id = open_store(trained).entries()[0].id

    def flip(files: dict[str, bytes]) -> None:
        name = next(n for n in files if n.endswith(".safetensors"))
        files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])

    def larger(files: dict[str, bytes]) -> None:
        files["findings.json"] = b" " * 10**6
        manifest = json.loads(files[bundle.MANIFEST])
        manifest["files"]["findings.json"] = {"size": 10, "sha256": "0" * 64}
        files[bundle.MANIFEST] = json.dumps(manifest).encode()

    def other_run(files: dict[str, bytes]) -> None:
        record = json.loads(files[f"runs/{id}/run.json"])
        record["spec"]["task"]["p"] = 11
        record.pop("seal")  # whoever makes a bundle can do without
        files[f"runs/{id}/run.json"] = json.dumps(record).encode()

    def newer(files: dict[str, bytes]) -> None:
        files[bundle.MANIFEST] = files[bundle.MANIFEST].replace(b'"version": 1', b'"version": 2')

    cases: list[tuple[Callable[[dict[str, bytes]], Any], bool, type[UserError], str]] = [
        (flip, False, Damaged, "digest"),
        (larger, False, Damaged, "digest"),
        (lambda files: files.pop("study.toml"), False, Damaged, "study.toml"),
        (lambda files: files.update({"runs/x": b""}), False, Damaged, "runs/x"),
        (other_run, True, Damaged, "another run"),
        (lambda files: files.update({bundle.MANIFEST: b"{}"}), False, Damaged, "manifest"),
        (newer, False, NewerSchema, "version 2"),
    ]
    for change, sealed, kind, said in cases:
        with pytest.raises(kind, match=said):
            bring(rewritten(good, tmp_path / "bad.zip", change, sealed), place / "out")
        assert list(place.iterdir()) == []
    (tmp_path / "cut.zip").write_bytes(good.read_bytes()[:-30])
    with pytest.raises(UserError, match="cut"):
        bring(tmp_path / "cut.zip", place / "out")
    assert list(place.iterdir()) == []


def test_a_bundle_overwrites_nothing(trained: Path, a_copy: Path, tmp_path: Path) -> None:
    path = export(trained, "bundle", tmp_path / "b.zip")
    with pytest.raises(UserError, match="not empty"):
        bring(path, a_copy)
    (tmp_path / "empty").mkdir()
    bring(path, tmp_path / "empty")
    assert (tmp_path / "empty/study.toml").is_file()
