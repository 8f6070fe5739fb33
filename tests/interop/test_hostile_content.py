"""Files whose content makes no sense: one clear sentence about the file, and nothing is left behind."""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from ontogeny.errors import UserError
from ontogeny.interop.bring import bring

BOTH = {"bi_linear.weight": torch.ones(4, 10), "projection.weight": torch.ones(5, 2)}
SENSELESS: dict[str, Any] = {
    "a float for a tensor": {"bi_linear.weight": 1.0, "projection.weight": 2.0},
    "a float in a transformer": {"embed.W_E": 1.0, "unembed.W_U": 2.0},
    "nothing for a tensor": {"embed.W_E": torch.ones(2, 2), "unembed.W_U": None},
    "words for tensors": {"models": {"a": {"bi_linear.weight": "x", "projection.weight": []}}},
    "a vocabulary in words": {"models": {2: BOTH}, "P": "x"},
    "an accuracy in words": {"models": {2: BOTH}, "val_accs": {2: "x"}},
    "a number of checkpoints for checkpoints": {"model": {}, "checkpoints": 3},
    "no model": {"model": None},
    "no checkpoint": {"checkpoints": [], "checkpoint_epochs": []},
    "a step twice": {"10": BOTH, 10: BOTH},
    "nothing": {},
}
SHAPES = {
    "bilinear": {"bi_linear.weight": (0, 0), "projection.weight": (0, 0)},
    "transformer": {"embed.W_E": (0, 0), "unembed.W_U": (0, 0)},
    "vectors": {"embed.W_E": (3,), "unembed.W_U": (2,), "pos_embed.W_pos": (2,)},
}
BUNDLES: dict[str, tuple[Any, dict[str, bytes]]] = {
    "an infinite version": (math.inf, {}),
    "no version": (math.nan, {}),
    "a long name": (1, {"runs/" + "x" * 300: b"a"}),
    "file and folder": (1, {"runs/a": b"a", "runs/a/b": b"b"}),
    "nothing": (1, {}),
    "no recipe": (1, {"study.toml": b"name = 3"}),
    "a folder for a recipe": (1, {"study.toml/x": b""}),
}


def refused(path: Path, tmp_path: Path, kind: Any = None) -> None:
    with pytest.raises(UserError) as error:
        bring(path, tmp_path / "out", kind)
    assert "\n" not in str(error.value) and len(str(error.value)) < 1200
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [None, "sweep", "steps", "published", "state_dict"])
@pytest.mark.parametrize("what", SENSELESS)
def test_senseless_content(what: str, kind: Any, tmp_path: Path) -> None:
    torch.save(SENSELESS[what], tmp_path / "file.pt")
    refused(tmp_path / "file.pt", tmp_path, kind)


@pytest.mark.parametrize("what", SHAPES)
def test_shapes_without_a_number(what: str, tmp_path: Path) -> None:
    save_file({n: torch.zeros(s) for n, s in SHAPES[what].items()}, tmp_path / "file.safetensors")
    refused(tmp_path / "file.safetensors", tmp_path)


@pytest.mark.parametrize("what", BUNDLES)
def test_senseless_bundles(what: str, tmp_path: Path) -> None:
    version, files = BUNDLES[what]
    about = {name: {"size": len(c), "sha256": hashlib.sha256(c).hexdigest()} for name, c in files.items()}
    with zipfile.ZipFile(tmp_path / "file.zip", "w") as archive:
        said = {"format": "ontogeny bundle", "version": version, "study": "x", "files": about}
        archive.writestr("manifest.json", json.dumps(said))
        for name, content in files.items():
            archive.writestr(name, content)
    refused(tmp_path / "file.zip", tmp_path)
