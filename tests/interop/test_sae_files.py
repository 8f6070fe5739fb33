"""Files of sparse autoencoders, in exactly the formats that their libraries write: the run computes what the library computes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ontogeny.errors import Damaged, Refused, UserError
from ontogeny.handles import open_store
from ontogeny.interop.bring import bring
from ontogeny.interop.export import export
from ontogeny.numerics.random import Key

D, N, K = 5, 9, 3


def drawn(name: str, *shape: int) -> Tensor:
    return Key(0, "files").normal(name, *shape, std=1.0)


X = drawn("x", 40, D)
ENC, DEC = drawn("enc", D, N), torch.nn.functional.normalize(drawn("dec", N, D), dim=-1)
B_ENC, B_DEC = drawn("b_enc", N) / 4, drawn("b_dec", D)


def topk(pre: Tensor, k: int = K) -> Tensor:
    values, index = pre.relu().topk(k, -1)
    return torch.zeros_like(pre).scatter(-1, index, values)


# -- how each library writes, and what it then computes ------------------------------------------------------------------


def saelens(folder: Path, architecture: str = "topk", **more: Any) -> Callable[[Tensor], Tensor]:
    folder.mkdir(parents=True)
    weights = {"W_enc": ENC, "W_dec": DEC, "b_enc": B_ENC, "b_dec": B_DEC}
    about = {
        "d_in": D, "d_sae": N, "dtype": "float32", "device": "cpu", "apply_b_dec_to_input": True, "normalize_activations": "none",
        "reshape_activations": "none", "architecture": architecture,
        "metadata": {"sae_lens_version": "6.54.12", "sae_lens_training_version": "6.54.12", "hook_name": "blocks.0.hook_mlp_out"},
    }  # fmt: skip
    if architecture == "topk":
        about |= {"k": K, "rescale_acts_by_decoder_norm": False}
    if architecture == "jumprelu":
        weights["threshold"] = torch.full((N,), 0.3)
    if architecture == "gated":
        weights = {
            "W_enc": ENC,
            "W_dec": DEC,
            "b_dec": B_DEC,
            "b_gate": B_ENC,
            "b_mag": B_ENC / 2,
            "r_mag": B_ENC / 3,
        }
    about |= more
    (folder / "cfg.json").write_text(json.dumps(about))
    save_file(weights, folder / "sae_weights.safetensors")

    def run(x: Tensor) -> Tensor:
        centred = x - B_DEC if about["apply_b_dec_to_input"] else x
        pre = centred @ ENC + B_ENC
        acts = {
            "standard": pre.relu(), "topk": topk(pre), "jumprelu": pre.relu() * (pre > 0.3),
            "gated": (pre > 0) * (centred @ (ENC * (B_ENC / 3).exp()) + B_ENC / 2).relu(),
        }[architecture]  # fmt: skip
        return acts @ DEC + B_DEC

    return run


def dictionary_learning(folder: Path, dict_class: str, **wrapped: Any) -> Callable[[Tensor], Tensor]:
    folder.mkdir(parents=True)
    trainer = {
        "dict_class": dict_class,
        "activation_dim": D,
        "dict_size": N,
        "k": K,
        "layer": 0,
        "lm_name": "m",
        "steps": 7,
    }
    (folder / "config.json").write_text(json.dumps({"trainer": trainer, "buffer": {}}))
    linear = {"encoder.weight": ENC.mT.contiguous(), "decoder.weight": DEC.mT.contiguous()}
    pre = (X - B_DEC) @ ENC + B_ENC
    one = torch.tensor
    state, acts = {
        "AutoEncoder": ({**linear, "encoder.bias": B_ENC, "bias": B_DEC}, pre.relu()),
        "AutoEncoderNew": ({**linear, "encoder.bias": B_ENC, "decoder.bias": B_DEC}, (X @ ENC + B_ENC).relu()),
        "GatedAutoEncoder": (
            {**linear, "decoder_bias": B_DEC, "r_mag": B_ENC / 3, "gate_bias": B_ENC, "mag_bias": B_ENC / 2},
            (pre > 0) * ((pre - B_ENC) * (B_ENC / 3).exp() + B_ENC / 2).relu(),
        ),
        "AutoEncoderTopK": ({**linear, "encoder.bias": B_ENC, "b_dec": B_DEC, "k": one(K), "threshold": one(0.7)}, topk(pre)),
        "BatchTopKSAE": ({**linear, "encoder.bias": B_ENC, "b_dec": B_DEC, "k": one(K), "threshold": one(0.7)}, pre.relu() * (pre > 0.7)),
        "MatryoshkaBatchTopKSAE": (
            {"W_enc": ENC, "W_dec": DEC, "b_enc": B_ENC, "b_dec": B_DEC, "k": one(K), "threshold": one(0.7), "group_sizes": one([4, 5])},
            pre.relu() * (pre > 0.7),
        ),
        "JumpReluAutoEncoder": (
            {"W_enc": ENC, "W_dec": DEC, "b_enc": B_ENC, "b_dec": B_DEC, "threshold": torch.full((N,), 0.3)},
            (X @ ENC + B_ENC).relu() * (X @ ENC + B_ENC > 0.3),
        ),
    }[dict_class]  # fmt: skip
    torch.save({"ae": state, **wrapped} if wrapped else state, folder / "ae.pt")
    return lambda x: acts @ DEC + B_DEC


def sparsify(folder: Path, **more: Any) -> Callable[[Tensor], Tensor]:
    folder.mkdir(parents=True)
    about = {
        "activation": "topk", "expansion_factor": 32, "normalize_decoder": True, "num_latents": N, "k": K, "multi_topk": False,
        "skip_connection": False, "transcode": False, "signed": False, "d_in": D, **more,
    }  # fmt: skip
    (folder / "cfg.json").write_text(json.dumps(about))
    weights = {"encoder.weight": ENC.mT.contiguous(), "encoder.bias": B_ENC, "W_dec": DEC, "b_dec": B_DEC}
    save_file(weights, folder / "sae.safetensors")
    return lambda x: topk((x if about["transcode"] else x - B_DEC) @ ENC + B_ENC) @ DEC + B_DEC


def gemma_scope(folder: Path, second: bool = False) -> Callable[[Tensor], Tensor]:
    folder.mkdir(parents=True)
    weights = {"W_enc": ENC, "W_dec": DEC, "b_enc": B_ENC, "b_dec": B_DEC, "threshold": torch.full((N,), 0.3)}
    if second:
        lower = {n.replace("W_", "w_"): w for n, w in weights.items()}
        save_file(lower, folder / "params.safetensors")
    else:
        np.savez(folder / "params.npz", **{n: w.numpy() for n, w in weights.items()})
    pre = X @ ENC + B_ENC
    return lambda x: (pre.relu() * (pre > 0.3)) @ DEC + B_DEC


def only_run(out: Path) -> Any:
    (entry,) = open_store(out).entries()
    return open_store(out).run(entry.id)


def outputs(out: Path) -> Tensor:
    return only_run(out).model()(X).detach()


WRITERS: dict[str, Callable[[Path], Callable[[Tensor], Tensor]]] = {
    **{f"saelens {a}": lambda p, a=a: saelens(p, a) for a in ("standard", "topk", "jumprelu", "gated")},
    "saelens, not centred": lambda p: saelens(p, "standard", apply_b_dec_to_input=False),
    **{
        f"dictionary_learning {c}": lambda p, c=c: dictionary_learning(p, c)
        for c in ("AutoEncoder", "AutoEncoderNew", "GatedAutoEncoder", "AutoEncoderTopK", "BatchTopKSAE", "MatryoshkaBatchTopKSAE", "JumpReluAutoEncoder")
    },
    "sparsify": sparsify,
    "sparsify transcoder": lambda p: sparsify(p, transcode=True),
    "gemma_scope 1": gemma_scope,
    "gemma_scope 2": lambda p: gemma_scope(p, second=True),
}  # fmt: skip


@pytest.mark.parametrize("format", WRITERS)
def test_the_run_computes_what_the_library_computes(tmp_path, format):
    expected = WRITERS[format](tmp_path / "theirs")
    brought = bring(tmp_path / "theirs", tmp_path / "out")
    assert brought.kind == format.split()[0].rstrip(",") and len(brought.runs) == 1
    torch.testing.assert_close(outputs(tmp_path / "out"), expected(X), rtol=1e-5, atol=1e-5)
    assert torch.equal(
        only_run(tmp_path / "out").weights()["W_dec"], DEC
    )  # atoms in rows, whoever wrote them
    assert bring(tmp_path / "theirs", tmp_path / "out").runs == brought.runs  # the same file is the same run


def test_scales_and_norms_of_saelens_are_folded_or_applied(tmp_path):
    saelens(tmp_path / "norms", "topk", rescale_acts_by_decoder_norm=True)
    weights = load_file(tmp_path / "norms" / "sae_weights.safetensors")
    norms = torch.linspace(0.5, 2, N)
    save_file({**weights, "W_dec": DEC * norms[:, None]}, tmp_path / "norms" / "sae_weights.safetensors")
    bring(tmp_path / "norms", tmp_path / "out")
    acts = topk(((X - B_DEC) @ ENC + B_ENC) * norms)
    torch.testing.assert_close(
        outputs(tmp_path / "out"), acts / norms @ (DEC * norms[:, None]) + B_DEC, rtol=1e-4, atol=1e-5
    )
    saelens(tmp_path / "rescaled", "standard", normalize_activations="constant_norm_rescale")
    bring(tmp_path / "rescaled", tmp_path / "out2")
    size = D**0.5 / X.norm(dim=-1, keepdim=True)
    expected = (((X * size - B_DEC) @ ENC + B_ENC).relu() @ DEC + B_DEC) / size
    torch.testing.assert_close(outputs(tmp_path / "out2"), expected, rtol=1e-4, atol=1e-5)


def test_the_flat_configuration_of_before_version_6(tmp_path):
    expected = saelens(tmp_path / "old", "topk")
    flat = {
        "d_in": D,
        "d_sae": N,
        "activation_fn_str": "topk",
        "activation_fn_kwargs": {"k": K},
        "hook_point": "blocks.1.hook_resid_pre",
        "normalize_activations": "none",
    }
    (tmp_path / "old" / "cfg.json").write_text(json.dumps(flat))
    bring(tmp_path / "old", tmp_path / "out")
    torch.testing.assert_close(outputs(tmp_path / "out"), expected(X), rtol=1e-5, atol=1e-5)
    (tmp_path / "old" / "cfg.json").write_text(json.dumps({**flat, "activation_fn_kwargs": {}}))
    with pytest.raises(UserError, match="no k"):
        bring(tmp_path / "old", tmp_path / "out2")


def test_an_interrupted_dictionary_is_on_the_scale_that_it_says(tmp_path):
    dictionary_learning(
        tmp_path / "d", "AutoEncoder", step=500, optimizer={}, config={"lr": 1e-3}, norm_factor=4.0
    )
    brought = bring(tmp_path / "d", tmp_path / "out")
    assert any("interrupted at step 500" in note for note in brought.notes)
    assert only_run(tmp_path / "out").steps == [500]
    expected = 4.0 * ((((X / 4 - B_DEC) @ ENC + B_ENC).relu()) @ DEC + B_DEC)
    torch.testing.assert_close(outputs(tmp_path / "out"), expected, rtol=1e-5, atol=1e-5)


def test_a_checkpoint_between_is_said_to_be_on_another_scale(tmp_path):
    dictionary_learning(tmp_path / "d", "AutoEncoderTopK")
    (tmp_path / "d" / "checkpoints").mkdir()
    (tmp_path / "d" / "ae.pt").rename(tmp_path / "d" / "checkpoints" / "ae_300.pt")
    brought = bring(tmp_path / "d" / "checkpoints" / "ae_300.pt", tmp_path / "out")
    assert only_run(tmp_path / "out").steps == [300] and any(
        "another scale" in note for note in brought.notes
    )


def test_every_hookpoint_of_a_folder_is_a_run_and_two_files_compare(tmp_path, command):
    for layer in range(3):
        sparsify(tmp_path / "coders" / f"layers.{layer}.mlp")
    assert len(set(bring(tmp_path / "coders", tmp_path / "all").runs)) == 3
    saelens(tmp_path / "one", "topk"), gemma_scope(tmp_path / "two")
    np.save(tmp_path / "acts.npy", X.numpy())
    said = command("import", tmp_path / "one", tmp_path / "two", "--out", tmp_path / "out")
    assert said.returncode == 0, said.stderr
    assert "2 runs in" in said.stdout and "was seen on no activations" in said.stderr
    listed = command("runs", tmp_path / "out").stdout
    assert "one" in listed and "two" in listed


@pytest.mark.parametrize("name", ["W_enc", "W_dec"])
def test_a_transposed_matrix_is_named(tmp_path, name):
    saelens(tmp_path / "t")
    weights = load_file(tmp_path / "t" / "sae_weights.safetensors")
    save_file({**weights, name: weights[name].mT.contiguous()}, tmp_path / "t" / "sae_weights.safetensors")
    with pytest.raises(UserError, match=rf"{name} has shape .* transposed"):
        bring(tmp_path / "t", tmp_path / "out")
    assert not (tmp_path / "out" / "runs").exists()


def _square(folder: Path, W_dec: Tensor, writer: str) -> Path:
    folder.mkdir()
    n = len(W_dec)
    if writer == "sparsify":
        (folder / "cfg.json").write_text(
            json.dumps({"activation": "topk", "num_latents": n, "k": 2, "d_in": n, "normalize_decoder": True})
        )
        save_file(
            {
                "encoder.weight": W_dec.clone(memory_format=torch.contiguous_format),
                "encoder.bias": torch.zeros(n),
                "W_dec": W_dec.clone(memory_format=torch.contiguous_format),
                "b_dec": torch.zeros(n),
            },
            folder / "sae.safetensors",
        )
    else:
        (folder / "cfg.json").write_text(
            json.dumps({"architecture": "topk", "d_in": n, "d_sae": n, "k": 2, "metadata": {}})
        )
        save_file(
            {
                "W_enc": W_dec.mT.contiguous(),
                "b_enc": torch.zeros(n),
                "W_dec": W_dec.clone(memory_format=torch.contiguous_format),
                "b_dec": torch.zeros(n),
            },
            folder / "sae_weights.safetensors",
        )
    return folder


def test_atoms_of_a_square_dictionary_are_told_by_norms_or_asked_for(tmp_path):
    atoms = torch.nn.functional.normalize(drawn("square", 6, 6), dim=-1)
    bring(_square(tmp_path / "right", atoms, "sparsify"), tmp_path / "a")
    assert torch.equal(only_run(tmp_path / "a").weights()["W_dec"], atoms)
    turned = _square(tmp_path / "turned", atoms.mT, "sparsify")
    with pytest.raises(UserError, match=r"columns have norm 1 .* transposed"):
        bring(turned, tmp_path / "b")
    bring(turned, tmp_path / "b", atoms="columns")
    assert torch.equal(only_run(tmp_path / "b").weights()["W_dec"], atoms)
    with pytest.raises(UserError, match="neither rows nor columns"):
        bring(_square(tmp_path / "neither", 2 * atoms, "sparsify"), tmp_path / "c")
    unsaid = _square(tmp_path / "unsaid", atoms, "saelens")
    with pytest.raises(UserError, match="--atoms rows"):
        bring(unsaid, tmp_path / "d")
    bring(unsaid, tmp_path / "d", atoms="rows")
    assert torch.equal(only_run(tmp_path / "d").weights()["W_dec"], atoms)


def test_what_is_missing_besides_or_unknown_is_named(tmp_path):
    saelens(tmp_path / "s")
    where = tmp_path / "s" / "sae_weights.safetensors"
    weights = load_file(where)
    save_file({n: w for n, w in weights.items() if n != "b_dec"}, where)
    with pytest.raises(UserError, match="lacks b_dec"):
        bring(tmp_path / "s", tmp_path / "out")
    save_file({**weights, "W_skip": torch.eye(D)}, where)
    with pytest.raises(UserError, match="W_skip besides"):
        bring(tmp_path / "s", tmp_path / "out")
    for writer, change, words in (
        (saelens, {"architecture": "temporal"}, "'temporal' is no autoencoder"),
        (saelens, {"normalize_activations": "covariance_whitening"}, "covariance_whitening"),
        (sparsify, {"activation": "groupmax"}, "groupmax"),
        (sparsify, {"skip_connection": True}, "skip connection"),
        (sparsify, {"num_latents": 12}, "says 12"),
    ):
        folder = tmp_path / words.replace("'", "").replace(" ", "-")
        writer(folder)
        about = json.loads((folder / "cfg.json").read_text())
        (folder / "cfg.json").write_text(json.dumps({**about, **change}))
        with pytest.raises(UserError, match=words):
            bring(folder, tmp_path / "out")


def test_nothing_is_executed(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    dictionary_learning(tmp_path / "d", "AutoEncoder")
    torch.save({"encoder.weight": Evil()}, tmp_path / "d" / "ae.pt")
    with pytest.raises(Refused):
        bring(tmp_path / "d", tmp_path / "out")
    (tmp_path / "g").mkdir()
    np.savez(tmp_path / "g" / "params.npz", W_enc=np.array([Evil()], dtype=object))
    with pytest.raises(Damaged, match="NumPy archive"):
        bring(tmp_path / "g", tmp_path / "out")
    assert not (tmp_path / "executed").exists()


def test_weights_of_a_language_model_come_in_shards_or_whole(tmp_path, command):
    theirs = {
        "model.embed.weight": drawn("e", 11, 4).bfloat16(),
        "model.layers.0.mlp.weight": drawn("m", 8, 4),
    }
    (tmp_path / "lm").mkdir()
    for i, (name, w) in enumerate(theirs.items()):
        save_file({name: w}, tmp_path / "lm" / f"model-{i}.safetensors")
    where = {name: f"model-{i}.safetensors" for i, name in enumerate(theirs)}
    (tmp_path / "lm" / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    brought = bring(tmp_path / "lm", tmp_path / "out")
    assert brought.kind == "weights"
    for name, w in only_run(tmp_path / "out").weights().items():
        assert torch.equal(w, theirs[name].float())
    save_file(theirs, tmp_path / "whole.safetensors")
    assert bring(tmp_path / "whole.safetensors", tmp_path / "out2").kind == "weights"
    (tmp_path / "lm" / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "../whole.safetensors"}})
    )
    with pytest.raises(UserError, match="outside the folder"):
        bring(tmp_path / "lm", tmp_path / "out3")


@pytest.mark.parametrize("activation", ["relu", "topk", "batch_topk", "jumprelu", "gated"])
def test_what_goes_out_to_saelens_comes_back_the_same_function(tmp_path, tiny_study, carry_out, activation):
    study = tiny_study(
        task={"kind": "sparse_features", "d": 6, "n_features": 9, "active": 2.0, "probe_size": 100},
        architecture={"kind": "sae", "d_atoms": 11, "activation": activation, "k": 3, "normalise": "mean_norm", "b_dec": "mean"},
        objective={"kind": "sparse_reconstruction"}, train={"steps": 5, "batch": 20}, vary={"seed": [0]}, lenses=[],
    )  # fmt: skip
    carry_out(study, tmp_path / "ours", stages=("train",))
    run = only_run(tmp_path / "ours")
    folder = export(tmp_path / "ours", "saelens", tmp_path / "folder")
    bring(folder, tmp_path / "back")
    x = run.subject().probe.inputs
    back, ours = only_run(tmp_path / "back").model()(x), run.model()(x)
    torch.testing.assert_close(back, ours, rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match="exists already"):
        export(tmp_path / "ours", "saelens", tmp_path / "folder")


@pytest.mark.optional
@pytest.mark.parametrize("architecture", ["standard", "topk", "jumprelu", "gated"])
def test_saelens_itself_agrees_in_both_directions(tmp_path, architecture):
    sae_lens = pytest.importorskip("sae_lens")
    saelens(tmp_path / "ours", architecture)
    theirs = sae_lens.SAE.load_from_disk(tmp_path / "ours")
    bring(tmp_path / "ours", tmp_path / "out")
    torch.testing.assert_close(outputs(tmp_path / "out"), theirs(X), rtol=1e-4, atol=1e-5)
    again = sae_lens.SAE.load_from_disk(export(tmp_path / "out", "saelens", tmp_path / "exported"))
    torch.testing.assert_close(again(X), theirs(X), rtol=1e-4, atol=1e-5)
    theirs.save_model(tmp_path / "saved")
    bring(tmp_path / "saved", tmp_path / "out2")
    torch.testing.assert_close(outputs(tmp_path / "out2"), theirs(X), rtol=1e-4, atol=1e-5)


@pytest.mark.optional
@pytest.mark.parametrize(
    "dict_class", ["AutoEncoder", "AutoEncoderNew", "GatedAutoEncoder", "JumpReluAutoEncoder"]
)
def test_dictionary_learning_itself_agrees(tmp_path, dict_class):
    library = pytest.importorskip("dictionary_learning.dictionary")
    dictionary_learning(tmp_path / "d", dict_class)
    theirs = getattr(library, dict_class)(D, N)
    theirs.load_state_dict(torch.load(tmp_path / "d" / "ae.pt", weights_only=True))
    bring(tmp_path / "d", tmp_path / "out")
    torch.testing.assert_close(outputs(tmp_path / "out"), theirs(X), rtol=1e-4, atol=1e-5)
