"""dictionary_learning, sparsify (EleutherAI) and Gemma Scope, in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.interop.dictionaries.files import json_of, npz_of, safetensors_of
from ontogeny.interop.dictionaries.record import Dictionary, label, scalar_threshold, taken
from ontogeny.interop.limits import Limits
from ontogeny.interop.unpickle import load

_LINEAR = {"W_enc": "encoder.weight", "W_dec": "decoder.weight"}
_MATRIX = {name: name for name in ("W_enc", "W_dec", "b_enc", "b_dec")}
_BATCHED = {**_LINEAR, "b_enc": "encoder.bias", "b_dec": "b_dec", "k": "k", "threshold": "threshold"}
#: By dict_class: activation, whether b_dec is subtracted, their names, and whether they hold atoms at unit norm.
_CLASSES: dict[str, tuple[str, bool, dict[str, str], bool]] = {
    "AutoEncoder": ("relu", True, {**_LINEAR, "b_enc": "encoder.bias", "b_dec": "bias"}, True),
    "AutoEncoderNew": ("relu", False, {**_LINEAR, "b_enc": "encoder.bias", "b_dec": "decoder.bias"}, False),
    "GatedAutoEncoder": ("gated", True, {**_LINEAR, "b_dec": "decoder_bias", "r_mag": "r_mag", "b_gate": "gate_bias", "b_mag": "mag_bias"}, True),
    "AutoEncoderTopK": ("topk", True, _BATCHED, True),
    "BatchTopKSAE": ("batch_topk", True, _BATCHED, True),
    "MatryoshkaBatchTopKSAE": ("batch_topk", True, {**_MATRIX, "k": "k", "threshold": "threshold", "groups": "group_sizes"}, True),
    "JumpReluAutoEncoder": ("jumprelu", False, {**_MATRIX, "threshold": "threshold"}, False),
}  # fmt: skip
_OPTIONAL = ("k", "threshold", "groups")


def dictionary_learning(path: Path, limits: Limits) -> Dictionary:
    """A folder with ``ae.pt`` and ``config.json``, or one of its ``checkpoints/ae_{step}.pt``."""
    file = path / "ae.pt" if path.is_dir() else path
    folder = file.parent.parent if file.parent.name == "checkpoints" else file.parent
    trainer = json_of(folder / "config.json").get("trainer") or {}
    kind = trainer.get("dict_class")
    if kind not in _CLASSES:
        raise UserError(f"{folder / 'config.json'}: dict_class = {kind!r} is none of {', '.join(_CLASSES)}.")
    activation, centred, names, unit = _CLASSES[kind]
    state, notes, factor = load(file, limits=limits), [], None
    step = (
        int(match[1]) if (match := re.fullmatch(r"ae_(\d+)", file.stem)) else int(trainer.get("steps") or 1)
    )
    if isinstance(state, Mapping) and "ae" in state:  # training was interrupted
        step, factor, state = int(state.get("step", step)), state.get("norm_factor"), state["ae"]
        notes.append(f"training was interrupted at step {step}")
    elif file.parent.name == "checkpoints":
        notes.append(
            "a checkpoint between: if activations were normalised, its factor is folded into the last weights alone and stands in no "
            "file, so this one is on another scale than ae.pt"
        )
    weights = taken({str(n): torch.as_tensor(w) for n, w in state.items()}, names, file, _OPTIONAL)
    for name, theirs in names.items():
        if theirs in _LINEAR.values():
            weights[name] = weights[name].mT.contiguous()  # theirs are nn.Linear's: (outputs, inputs)
    weights.pop("groups", None)
    k, threshold = weights.pop("k", None), weights.get("threshold")
    if activation != "jumprelu":
        weights.pop("threshold", None)
    if activation == "batch_topk" and threshold is not None and float(threshold) >= 0:
        activation = "jumprelu"
        weights["threshold"] = scalar_threshold(threshold, len(weights["b_enc"]))
        notes.append(
            f"it was trained with {kind} and encodes by its threshold {float(threshold):.4g}, as its library does"
        )
    if factor is not None:
        weights["scale"] = torch.tensor(1.0 / float(factor))
    return Dictionary(
        label(folder) + (f"/{file.stem}" if file.name != "ae.pt" else ""),
        "dictionary_learning",
        weights,
        activation=activation,
        k=_k(k, trainer, file) if activation in ("topk", "batch_topk") else None,
        centred=centred,
        normalise="none" if factor is None else "mean_norm",
        unit_norms=unit,
        hook=str(trainer.get("submodule_name") or ""),
        step=step,
        notes=tuple(notes),
        about={name: trainer[name] for name in ("lm_name", "layer") if name in trainer},
    )


def _k(k: Tensor | None, trainer: Mapping[str, Any], file: Path) -> int:
    known = trainer.get("k") if k is None else int(k)
    if not known:
        raise UserError(
            f"{file}: k stands neither in the weights nor in config.json; the activation is never guessed."
        )
    return int(known)


def sparsify(folder: Path) -> Dictionary:
    """A folder with ``cfg.json`` and ``sae.safetensors``: one hookpoint."""
    about, where = json_of(folder / "cfg.json"), folder / "sae.safetensors"
    activation = about.get("activation", "topk")
    if activation != "topk":
        raise UserError(
            f"{folder / 'cfg.json'}: the activation '{activation}' has no counterpart here (topk has)."
        )
    if about.get("skip_connection"):
        raise UserError(
            f"{folder / 'cfg.json'}: a skip connection has no place in an SAE. Its weights alone: --as weights."
        )
    if not about.get("k"):
        raise UserError(f"{folder / 'cfg.json'} has no k; the activation is never guessed.")
    names = {"W_enc": "encoder.weight", "b_enc": "encoder.bias", "W_dec": "W_dec", "b_dec": "b_dec"}
    weights = taken(safetensors_of(where), names, where)
    weights["W_enc"] = weights["W_enc"].mT.contiguous()
    n = int(about.get("num_latents") or 0) or int(about.get("d_in", 0)) * int(
        about.get("expansion_factor", 0)
    )
    if n and weights["b_enc"].numel() != n:
        raise UserError(f"{where} has {weights['b_enc'].numel()} latents; {folder / 'cfg.json'} says {n}.")
    transcodes = bool(about.get("transcode"))
    notes = ("a transcoder: its inputs and its outputs are different activations",) if transcodes else ()
    return Dictionary(
        label(folder), "sparsify", weights, activation="topk", k=int(about["k"]), centred=not transcodes,
        unit_norms=bool(about.get("normalize_decoder", True)), hook=folder.name, notes=notes,
    )  # fmt: skip


def gemma_scope(file: Path, limits: Limits) -> Dictionary:
    """``params.npz`` of Gemma Scope 1, or ``params.safetensors`` of Gemma Scope 2; there is no configuration, the path says which it is."""
    tensors = npz_of(file, limits) if file.suffix == ".npz" else safetensors_of(file)
    tensors = {{"w_enc": "W_enc", "w_dec": "W_dec"}.get(name, name): w for name, w in tensors.items()}
    if "affine_skip_connection" in tensors:
        raise UserError(
            f"{file} has an affine_skip_connection, for which an SAE has no place. Its weights alone: --as weights."
        )
    weights = taken(tensors, {**_MATRIX, "threshold": "threshold"}, file)
    embeds = any("embedding" in part for part in file.resolve().parts)
    notes = ("SAEs of the embedding are fed activations times √d",) if embeds else ()
    return Dictionary(
        label(file.parent),
        "gemma_scope",
        weights,
        activation="jumprelu",
        centred=False,
        unit_norms=True,
        notes=notes,
    )
