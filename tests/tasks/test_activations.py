"""What another network does, as data: drawn by key, known by digest, and put back where it came from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ontogeny import build
from ontogeny.errors import UnknownName, UserError
from ontogeny.handles import open_store
from ontogeny.interventions.base import intervene
from ontogeny.interventions.keep_units import KeepUnits
from ontogeny.interventions.splice import Splice
from ontogeny.models.sae import SAE
from ontogeny.numerics.random import Key
from ontogeny.numerics.shuffle import batch_of, shuffled
from ontogeny.objectives.sparse_reconstruction import SparseReconstruction
from ontogeny.registry import lenses
from ontogeny.study import load_study
from ontogeny.subject import Subject
from ontogeny.tasks.activations import Activations

X = Key(0, "acts").normal("x", 60, 4, std=1.0)
WHICH = "d_hidden=20"


def of_run(root: Path, **more: Any) -> Activations:
    return Activations(**{"study": str(root), "run": WHICH, "tap": "hook_hidden", **more})


# -- the order ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 16, 17, 1000, 65537])
def test_a_shuffled_order_is_a_permutation_of_its_own_by_key_and_epoch(n):
    places, key = np.arange(n), Key(0, "order")
    order = shuffled(places, n, key)
    assert sorted(order.tolist()) == list(range(n))
    some = places[:: max(1, n // 7)]
    assert np.array_equal(shuffled(some, n, key), order[some])  # each place by itself
    if n > 15:
        assert not np.array_equal(order, shuffled(places, n, key, 1))
        assert not np.array_equal(order, shuffled(places, n, Key(1, "order")))


def test_places_are_uniform_and_neighbours_are_parted():
    n, draws = 20, 4000
    first = np.array([shuffled(np.arange(2), n, Key(s, "order")) for s in range(draws)])
    counts = np.bincount(first[:, 0], minlength=n)
    assert ((counts - draws / n) ** 2 / (draws / n)).sum() < 55  # χ² with 19 degrees of freedom, p < 10⁻⁵
    apart = np.abs(first[:, 0] - first[:, 1])
    assert abs(apart.mean() - (n + 1) / 3) < 0.3
    assert 2**62 > shuffled(np.array([5]), 2**40 + 3, Key(0, "order"))[0] >= 0


def test_batches_go_through_every_epoch_once():
    key, n, size = Key(0, "order"), 10, 4
    rows = np.concatenate([batch_of(step, size, n, key) for step in range(5)])
    assert sorted(rows[:10].tolist()) == sorted(rows[10:].tolist()) == list(range(10))


# -- arrays ------------------------------------------------------------------------------------------------------------


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    np.save(folder / "x.npy", X.numpy())
    np.savez(folder / "stored.npz", x=X.numpy(), y=np.zeros(3))
    np.savez_compressed(folder / "packed.npz", x=X.numpy())
    save_file({"x": X, "y": X[:2].clone()}, folder / "x.safetensors")
    save_file({"x": X.double()}, folder / "double.safetensors")
    return {
        "x.npy": {}, "stored.npz": {"array": "x"}, "packed.npz": {}, "x.safetensors": {"array": "x"}, "double.safetensors": {},
    }  # fmt: skip


def test_every_format_gives_the_same_rows_and_the_probe_is_never_drawn(tmp_path):
    seen = []
    for name, more in _files(tmp_path).items():
        task = Activations(file=str(tmp_path / name), probe_size=12, **more)
        assert task.signature.features == 4
        probe = task.probe().inputs
        drawn = torch.cat([task.draw(Key(1, "order"), step, 16).inputs for step in range(3)])
        assert sorted(map(tuple, torch.cat([probe, drawn]).tolist())) == sorted(map(tuple, X.tolist()))
        seen.append(torch.cat([probe, drawn]))
    assert all(torch.equal(one, seen[0]) for one in seen)
    again = Activations(file=str(tmp_path / "x.npy"), probe_size=12).draw(Key(1, "order"), 1, 16).inputs
    assert torch.equal(again, seen[0][12 + 16 : 12 + 32])


def test_what_is_larger_than_memory_is_mapped_and_not_read(tmp_path):
    rows = np.lib.format.open_memmap(tmp_path / "big.npy", mode="w+", dtype=np.float16, shape=(2**31, 64))
    rows[12345] = 1.0
    rows.flush()  # 256 GiB on paper, a few pages on disk
    task = Activations(file=str(tmp_path / "big.npy"), probe_size=8)
    assert task.draw(Key(0, "order"), 10**6, 32).inputs.shape == (32, 64)
    assert task.digest.startswith("file:")


def test_an_array_is_known_by_what_it_holds_and_not_by_where_it_lies(tmp_path, tiny_study):
    def id_of(file: Path) -> str:
        study = tiny_study(
            task={"kind": "activations", "file": str(file), "probe_size": 8}, architecture={"kind": "sae", "d_atoms": 8},
            objective={"kind": "sparse_reconstruction"}, train={"steps": 2, "batch": 8}, vary={"seed": [0]},
        )  # fmt: skip
        return build.members(load_study(study))[0].id

    np.save(tmp_path / "a.npy", X.numpy())
    shutil.copy(tmp_path / "a.npy", tmp_path / "b.npy")
    changed = X.numpy().copy()
    changed[3, 1] += 1e-3
    np.save(tmp_path / "c.npy", changed)
    assert id_of(tmp_path / "a.npy") == id_of(tmp_path / "b.npy") != id_of(tmp_path / "c.npy")
    known = Activations(file=str(tmp_path / "a.npy"), probe_size=8)
    moved = Activations(file=str(tmp_path / "c.npy"), probe_size=8, digest=known.digest)
    with pytest.raises(UserError, match="is not what it was"):
        moved.probe()


def test_arrays_that_are_no_activations_are_named(tmp_path):
    np.save(tmp_path / "whole.npy", np.arange(6).reshape(3, 2))
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    np.save(tmp_path / "nan.npy", np.full((9, 2), np.nan, dtype=np.float32))
    (tmp_path / "x.csv").write_text("1,2")
    _files(tmp_path)
    for settings, words in (
        ({"file": "gone.npy"}, "no file"),
        ({"file": "whole.npy"}, "int64"),
        ({"file": "objects.npy"}, "cannot be read"),
        ({"file": "nan.npy", "probe_size": 4}, "not finite"),
        ({"file": "x.csv"}, "come as .npy"),
        ({"file": "stored.npz"}, "2 arrays; say which"),
        ({"file": "stored.npz", "array": "z"}, "no array 'z'"),
        ({"file": "x.npy"}, "nothing is left to train on"),
    ):
        settings["file"] = str(tmp_path / settings["file"])
        with pytest.raises(UserError, match=words):
            Activations(**settings).probe()
    for wrong in ({}, {"file": "a", "study": "b"}, {"study": "b"}):
        with pytest.raises(UserError):
            Activations(**wrong)


# -- runs --------------------------------------------------------------------------------------------------------------


def test_activations_are_those_of_the_run_and_its_weights_are_in_the_name(trained):
    run = open_store(trained).run(d_hidden=20)
    task = of_run(trained)
    probe = task.probe()
    torch.testing.assert_close(probe.inputs, run.cache()["hook_hidden"])
    assert dict(probe.grid) == {"a": 7, "b": 7} and probe.period == 7
    assert task.digest == f"run:{run.id}:{run.entry.digests[run.steps[-1]]}"
    first = of_run(trained, step=0)
    assert first.digest.endswith(run.entry.digests[0]) and first.digest != task.digest
    drawn = task.draw(Key(0, "order"), 0, 49).inputs  # an epoch
    assert sorted(map(tuple, drawn.tolist())) == sorted(map(tuple, probe.inputs.tolist()))


def test_positions_and_heads_are_laid_side_by_side(tmp_path, tiny_study, carry_out):
    small = {"kind": "transformer", "d_model": 16, "n_heads": 2, "d_head": 8, "d_mlp": 16}
    study = tiny_study(
        task={"kind": "modular_addition", "p": 5, "equals": True},
        architecture=small,
        vary={"seed": [0]},
        lenses=[],
        train__epochs=1,
    )
    carry_out(study, tmp_path / "t", stages=("train",))
    cache = open_store(tmp_path / "t").run().cache()
    for tap, expected in (
        ("blocks.0.mlp.hook_post", cache["blocks.0.mlp.hook_post"][:, -1]),
        ("last:blocks.0.mlp.hook_post", cache["last:blocks.0.mlp.hook_post"]),
        ("blocks.0.attn.hook_z", cache["blocks.0.attn.hook_z"][:, -1].flatten(1)),
    ):
        task = Activations(study=str(tmp_path / "t"), tap=tap)
        torch.testing.assert_close(task.probe().inputs, expected)
        host = task.probe().host
        clean, same = host.onward(None)[0], host.onward(task.probe().inputs)[0]
        torch.testing.assert_close(same.reshape(clean.shape), clean, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(host.onward(torch.zeros_like(expected))[0].reshape(clean.shape), clean)
    with pytest.raises(UserError, match="no vector"):
        Activations(study=str(tmp_path / "t"), tap="blocks.0.attn.hook_pattern").probe()


def test_what_must_come_first_is_said_with_its_command(trained, tmp_path):
    with pytest.raises(UserError, match="First: `ontogeny run grokking --out"):
        of_run(tmp_path / "grokking")
    with pytest.raises(UserError, match="ontogeny run STUDY"):
        of_run(tmp_path / "mine")
    with pytest.raises(UserError, match="Which of the 3 runs"):
        of_run(trained, run="")
    with pytest.raises(UserError, match="not kept; the nearest"):
        of_run(trained, step=9999)
    with pytest.raises(UserError, match="No run has d_hidden=5"):
        of_run(trained, run="d_hidden=5")
    with pytest.raises(UnknownName, match="hook_hidden"):
        of_run(trained, tap="hook_hiden").probe()


def perfect(trained: Path) -> Subject:
    """A dictionary whose atoms are the coordinates, both ways: it rebuilds everything."""
    probe = of_run(trained).probe()
    d = probe.inputs.shape[-1]
    atoms = torch.cat([torch.eye(d), -torch.eye(d)])
    weights = {
        "W_enc": atoms.mT.contiguous(),
        "W_dec": atoms,
        "b_enc": torch.zeros(2 * d),
        "b_dec": torch.zeros(d),
    }
    from ontogeny.tasks.base import Signature

    return Subject(
        SAE(d_atoms=2 * d, activation="relu"),
        weights,
        probe,
        Signature(d, features=d),
        SparseReconstruction(),
    )


def seen(name: str, model: Subject, **options: Any) -> dict[str, Any]:
    return {k: v.values for k, v in lenses[name](model, **options).items()}


def test_a_perfect_dictionary_recovers_the_loss_and_a_dead_one_nothing(trained):
    model = perfect(trained)
    performance = open_store(trained).run(d_hidden=20).lens("performance", [-1])
    spliced = seen("sae_splice", model)
    assert float(spliced["recovered"]) == pytest.approx(1) and float(
        spliced["recovered_of_mean"]
    ) == pytest.approx(1)
    assert float(spliced["loss"][0]) == pytest.approx(performance["loss"].sel(split="all").item(), rel=1e-5)
    nothing = intervene(model, KeepUnits("hook_acts", ()))
    assert float(seen("sae_splice", nothing)["recovered"]) == pytest.approx(0)
    some = intervene(model, {"kind": "zero_ablate", "tap": "hook_acts", "units": (0, 20)})
    loss = float(seen("sae_splice", some)["loss"][1])
    run = open_store(trained).run(d_hidden=20)
    without = intervene(run.subject(), {"kind": "zero_ablate", "tap": "hook_hidden", "units": (0,)})
    assert loss == pytest.approx(float(without.examples["loss"].double().mean()), rel=1e-5)


def test_any_lens_looks_at_the_host_through_a_dictionary(trained):
    run, model = open_store(trained).run(d_hidden=20), perfect(trained)
    whole = run.lens("performance", [-1])["loss"].values
    through = run.lens("performance", [-1], under=Splice("hook_hidden", model))["loss"].values
    np.testing.assert_allclose(through, whole, rtol=1e-5)
    kept = intervene(model, KeepUnits("hook_acts", tuple(range(1, 20)) + tuple(range(21, 40))))
    without = run.lens("performance", [-1], under=Splice("hook_hidden", kept))["loss"].values
    ablated = run.lens(
        "performance", [-1], under={"kind": "zero_ablate", "tap": "hook_hidden", "units": (0,)}
    )["loss"].values
    np.testing.assert_allclose(without, ablated, rtol=1e-5)


def test_effects_of_single_atoms_are_those_of_the_units_they_stand_for(trained):
    model = perfect(trained)
    effects = seen("atom_effects", model, atoms=3)
    run = open_store(trained).run(d_hidden=20)
    clean = float(run.subject().examples["loss"].double().mean())
    j = int(effects["atom"][0])
    W_p = run.weights()["W_p"]  # (output, d_hidden)
    sign, unit = (1, j) if j < 20 else (-1, j - 20)
    expected = sign * (W_p[:, unit] - W_p[:, unit].mean())
    torch.testing.assert_close(effects["logit"][0], expected, rtol=1e-3, atol=1e-5)
    assert float(effects["linear"]) == 1
    only = seen("sae_splice", intervene(model, {"kind": "zero_ablate", "tap": "hook_acts", "units": (j,)}))
    assert float(effects["without"][0]) == pytest.approx(float(only["loss"][1]) - clean, abs=1e-6)


def test_atoms_of_pure_waves_are_found_at_the_frequencies_of_the_host(trained):
    """The data are four waves of a + b at frequencies 1 and 2 and noise; the host's own key frequencies are replaced by known ones."""
    from dataclasses import replace

    a, b = torch.meshgrid(torch.arange(7.0), torch.arange(7.0), indexing="ij")
    s = (a + b).flatten()
    waves = [f(2 * torch.pi * k * s / 7) for k in (1, 2) for f in (torch.cos, torch.sin)]
    noise = Key(0, "noise").normal("x", 49, 1, std=1.0)
    x = torch.cat([torch.stack(waves, -1), noise], -1)

    class Known:
        words, labels = "a host of frequencies 1 and 3", (a + b).flatten().long() % 7

        def onward(self, values: Any) -> Any:
            d = s[:, None] - torch.arange(7.0)
            return sum(torch.cos(2 * torch.pi * k * d / 7) for k in (1, 3)), {"loss": torch.zeros(49)}

    model = perfect(trained)
    atoms = torch.eye(5)
    weights = {
        "W_enc": atoms,
        "W_dec": atoms,
        "b_enc": torch.tensor([9.0] * 4 + [0.0]),
        "b_dec": torch.zeros(5),
    }
    probe = replace(model.probe, inputs=x, labels=x, host=Known())
    found = seen(
        "atom_frequencies",
        Subject(SAE(d_atoms=5, activation="relu"), weights, probe, model.signature, model.objective),
    )
    assert found["is_key"].nonzero().flatten().tolist() == [1, 3]
    assert (
        found["dominant_frequency"][:4].tolist() == [1, 1, 2, 2] and found["dominant_share"][:4].min() > 0.999
    )
    assert found["atoms_at"].tolist() == [0, 2, 2, 0]
    assert float(found["keys_found"]) == float(found["atoms_at_keys"]) == float(found["keys_of_units"]) == 0.5
    assert float(found["specialised"]) == pytest.approx(0.8)
    # the noise leads somewhere too; of the four waves two are at a key frequency
    of_noise = int(found["dominant_frequency"][4]) in (1, 3)
    assert (
        float(found["led_by_keys"]) == float(found["units_led_by_keys"]) == pytest.approx((2 + of_noise) / 5)
    )
    assert float(found["key_share"]) == pytest.approx(2 / 3)
    assert float(found["share_mean"]) == pytest.approx(float(found["dominant_share"].mean()))


def test_a_study_of_activations_trains_looks_and_is_the_same_again(trained, tmp_path, tiny_study, carry_out):
    study = tiny_study(
        task={"kind": "activations", "study": str(trained), "tap": "hook_hidden"},
        architecture={"kind": "sae", "d_atoms": 16, "k": 4, "b_dec": "geometric_median"},
        objective={"kind": "sparse_reconstruction"}, train={"steps": 4, "batch": 32, "evaluate": {"ranges": [{"every": 2}]}},
        vary={"task.run": ["d_hidden=3", WHICH], "seed": [0]}, lenses=["sae_codes", "sae_splice", "atom_frequencies"],
    )  # fmt: skip
    carry_out(study, tmp_path / "out")
    store = open_store(tmp_path / "out")
    assert store.runs()["status"].tolist() == ["done"] * 2
    assert set(store.run(**{"task.run": WHICH}).lens("sae_splice")) >= {"recovered", "loss"}
    assert not carry_out(study, tmp_path / "out")
    assert not carry_out(
        {**study, "task": {**study["task"], "study": str(Path(trained) / ".." / Path(trained).name)}},
        tmp_path / "out",
    ).of("train")
