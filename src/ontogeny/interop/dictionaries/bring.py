"""Which library wrote what lies somewhere, and the runs that are made of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from ontogeny import build
from ontogeny.errors import UserError
from ontogeny.interop.dictionaries import others, saelens
from ontogeny.interop.dictionaries.files import json_of, safetensors_of
from ontogeny.interop.dictionaries.record import Atoms, Dictionary, label
from ontogeny.interop.limits import Limits
from ontogeny.interop.runs import Found
from ontogeny.store.checkpoints import weights_digest
from ontogeny.training.member import Member

Format = Literal["saelens", "dictionary_learning", "sparsify", "gemma_scope"]
SHARDS = "model.safetensors.index.json"
_GEMMA = re.compile(r"params\.(npz|safetensors)")


def recognised(path: Path) -> tuple[Format, Path] | None:
    """The format of an SAE and the place that its reader is given, by the names of its files; ``None`` for anything else."""
    folder = path if path.is_dir() else path.parent
    names = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    if path.is_file():
        if _GEMMA.fullmatch(path.name):
            return "gemma_scope", path
        if re.fullmatch(r"ae(_\d+)?\.pt", path.name) and (names | _names(folder.parent)) & {"config.json"}:
            return "dictionary_learning", path
        if path.name not in (saelens.WEIGHTS, "sae.safetensors", "cfg.json"):
            return None
    if saelens.WEIGHTS in names:
        return "saelens", folder
    if "sae.safetensors" in names:
        return "sparsify", folder
    if {"ae.pt", "config.json"} <= names and path.is_dir():
        return "dictionary_learning", folder
    params = [name for name in sorted(names) if _GEMMA.fullmatch(name)]
    return ("gemma_scope", folder / params[0]) if params and path.is_dir() else None


def _names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()} if folder.is_dir() else set()


def within(path: Path) -> list[tuple[Format, Path]]:
    """The SAEs of a folder: itself, or else those of its folders (one a hookpoint, a layer, a trainer), at any depth."""
    if one := recognised(path):
        return [one]
    if not path.is_dir():
        return []
    return [
        found
        for p in sorted(path.iterdir())
        if p.is_dir() and not p.name.startswith(".")
        for found in within(p)
    ]


def read(format: Format, path: Path, limits: Limits, atoms: Atoms | None) -> Dictionary:
    """One SAE, held against what its file promises."""
    match format:
        case "saelens":
            found = saelens.read(path)
        case "dictionary_learning":
            found = others.dictionary_learning(path, limits)
        case "sparsify":
            found = others.sparsify(path)
        case "gemma_scope":
            found = others.gemma_scope(path, limits)
    return found.checked(atoms)


def on_activations(member: Member, found: Dictionary) -> list[str]:
    """What it does on the activations that came with it, as a note: a wrong activation, norm or place shows there, and nowhere else."""
    subject = build.subject(member, dict(found.weights))
    x, d = subject.probe.inputs, found.weights["b_dec"].numel()
    if x.shape[-1] != d:
        raise UserError(f"{found.name} reads {d} coordinates; the activations have {x.shape[-1]}.")
    l0 = (subject.tap("hook_acts") != 0).sum(-1).float().mean()
    left = float((x - subject.outputs).square().sum() / (x - x.mean(0)).square().sum())
    said = f"{found.name} on {len(x):,} of these activations: {float(l0):.4g} atoms active, {left:.3g} of the variance unexplained"
    if left > 0.9:
        said += ". That is no better than their mean: other activations than those it was trained on, another scale, or another activation function"
    return [said]


def weights_only(path: Path, limits: Limits) -> Found:
    """The weights of any model in safetensors (a file, a folder with ``model.safetensors``, or shards with their index), in float32."""
    tensors: dict[str, torch.Tensor] = {}
    for file in _files(path):
        limits.refuse("bytes of the file", file.stat().st_size, "bytes")
        tensors |= safetensors_of(file)
    if not tensors:
        raise UserError(f"{path} holds no tensors.")
    weights = {name: w.float() if w.is_floating_point() else w for name, w in tensors.items()}
    if deep := [name for name, w in weights.items() if w.ndim > 4]:
        raise UserError(f"{path}: {', '.join(deep[:3])} have more than four axes.")
    name = label(path if path.is_dir() else path.with_suffix(""))
    return Found(
        varied={"model": name}, snapshots={1: weights}, source=f"safetensors:{weights_digest(weights)}"
    )


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if (index := path / SHARDS).is_file():
        where = json_of(index).get("weight_map")
        if not isinstance(where, Mapping):
            raise UserError(f"{index} has no weight_map that says in which file each tensor is.")
        files = [path / str(name) for name in sorted(set(where.values()))]
        for file in files:
            if not file.resolve().is_relative_to(path.resolve()):
                raise UserError(f"{index} names {file.name!r}, which lies outside the folder.")
        return files
    files = sorted(path.glob("*.safetensors"))
    if not files:
        raise UserError(f"{path} holds no safetensors.")
    return files


def run_of(found: Dictionary, task: Mapping[str, Any] | None) -> tuple[Found, list[str]]:
    """The run of an SAE, and what its reader should know."""
    run = found.found(task)
    notes = [f"{found.name}: {note}" for note in found.notes]
    if task:
        notes += on_activations(run.member(), found)
    else:
        notes.append(
            f"{found.name} was seen on no activations. Which activation function, scale and place it needs shows only there: "
            "--task kind=activations,file=FILE.npy"
        )
    return run, notes
