"""Checkpoints: files ``steps-<first>-<last>.safetensors`` whose tensors are stacked on a leading step axis.

Each step's weights are hashed when written; the hashes lie in the file's metadata and are checked when weights are loaded.
Anyone can read the files with safetensors alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ontogeny.errors import Damaged
from ontogeny.store.files import aside
from ontogeny.store.headers import CheckpointFile, read_checkpoint_header
from ontogeny.store.seal import ROOM

Weights = Mapping[str, Tensor]


def weights_digest(weights: Weights) -> str:
    """A hash of names, shapes, dtypes and values."""
    state = hashlib.blake2b(digest_size=8)
    for name in sorted(weights):
        value = weights[name].detach().cpu().contiguous()
        state.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        state.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()


def write(folder: Path, snapshots: Mapping[int, Weights]) -> Path:
    """One file for these steps, whole or not at all."""
    steps = sorted(snapshots)
    digests = [weights_digest(snapshots[s]) for s in steps]
    stacked = {
        n: torch.stack([snapshots[s][n].cpu() for s in steps]).contiguous() for n in snapshots[steps[0]]
    }
    path = folder / f"steps-{steps[0]}-{steps[-1]}.safetensors"
    metadata = {"steps": json.dumps(steps), "digests": json.dumps(digests), "axis_0": "step", "seal": ROOM}
    with aside(path) as temporary:
        save_file(stacked, temporary, metadata=metadata)
    return path


def read(folder: Path, files: Mapping[str, CheckpointFile], steps: Sequence[int]) -> dict[str, Tensor]:
    """Weights at ``steps``, stacked (step, …). A file that is not what was written is named and not used."""
    where = {s: (name, i) for name, file in files.items() for i, s in enumerate(file.steps)}
    parts: dict[int, dict[str, Tensor]] = {}
    for name in sorted({where[s][0] for s in steps}):
        wanted = {s: where[s][1] for s in steps if where[s][0] == name}
        path = folder / name
        try:
            with safe_open(path, framework="pt") as handle:
                keys = list(handle.keys())
                everything = {k: handle.get_tensor(k) for k in keys} if len(wanted) > 1 else None
                for step, i in wanted.items():
                    parts[step] = {
                        k: everything[k][i] if everything else handle.get_slice(k)[i] for k in keys
                    }
        except (SafetensorError, OSError, ValueError) as error:
            raise Damaged(f"{path} is damaged ({error}); it is not used.", path) from None
        for step, i in wanted.items():
            if weights_digest(parts[step]) != files[name].digests[i]:
                raise Damaged(
                    f"{path} was altered since it was written: the weights at step {step} do not have the digest that "
                    "was recorded. They are not used.",
                    path,
                )
    return {k: torch.stack([parts[s][k] for s in steps]) for k in parts[steps[0]]}


def prune(folder: Path, after: int) -> None:
    """Remove files that reach beyond a resume point; training writes them again, bit for bit."""
    for path in sorted(folder.glob("steps-*.safetensors")):
        if int(path.stem.split("-")[2]) > after:
            path.unlink()


def consolidate(folder: Path) -> None:
    """One file for the whole run: written first, the parts removed after."""
    files = {p.name: read_checkpoint_header(p) for p in sorted(folder.glob("steps-*.safetensors"))}
    if len(files) < 2:
        return
    steps = sorted({s for f in files.values() for s in f.steps})
    stacked = read(folder, files, steps)
    kept = write(folder, {s: {n: w[i] for n, w in stacked.items()} for i, s in enumerate(steps)})
    for name in files:
        if name != kept.name:
            (folder / name).unlink()
