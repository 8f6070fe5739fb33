"""A whole study in one file: recipe, runs, weights, metrics, results, comparisons, findings and report, each with its digest.

What can be made again from these is left out: the index, and of the resume points all but the last of each run. Two bundles of the same content are the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ontogeny import build
from ontogeny.errors import Damaged, NewerSchema, Refused, UserError
from ontogeny.interop.limits import Limits, unpacked_bytes
from ontogeny.store.directory import Directory
from ontogeny.store.files import ASIDE, DAMAGED, FULL, aside, refused_for
from ontogeny.store.index import RunEntry
from ontogeny.store.kinds import KINDS

MANIFEST = "manifest.json"
FORMAT, VERSION = "ontogeny bundle", 1
KEPT = tuple(dict.fromkeys(kind.pattern.split("/")[0] for kind in KINDS if kind.bundled))
TEXT = (".json", ".jsonl", ".toml", ".html", ".md", ".csv", ".js", ".css")
EPOCH = (1980, 1, 1, 0, 0, 0)


def is_bundle(path: Path) -> bool:
    """Is it a zip file with our manifest?"""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return MANIFEST in archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError):
        return False  # the reader of whatever it is will say what is wrong with it


def write(directory: Directory, out: str | Path) -> Path:
    """The study at ``directory`` as one zip file at ``out``, whole or not at all."""
    out = Path(out)
    if out.is_dir():
        raise UserError(f"{out} is a directory; a bundle is one file, such as {out / 'study.zip'}.")
    with directory.lock("ontogeny export", alone=True):
        paths = {str(p.relative_to(directory.root).as_posix()): p for p in sorted(_files(directory))}
        files = {name: {"size": p.stat().st_size, "sha256": _sha256(p)} for name, p in paths.items()}
        manifest = {"format": FORMAT, "version": VERSION, "study": directory.study().name, "files": files}
        with aside(out) as temporary, zipfile.ZipFile(temporary, "w", allowZip64=True) as archive:
            archive.writestr(_entry(MANIFEST), json.dumps(manifest, indent=1))
            for name, path in paths.items():
                with path.open("rb") as source, archive.open(_entry(name), "w", force_zip64=True) as target:
                    shutil.copyfileobj(source, target)
    return out


def read(path: str | Path, out: str | Path, limits: Limits | None = None) -> tuple[list[str], list[str]]:
    """Unpack a bundle into the new directory ``out``; returns its runs and notes.

    Every file is checked against the manifest before any is put in place. Raises ``Refused`` for names that lead outside the
    directory or are no part of a study, ``Damaged`` for content that is not what was packed, and ``UserError`` if ``out`` is not empty.
    """
    path, root, limits = Path(path), Path(out), limits or Limits()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UserError(f"{root} is not empty; a bundle is unpacked into a new directory.")
    unpacked = root.resolve().with_name(f"{root.resolve().name}{ASIDE}")
    try:
        with zipfile.ZipFile(path) as archive:
            limits.archive(archive)
            files = _manifest(archive, path)
            shutil.rmtree(unpacked, ignore_errors=True)
            for name, about in files.items():
                _unpack(archive, name, about, unpacked / name, path)
        total = sum(unpacked_bytes(unpacked / name) for name in files)
        limits.refuse("bytes when its tables and results are read", total, "bytes")
        directory = Directory.open(unpacked)
        study, index = directory.study(), directory.index()
        if index.damage:
            raise Damaged(f"{path} holds a damaged file: {index.damage[0]}", path)
        for entry in index.runs.values():
            _refuse_run(entry, path)
        if root.exists():
            root.resolve().rmdir()
        unpacked.replace(root.resolve())
    except Refused as error:
        raise Refused(f"{path} was refused: {error} Nothing was written.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise Damaged(f"{path} is damaged: {error}.", path) from None
    except OSError as error:
        if refused_for(error, FULL):
            raise
        raise Damaged(
            f"{path} names files that cannot be written here ({error.strerror}). Nothing was kept.", path
        ) from None
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    factories = {s["factory"] for s in [study.architecture, *(e.record["spec"]["architecture"] for e in index.runs.values())]
                 if s.get("kind") == "module"}  # fmt: skip
    notes = [
        f"the models are {f}, whose code is not in the bundle and is not run unless you allow it: "
        f"`ontogeny --trust {f.partition(':')[0]} …`"
        for f in sorted(factories)
    ]
    return sorted(index.runs), notes


def _files(directory: Directory) -> Iterator[Path]:
    """What is packed."""
    for path in directory.root.rglob("*"):
        parts = path.relative_to(directory.root).parts
        if parts[0] not in KEPT or not path.is_file() or path.is_symlink():
            continue
        if path.parent.name == "resume" and path.stem != f"step-{directory.run(parts[1]).resume_steps()[-1]}":
            continue
        if not path.name.endswith((ASIDE, DAMAGED)):
            yield path


def _refuse_run(entry: RunEntry, path: Path) -> None:
    """A record that no model of ours is behind, or of which the parts make another run."""
    try:
        member = build.member_of(entry.record)
    except UserError as error:
        raise Damaged(f"{path} holds a run that cannot be ({entry.id}): {error}", path) from None
    if member.id != entry.id:
        raise Damaged(f"{path} holds a run ({entry.id}) that describes another one ({member.id}).", path)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED if name.endswith(TEXT) else zipfile.ZIP_STORED
    entry.external_attr = 0o644 << 16
    return entry


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, tuple[int, str]]:
    """What should be in the archive; refuses names that are none of a study's files, and an archive with other content."""
    try:
        manifest = json.loads(archive.read(MANIFEST))
        known, version = manifest["format"] == FORMAT, int(manifest["version"])
        files = {name: (int(f["size"]), str(f["sha256"])) for name, f in manifest["files"].items()}
    except (KeyError, AttributeError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Damaged(f"{path} has no manifest that can be read ({error!r}).", path) from None
    if not known:
        raise Damaged(f"{path} has the manifest of something else.", path)
    if version > VERSION:
        raise NewerSchema(f"{path} is a bundle of version {version}; this ontogeny reads up to {VERSION}.")
    for name in {*files, *archive.namelist()} - {MANIFEST}:
        parts = PurePosixPath(name).parts
        plain = "/".join(parts) == name and "\\" not in name and ":" not in name and "\0" not in name
        if not plain or ".." in parts or name.startswith("/") or parts[0] not in KEPT:
            raise Refused(f"it would write {name!r}, which is no file of a study.")
    there = [name for name in archive.namelist() if name != MANIFEST]
    if sorted(there) != sorted(files):
        differ = sorted(set(there) ^ set(files)) or [n for n in there if there.count(n) > 1]
        raise Damaged(
            f"{path} was altered: {', '.join(differ[:3])} is in the archive or in its manifest, not once in both.",
            path,
        )
    return files


def _unpack(archive: zipfile.ZipFile, name: str, about: tuple[int, str], target: Path, path: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    state, (left, digest) = hashlib.sha256(), about
    with archive.open(name) as source, target.open("wb") as out:
        while chunk := source.read(min(2**20, left + 1)):
            left -= len(chunk)
            if left < 0:
                break
            state.update(chunk)
            out.write(chunk)
    if left != 0 or state.hexdigest() != digest:
        raise Damaged(
            f"{path} is damaged: {name} does not have the digest that was recorded. Nothing was kept.", path
        )
