"""Activations in somebody's array: .npy, .npz or .safetensors, mapped into memory, read row by row as they are needed."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ontogeny.errors import Damaged, UserError
from ontogeny.numerics.random import Key
from ontogeny.numerics.shuffle import batch_of, shuffled
from ontogeny.registry import sources
from ontogeny.tasks.activations import Activations
from ontogeny.tasks.base import Probe

PART, PARTS = 2**16, 1024  # bytes of a part, and parts of a large file, that its digest is of
HELD_OUT = Key(0, "probe")


@sources.register("file")
class File:
    """Rows of an array (example, d); more axes in front are examples too."""

    def __init__(self, task: Activations) -> None:
        self.path = Path(task.file)
        if not self.path.is_file():
            raise UserError(f"There is no file {self.path} with activations.")
        self.name = task.array

    @cached_property
    def digest(self) -> str:
        """Of the size, the name of the array, and all bytes up to 64 MiB; of a larger file 1,024 parts of 64 KiB spread over it."""
        size = self.path.stat().st_size
        state = hashlib.blake2b(f"{size}{self.name}".encode(), digest_size=8)
        with self.path.open("rb") as handle:
            if size <= PART * PARTS:
                state.update(handle.read())
            else:
                for i in range(PARTS):
                    handle.seek((size - PART) * i // (PARTS - 1))
                    state.update(handle.read(PART))
        return f"file:{state.hexdigest()}"

    @cached_property
    def rows(self) -> np.ndarray:
        """(example, d), not read yet where the format allows it."""
        x = _opened(self.path, self.name)
        if x.ndim < 2 or x.dtype.kind != "f" or not x.size:
            raise UserError(
                f"{self.path} holds {x.dtype} {x.shape}; activations are real numbers, (example, coordinate), at least one."
            )
        return x.reshape(-1, x.shape[-1])

    @property
    def width(self) -> int:
        return int(self.rows.shape[-1])

    def probe(self, size: int) -> Probe:
        self._enough(size)
        x = self._taken(shuffled(np.arange(size), len(self.rows), HELD_OUT))
        if not bool(x.isfinite().all()):
            raise UserError(f"{self.path} holds numbers that are not finite.")
        return Probe(x, x)

    def draw(self, key: Key, step: int, size: int, apart: int) -> Tensor:
        self._enough(apart)
        n = len(self.rows)
        return self._taken(shuffled(apart + batch_of(step, size, n - apart, key), n, HELD_OUT))

    def _enough(self, apart: int) -> None:
        if len(self.rows) <= apart:
            raise UserError(
                f"{self.path} has {len(self.rows):,} rows and probe_size = {apart:,} are held out: nothing is left to train on. Lower "
                "task.probe_size."
            )

    def _taken(self, index: np.ndarray) -> Tensor:
        """These rows in float32; read in the order in which they lie."""
        order = np.argsort(index, kind="stable")
        taken = np.empty((len(index), self.width), dtype=np.float32)
        taken[order] = self.rows[index[order]]
        return torch.from_numpy(taken)


def _opened(path: Path, name: str) -> np.ndarray:
    try:
        if path.suffix == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False)
        if path.suffix == ".npz":
            return _of_npz(path, name)
        if path.suffix == ".safetensors":
            return _of_safetensors(path, name)
    except (ValueError, OSError, zipfile.BadZipFile, SafetensorError) as error:
        raise Damaged(f"{path} cannot be read as an array: {error}.", path) from None
    raise UserError(f"{path}: activations come as .npy, .npz or .safetensors.")


def _of_npz(path: Path, name: str) -> np.ndarray:
    """An array of an archive: mapped where it is stored as it is (``np.savez``), read where it is compressed."""
    with zipfile.ZipFile(path) as archive:
        members = {m.filename.removesuffix(".npy"): m for m in archive.infolist()}
        member = members[_which(path, name, members)]
        if member.compress_type != zipfile.ZIP_STORED:
            with archive.open(member) as handle:
                return np.lib.format.read_array(handle, allow_pickle=False)
    with path.open("rb") as handle:
        handle.seek(member.header_offset + 26)
        names, extra = (int.from_bytes(handle.read(2), "little") for _ in range(2))
        handle.seek(member.header_offset + 30 + names + extra)
        version = np.lib.format.read_magic(handle)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(handle)
        if dtype.hasobject:
            raise ValueError("it holds objects, not numbers")
        return np.memmap(path, dtype, "r", handle.tell(), shape, "F" if fortran else "C")


def _of_safetensors(path: Path, name: str) -> np.ndarray:
    """A tensor, mapped; bfloat16, which NumPy has not, is read."""
    with safe_open(path, framework="pt") as handle:
        there = {key: handle.get_slice(key) for key in handle.keys()}  # noqa: SIM118
        name = _which(path, name, there)
        kind, shape = there[name].get_dtype(), there[name].get_shape()
        dtype = {"F64": np.float64, "F32": np.float32, "F16": np.float16}.get(kind)
        if dtype is None:
            return handle.get_tensor(name).float().numpy()
    with path.open("rb") as handle:
        size = int.from_bytes(handle.read(8), "little")
        begin = json.loads(handle.read(size))[name]["data_offsets"][0]
    return np.memmap(path, dtype, "r", 8 + size + begin, tuple(shape))


def _which(path: Path, name: str, there: Mapping[str, object]) -> str:
    if name in there or (not name and len(there) == 1):
        return name or next(iter(there))
    asked = f"no array '{name}'" if name else f"{len(there)} arrays"
    raise UserError(f'{path} has {asked}; say which with array = "…": {", ".join(list(there)[:12])}.')
