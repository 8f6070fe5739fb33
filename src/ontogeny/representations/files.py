"""Arrays from plain files: .npy, .npz and .safetensors. Nothing that is loaded is executed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from ontogeny.errors import Damaged, UnknownName, UserError

ENDINGS = (".npy", ".npz", ".safetensors")
Arrays = dict[str, "NDArray[np.generic] | Tensor"]


def read(given: str | Path) -> Arrays:
    """The arrays of one file by name; ``acts.npz:layer0`` is one array of several. A .npy file has one, called as the file is."""
    path, wanted = _split(str(given))
    if not path.exists():
        raise UserError(f"There is no file {path}.")
    if path.suffix not in ENDINGS:
        raise UserError(
            f"{path} is none of {', '.join(ENDINGS)}; save the array with numpy.save('{path.stem}.npy', x)."
        )
    try:
        arrays = _arrays(path)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, SafetensorError) as error:
        if "pickle" in str(error).lower():
            raise UserError(f"{path} holds Python objects and not numbers; they are not loaded.") from None
        raise Damaged(f"{path} cannot be read as {path.suffix} ({error}).", path) from None
    if wanted is None:
        return arrays
    if wanted not in arrays:
        raise UnknownName(f"array in {path}", wanted, arrays)
    return {f"{path.stem}:{wanted}": arrays[wanted]}


def _split(given: str) -> tuple[Path, str | None]:
    """FILE or FILE:ARRAY; a file whose name has a colon is itself."""
    front, colon, name = given.rpartition(":")
    if colon and front.endswith(ENDINGS[1:]) and not Path(given).exists():
        return Path(front), name
    return Path(given), None


def _arrays(path: Path) -> Arrays:
    if path.suffix == ".npy":
        return {path.stem: np.load(path, allow_pickle=False)}
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    from safetensors.torch import load_file

    return dict(load_file(path))


def two_sides(first: str | Path, second: str | Path | None) -> tuple[Arrays, Arrays | None]:
    """What is compared with what. Equal names on the two sides are told apart by their files."""
    x = read(first)
    if second is None:
        return x, None
    y = read(second)
    if x.keys() & y.keys():
        paths = [_split(str(p))[0].resolve() for p in (first, second)]
        called = ([p.stem for p in paths], [p.parent.name for p in paths])  # by file, or by folder
        tags = next((names for names in called if names[0] != names[1]), None)
        lone = len(x) == len(y) == 1 and tags is not None
        tags = tags or ["first", "second"]
        x, y = (
            {tag if lone else f"{tag}:{k}": v for k, v in side.items()}
            for tag, side in zip(tags, (x, y), strict=True)
        )
    return x, y
