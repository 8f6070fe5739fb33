"""TransformerLens's state dicts, in and out, and the published files of grokking runs.

The names and shapes of our transformer are TransformerLens's. Its state dicts carry besides two buffers a layer (``mask``, which
positions may be seen, and ``IGNORE``, the score of those that may not) and, in a network without biases, biases that are zero.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.interop.runs import UNKNOWN, Found, must_be_tensors
from ontogeny.models.base import Weights

_BIASES = {
    "attn.b_Q": ("head", "d_head"),
    "attn.b_K": ("head", "d_head"),
    "attn.b_V": ("head", "d_head"),
    "attn.b_O": ("d_model",),
    "mlp.b_in": ("d_mlp",),
    "mlp.b_out": ("d_model",),
}
_WEIGHT = re.compile(
    r"embed\.W_E|pos_embed\.W_pos|unembed\.W_U|blocks\.\d+\.(attn\.W_[QKVO]|mlp\.W_(in|out))"
)


def is_state_dict(value: Any) -> bool:
    """Has it the embedding and unembedding of a TransformerLens model?"""
    return isinstance(value, Mapping) and {"embed.W_E", "unembed.W_U"} <= set(value)


def to_state_dict(weights: Mapping[str, Tensor]) -> Weights:
    """What ``HookedTransformer.load_state_dict`` takes: our weights with causal masks, ``IGNORE`` and biases of zero.

    The model to load it into has ``n_ctx`` = rows of ``pos_embed.W_pos``, ``normalization_type=None`` and
    ``d_vocab_out`` = columns of ``unembed.W_U``.
    """
    state = {name: w.detach().cpu().clone() for name, w in weights.items()}
    positions = weights["pos_embed.W_pos"].shape[-2]
    for layer in range(_layers(weights)):
        block = f"blocks.{layer}."
        heads, d_model, d_head = weights[f"{block}attn.W_Q"].shape
        sizes = {"head": heads, "d_model": d_model, "d_head": d_head}
        sizes["d_mlp"] = weights[f"{block}mlp.W_in"].shape[-1]
        state |= {block + name: torch.zeros([sizes[axis] for axis in axes]) for name, axes in _BIASES.items()}
        state[f"{block}attn.mask"] = torch.ones(positions, positions, dtype=torch.bool).tril()
        state[f"{block}attn.IGNORE"] = torch.tensor(-torch.inf)
    state["unembed.b_U"] = torch.zeros(weights["unembed.W_U"].shape[-1])
    return state


def configuration(architecture: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Any]:
    """What ``HookedTransformerConfig`` takes for a state dict of ours, but for ``normalization_type=None``, which TOML cannot
    say."""
    sizes = {k: architecture[k] for k in ("n_layers", "n_heads", "d_model", "d_head", "d_mlp")}
    vocab, outputs = state["embed.W_E"].shape[0], state["unembed.W_U"].shape[1]
    shapes = {"n_ctx": state["pos_embed.W_pos"].shape[0], "d_vocab": vocab, "d_vocab_out": outputs}
    return {**sizes, **shapes, "act_fn": architecture["activation"]}


def from_state_dict(state: Mapping[str, Tensor], activation: str = "relu") -> tuple[dict[str, Any], Weights]:
    """(architecture, weights) of a TransformerLens state dict.

    Masks must be causal and biases zero, because our transformer has neither another mask nor biases: they are checked and
    dropped. Raises ``UserError`` naming whatever would change the function if it were dropped, and shapes that do not belong
    together.
    """
    if not is_state_dict(state):
        raise UserError(
            "A TransformerLens state dict has 'embed.W_E' and 'unembed.W_U'; this one has "
            f"{', '.join(map(str, list(state)[:8])) if isinstance(state, Mapping) else type(state).__name__}."
        )
    must_be_tensors(state, "The state dict")
    weights: Weights = {}
    for name, value in state.items():
        if _WEIGHT.fullmatch(name):
            weights[name] = value.detach().cpu().clone()
        elif reason := _matters(name, value):
            raise UserError(
                f"'{name}' {reason}; our transformer has no place for it, and without it the model would be another."
            )
    _same_sizes(weights)
    heads, d_model, d_head = weights["blocks.0.attn.W_Q"].shape
    architecture = {
        "kind": "transformer",
        "n_layers": _layers(weights),
        "n_heads": heads,
        "d_model": d_model,
        "d_head": d_head,
        "d_mlp": weights["blocks.0.mlp.W_in"].shape[-1],
        "activation": activation,
    }
    return architecture, weights


def sizes_of(weights: Weights) -> dict[str, Any]:
    """What the shapes say of the task: two numbers below p, and "=" where there is a third position. Which task it is, they
    cannot say."""
    vocab, positions = weights["embed.W_E"].shape[-2], weights["pos_embed.W_pos"].shape[-2]
    return {"p": vocab - (positions == 3), "equals": positions == 3} if positions in (2, 3) else {}


def from_published(
    data: Mapping[str, Any], source: str, task: Mapping[str, Any] | None = None
) -> tuple[Found, list[str]]:
    """A grokking run as it was published, and notes on what was taken for granted.

    The file was written by a loop that, in epoch e, logged the training loss, updated, logged the test loss and then saved. In
    steps (updates that the weights have seen): its checkpoint "epoch e" is step e + 1, ``train_losses[e]`` belongs to step e
    and ``test_losses[e]`` to step e + 1. ``model`` is the last step.
    """
    states = _first(data, "checkpoints", "state_dicts")
    epochs = _first(data, "checkpoint_epochs", "epochs")
    train, test = (list(_first(data, name) or ()) for name in ("train_losses", "test_losses"))
    if (states is None) != (epochs is None) or (states is not None and len(states) != len(epochs)):
        raise UserError(
            f"{source} has {len(states or ())} checkpoints and {len(epochs or ())} epochs to them; "
            "'checkpoints' and 'checkpoint_epochs' need the same length."
        )
    saved = dict(zip((int(e) + 1 for e in epochs or ()), states or (), strict=True))
    if "model" in data:
        saved.setdefault(max(len(train), max(saved, default=0)), data["model"])
    activation, notes = _activation(data.get("config"))
    read = {step: from_state_dict(state, activation) for step, state in sorted(saved.items())}
    architecture, last = list(read.values())[-1]
    sizes = sizes_of(last)
    split, fraction = _split(data, {**sizes, **task}) if task else (None, {})
    if split is None and task:
        notes.append(
            "the file does not say which inputs were trained on; lenses over train and test cannot look"
        )
    found = Found(
        varied={"seed": 0},
        snapshots={step: weights for step, (_, weights) in read.items()},
        task={**sizes, **task, **fraction} if task else UNKNOWN,
        sizes=sizes,
        architecture=architecture,
        objective={"kind": "cross_entropy", "precision": "float64"},
        rows=_rows(train, test),
        split=split,
        source=source,
    )
    return found, notes


def _rows(train: Sequence[Any], test: Sequence[Any]) -> list[dict[str, float]]:
    rows = []
    for step in range(max(len(train), len(test) + 1 if test else 0)):
        row: dict[str, float] = {"step": step, "epoch": float(step)}
        if step < len(train):
            row["train_loss"] = float(train[step])
        if 0 < step <= len(test):
            row["test_loss"] = float(test[step - 1])
        rows.append(row)
    return rows


def _split(
    data: Mapping[str, Any], task: Mapping[str, Any]
) -> tuple[dict[str, list[int]] | None, dict[str, float]]:
    """Rows of the table that were trained on and tested; the files number pairs as a · p + b, as we do."""
    parts = {part: _first(data, f"{part}_indices") for part in ("train", "test")}
    if "p" not in task or any(rows is None for rows in parts.values()):
        return None, {}
    split = {part: sorted(int(i) for i in rows) for part, rows in parts.items()}
    if sorted(split["train"] + split["test"]) != list(range(task["p"] ** 2)):
        raise UserError(
            f"train_indices ({len(split['train'])}) and test_indices ({len(split['test'])}) are not all {task['p']}² "
            "pairs, each once."
        )
    return split, {"train_fraction": len(split["train"]) / task["p"] ** 2}


def _activation(config: Any) -> tuple[str, list[str]]:
    """What a configuration, kept inert, says of the network; nothing in it is executed."""
    about = config if isinstance(config, Mapping) else getattr(config, "state", None)
    if not isinstance(about, Mapping):
        return "relu", ["the file has no configuration that can be read; the activation is taken to be ReLU"]
    if norm := about.get("normalization_type"):
        raise UserError(
            f"The configuration says normalization_type = {norm!r}; our transformer has no LayerNorm."
        )
    activation = str(about.get("act_fn", "relu"))
    if activation not in ("relu", "gelu"):
        raise UserError(
            f"The configuration says act_fn = {activation!r}; our transformer has 'relu' and 'gelu'."
        )
    return activation, []


def _matters(name: str, value: Tensor) -> str | None:
    """Why a tensor that is not a weight cannot be dropped; None if it can."""
    leaf = name.rpartition(".")[2]
    if leaf == "mask":
        causal = torch.ones_like(value, dtype=torch.bool).tril()
        return None if torch.equal(value.bool(), causal) else "is not the causal mask"
    if leaf == "IGNORE":
        return (
            None
            if bool((value <= -1e4).all())
            else f"is {float(value.max())}, and not a score that hides a position"
        )
    if leaf.startswith("b_"):
        return (
            None if not value.any() else f"is a bias that is not zero (up to {float(value.abs().max()):.3g})"
        )
    return f"of shape {tuple(value.shape)} is not known"


def _same_sizes(weights: Weights) -> None:
    """Every axis has one size wherever it stands."""
    from ontogeny.models.transformer import Transformer

    sizes: dict[str, tuple[int, str]] = {}
    axes = Transformer(n_layers=_layers(weights)).axes
    if missing := sorted(set(axes) - set(weights)):
        raise UserError(f"The state dict lacks {', '.join(missing)}.")
    for name, weight in weights.items():
        if weight.ndim != len(axes[name]):
            raise UserError(f"'{name}' has shape {tuple(weight.shape)}; its axes are {axes[name]}.")
        for axis, size in zip(axes[name], weight.shape, strict=True):
            known, where = sizes.setdefault(axis, (size, name))
            if known != size:
                raise UserError(
                    f"'{name}' of shape {tuple(weight.shape)} should be {axes[name]}, but {axis} is {known} in '{where}'. "
                    "Is it transposed? TransformerLens multiplies activations from the left."
                )


def _layers(weights: Mapping[str, Tensor]) -> int:
    return 1 + max((int(n.split(".")[1]) for n in weights if n.startswith("blocks.")), default=0)


def _first(data: Mapping[str, Any], *names: str) -> Any:
    return next((data[name] for name in names if name in data), None)
