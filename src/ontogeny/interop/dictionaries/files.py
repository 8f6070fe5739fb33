"""The files that SAEs come in, read without executing anything."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ontogeny.errors import Damaged, UserError, a
from ontogeny.interop.limits import Limits


def json_of(path: Path) -> dict[str, Any]:
    """A JSON object."""
    if not path.is_file():
        raise UserError(f"There is no {path.name} in {path.parent}: it says what the weights are.")
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise Damaged(f"{path} is not valid JSON: {error}.", path) from None
    if not isinstance(said, dict):
        raise UserError(f"{path} holds {a(type(said))}; a table is expected.")
    return said


def safetensors_of(path: Path) -> dict[str, Tensor]:
    """All tensors of a file."""
    if not path.is_file():
        raise UserError(f"There is no {path.name} in {path.parent}.")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise Damaged(f"{path} cannot be read as safetensors: {error}.", path) from None


def npz_of(path: Path, limits: Limits) -> dict[str, Tensor]:
    """All arrays of a NumPy archive; one that holds objects is refused."""
    try:
        with zipfile.ZipFile(path) as archive:
            limits.archive(archive)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except (ValueError, OSError, zipfile.BadZipFile, KeyError) as error:
        raise Damaged(f"{path} cannot be read as a NumPy archive of numbers: {error}.", path) from None
