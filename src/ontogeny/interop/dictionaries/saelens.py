"""SAELens: ``cfg.json`` and ``sae_weights.safetensors``, of version 6 and of the flat format before it, in; version 6 out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.interop.dictionaries.files import json_of, safetensors_of
from ontogeny.interop.dictionaries.record import Dictionary, label, taken
from ontogeny.models.sae import SAE
from ontogeny.subject import Subject

CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"
_PLAIN = {name: name for name in ("W_enc", "W_dec", "b_enc", "b_dec")}
_NAMES = {
    "relu": _PLAIN,
    "topk": _PLAIN,
    "jumprelu": {**_PLAIN, "threshold": "threshold"},
    "gated": {n: n for n in ("W_enc", "W_dec", "b_dec", "b_gate", "b_mag", "r_mag")},
}
_ACTIVATIONS = {"standard": "relu", "topk": "topk", "jumprelu": "jumprelu", "gated": "gated"}
#: What normalize_activations means when the SAE runs. The average norm is only a factor of training, which SAELens folds into the weights.
_NORMALISE = {
    "none": "none",
    "expected_average_only_in": "none",
    "layer_norm": "layer_norm",
    "constant_norm_rescale": "own_norm",
}


def read(folder: Path) -> Dictionary:
    """The SAE of a folder. Architectures that an SAE here has no place for (transcoders, temporal, …) are refused by name."""
    about = _configuration(json_of(folder / CONFIG), folder / CONFIG)
    architecture = about["architecture"]
    if architecture not in _ACTIVATIONS:
        raise UserError(
            f"{folder / CONFIG}: the architecture '{architecture}' is no autoencoder that runs here ({', '.join(_ACTIVATIONS)} do). "
            "Its weights alone: --as weights."
        )
    kind = _ACTIVATIONS[architecture]
    weights = taken(safetensors_of(folder / WEIGHTS), _NAMES[kind], folder / WEIGHTS)
    normalise = about.get("normalize_activations", "none")
    if normalise not in _NORMALISE:
        raise UserError(f"{folder / CONFIG}: normalize_activations = '{normalise}' is not known.")
    notes = []
    if normalise == "expected_average_only_in":
        notes.append(
            "it was trained on activations of mean norm √d, a factor that SAELens folds into weights it saves and does not apply itself; "
            "if this one was not folded, what it does on activations says so"
        )
    if about.get("reshape_activations", "none") != "none":
        notes.append("its activations are heads side by side (hook_z): flatten (head, d_head) into one axis")
    if kind == "topk" and about.get("rescale_acts_by_decoder_norm"):
        weights = _rescaled(weights)
        notes.append(
            "its acts were scaled by the norms of its atoms; the norms are folded into the encoder, the function is the same"
        )
    metadata = about.get("metadata") or {}
    return Dictionary(
        label(folder),
        "saelens",
        weights,
        activation=kind,
        k=about.get("k") if kind == "topk" else None,
        centred=bool(about.get("apply_b_dec_to_input", True)),
        normalise=_NORMALISE[normalise],
        hook=str(metadata.get("hook_name") or ""),
        notes=tuple(notes),
        about={
            k: metadata[k]
            for k in ("model_name", "sae_lens_version", "training_architecture")
            if metadata.get(k)
        },
    )


def _configuration(said: Mapping[str, Any], where: Path) -> dict[str, Any]:
    """A configuration of version 6, made of a flat one where it is older."""
    about = dict(said)
    if "metadata" not in about:
        function = about.get("activation_fn_str", about.get("activation_fn", "relu"))
        k = (about.get("activation_fn_kwargs") or {}).get("k")
        about.setdefault("architecture", "standard")
        if function == "topk":
            if k is None:
                raise UserError(f"{where}: activation_fn is topk and activation_fn_kwargs has no k.")
            about |= {"architecture": "topk", "k": k}
        elif function != "relu" and about["architecture"] == "standard":
            raise UserError(f"{where}: activation_fn = '{function}' is none of relu, topk.")
        if about.get("finetuning_scaling_factor"):
            raise UserError(f"{where}: finetuning_scaling_factor is set, for which there is no place here.")
        normalise = about.get("normalize_activations")
        if not isinstance(normalise, str):
            about["normalize_activations"] = "expected_average_only_in" if normalise else "none"
        about["metadata"] = {
            "hook_name": about.get("hook_name", about.get("hook_point")),
            "model_name": about.get("model_name"),
        }
    for key in ("architecture", "d_in", "d_sae"):
        if key not in about:
            raise UserError(f"{where} has no '{key}'; it has {', '.join(about)}.")
    if about["architecture"] == "topk" and not about.get("k"):
        raise UserError(f"{where}: a topk SAE without k; the activation is never guessed.")
    return about


def _rescaled(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """topk(pre · ‖w‖) / ‖w‖ · w, as topk(pre′) · w/‖w‖."""
    norms = weights["W_dec"].float().norm(dim=-1)
    return {
        **weights,
        "W_enc": weights["W_enc"].float() * norms,
        "b_enc": weights["b_enc"].float() * norms,
        "W_dec": weights["W_dec"].float() / norms[:, None],
    }


def write(subject: Subject, out: Path, hook: str = "", model: str = "") -> Path:
    """An SAE of ours as a folder that ``sae_lens.SAE.load_from_disk`` loads, the same function to the rounding of float32.

    batch_topk becomes jumprelu, as SAELens saves it: the threshold is the least activation that is kept on the probe. The scale of
    "mean_norm" is folded into the weights.
    """
    sae = subject.architecture
    if not isinstance(sae, SAE):
        raise UserError("SAELens holds sparse autoencoders, and this run is none.")
    weights = {n: w.detach().clone() for n, w in subject.weights.items() if n not in ("scale", "idle")}
    if sae.normalise == "mean_norm":
        scale = subject.weights["scale"]
        weights |= {
            "W_enc": weights["W_enc"] * scale,
            "W_dec": weights["W_dec"] / scale,
            "b_dec": weights["b_dec"] / scale,
        }
    kind = sae.activation
    if kind == "batch_topk":
        acts = subject.tap("hook_acts")
        weights["threshold"] = torch.full_like(weights["b_enc"], float(acts[acts > 0].min()) * (1 - 1e-6))
        kind = "jumprelu"
    theirs = {ours: name for name, ours in _ACTIVATIONS.items()}
    normalise = {"mean_norm": "none", "own_norm": "constant_norm_rescale"}.get(sae.normalise, sae.normalise)
    metadata = {
        "sae_lens_version": "6.0.0",
        "sae_lens_training_version": None,
        "training_architecture": "batchtopk" if sae.activation == "batch_topk" else None,
        "hook_name": hook or None,
        "model_name": model or None,
        "exported_by": "ontogeny",
    }
    d, atoms = weights["W_enc"].shape
    configuration = {
        "architecture": theirs[kind], "d_in": d, "d_sae": atoms, "dtype": "float32", "device": "cpu",
        "apply_b_dec_to_input": sae.centred, "normalize_activations": normalise, "reshape_activations": "none",
        **({"k": sae.k, "rescale_acts_by_decoder_norm": False} if kind == "topk" else {}),
        "metadata": {k: v for k, v in metadata.items() if v is not None or k == "sae_lens_training_version"},
    }  # fmt: skip
    out.mkdir(parents=True)
    save_file({n: w.float().contiguous() for n, w in weights.items()}, out / WEIGHTS)
    (out / CONFIG).write_text(json.dumps(configuration, indent=2) + "\n", encoding="utf-8")
    return out
