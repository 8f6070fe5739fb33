"""What goes out comes in again as it was; docs/files.md says what is true."""

from __future__ import annotations

import builtins
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from safetensors.torch import load_file, save_file

from ontogeny.errors import Damaged, UnknownName, UserError
from ontogeny.handles import open_store
from ontogeny.interop.bring import bring
from ontogeny.interop.export import export

Run = Callable[..., Any]
DOCUMENT = Path(__file__).parents[2] / "docs" / "files.md"


def theirs(root: Path) -> dict[int, dict[str, torch.Tensor]]:
    """The folder of docs/files.md."""
    (root / "seed0").mkdir(parents=True)
    (toml,) = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    (root / "runs.toml").write_text(toml)
    generator = torch.Generator().manual_seed(0)
    shapes = {"left": (3, 14), "right": (3, 14), "out": (7, 3)}
    steps = {s: {n: torch.randn(*x, generator=generator) for n, x in shapes.items()} for s in (0, 10, 200)}
    for step, weights in steps.items():
        save_file(weights, root / "seed0" / f"step-{step}.safetensors")
    (root / "seed0" / "metrics.csv").write_text("step,train_loss\n0,1.5\n10,\n200,0.1\n")
    return steps


def test_the_folder_of_the_document(tmp_path: Path) -> None:
    steps = theirs(tmp_path / "theirs")
    brought = bring(tmp_path / "theirs", tmp_path / "out")
    run = open_store(tmp_path / "out").run(seed=0)
    assert brought.kind == "folder" and run.steps == [0, 10, 200]
    for step, weights in steps.items():
        assert torch.equal(run.weights(step)["W_l"], weights["left"])
        x = torch.eye(7)
        one_hot = torch.cat([x.repeat_interleave(7, 0), x.repeat(7, 1)], -1)
        logits = ((one_hot @ weights["left"].T) * (one_hot @ weights["right"].T)) @ weights["out"].T
        torch.testing.assert_close(run.subject(step).outputs, logits)
    assert run.metrics()["train_loss"].dropna().to_dict() == {0: 1.5, 200: 0.1}


def test_the_commands_of_the_document(tmp_path: Path, command: Run) -> None:
    theirs(tmp_path / "theirs")
    blocks = re.findall(r"```\n(ontogeny.*?)```", DOCUMENT.read_text(), re.DOTALL)
    commands = [line.split() for block in blocks for line in block.splitlines()]
    assert len(commands) >= 8
    for words in commands:
        if "DIR" in words:
            continue  # densify: in test_densify.py, and below for its refusal
        done = command(*words[1:], cwd=tmp_path)
        assert done.returncode == 0, f"{words}: {done.stderr}"
    assert open_store(tmp_path / "out/again").runs().equals(open_store(tmp_path / "out/theirs").runs())
    done = command(
        "densify", "out/again", "--run", open_store(tmp_path / "out/again").runs().index[0], "--from", 0, "--to", 9,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2 and "trained elsewhere" in done.stderr


def test_what_runs_toml_gets_wrong_is_named(tmp_path: Path) -> None:
    theirs(tmp_path / "theirs")
    good = (tmp_path / "theirs/runs.toml").read_text()
    outside = tmp_path / "secret"
    shutil.copytree(tmp_path / "theirs/seed0", outside)
    cases: dict[str, tuple[type[UserError], str]] = {
        good.replace("steps =", "stepps ="): (UserError, "stepps"),
        good.replace("left =", "lefft ="): (UnknownName, "lefft"),
        good.replace("step-{step}", "step"): (UserError, "{step}"),
        good.replace("seed0/step-", "seed0/stop-"): (UserError, "step-0.safetensors"),
        good.replace('"seed0/step', '"../secret/step'): (UserError, "outside"),
        good.replace('"seed0/step', f'"{outside}/step'): (UserError, "outside"),
        good.replace("d_hidden = 3", 'd_hiden = "x"'): (UserError, "d_hiden"),
        "= =": (UserError, "TOML"),
    }
    for text, (kind, said) in cases.items():
        (tmp_path / "theirs/runs.toml").write_text(text)
        with pytest.raises(kind, match=re.escape(said)):
            bring(tmp_path / "theirs", tmp_path / "out")
    (tmp_path / "theirs/runs.toml").write_text(good)
    (tmp_path / "theirs/seed0/step-10.safetensors").write_bytes(b"hello")
    with pytest.raises(Damaged, match=r"step-10\.safetensors"):
        bring(tmp_path / "theirs", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_safetensors_out_and_in_again(trained: Path, tmp_path: Path) -> None:
    export(trained, "safetensors", tmp_path / "plain")
    bring(tmp_path / "plain", tmp_path / "again")
    before, after = open_store(trained), open_store(tmp_path / "again")
    assert len(after.runs()) == len(before.runs())
    for entry in before.entries():
        one = before.run(entry.id)
        other = after.run(**one.varied)
        assert other.steps == one.steps
        for step in one.steps:
            file = load_file(tmp_path / "plain" / one.id / f"step-{step}.safetensors")
            for name, w in one.weights(step).items():
                assert torch.equal(file[name], w) and torch.equal(other.weights(step)[name], w)
        pd.testing.assert_frame_equal(other.metrics(), one.metrics())
        xr.testing.assert_equal(other.lens("performance"), one.lens("performance"))  # the split came along


def test_npz_and_one_step_of_one_run(trained: Path, tmp_path: Path) -> None:
    run = open_store(trained).run(open_store(trained).entries()[0].id)
    export(trained, "npz", tmp_path / "np", run=run.id[:6], step=-1)
    (file,) = (tmp_path / "np").rglob("*.npz")
    assert file.name == f"step-{run.steps[-1]}.npz"
    arrays = np.load(file)
    assert set(arrays) == set(run.weights())
    assert all((arrays[name] == w.numpy()).all() for name, w in run.weights().items())


def test_zarr_is_labelled(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    export(trained, "zarr", tmp_path / "z.zarr")
    run = open_store(trained).run(open_store(trained).entries()[0].id)
    data = xr.open_zarr(tmp_path / "z.zarr", group=f"{run.id}/weights", consolidated=False)
    assert data["W_p"].dims == ("step", "output", "d_hidden") and data.step.values.tolist() == run.steps
    assert (data["W_p"].sel(step=run.steps[-1]).values == run.weights()["W_p"].numpy()).all()
    result = xr.open_zarr(tmp_path / "z.zarr", group=f"{run.id}/results/performance", consolidated=False)
    xr.testing.assert_equal(result.load(), run.lens("performance"))
    comparison = xr.open_zarr(
        tmp_path / "z.zarr", group="comparisons/activation_similarity", consolidated=False
    )
    assert (comparison["value"].values == open_store(trained).compare("activation_similarity").values).all()


def test_without_zarr_the_extra_is_named(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "zarr":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"ontogeny\[zarr\]"):
        export(trained, "zarr", tmp_path / "z")
    assert list(tmp_path.iterdir()) == []


def test_a_state_dict_goes_out_and_comes_in(tmp_path: Path, tiny_study: Run, carry_out: Run) -> None:
    small = {"kind": "transformer", "n_heads": 2, "d_model": 4, "d_head": 2, "d_mlp": 4}
    carry_out(
        tiny_study(architecture=small, task__equals=True, vary={"seed": [0, 1]}, train__epochs=2),
        tmp_path / "a",
    )
    one = open_store(tmp_path / "a").run(seed=1)
    with pytest.raises(UserError, match="--run ID"):
        export(tmp_path / "a", "transformer_lens", tmp_path / "m.pth")
    for name in ("m.pth", "m.safetensors"):
        export(tmp_path / "a", "transformer_lens", tmp_path / name, run=one.id, step=-1)
        brought = bring(tmp_path / name, tmp_path / f"from {name}")
        back = open_store(tmp_path / f"from {name}").run(brought.runs[0])
        assert all(torch.equal(back.weights()[n], w) for n, w in one.weights().items())
        torch.testing.assert_close(back.subject().outputs, one.subject().outputs)


def test_what_cannot_be_exported_is_said(trained: Path, tmp_path: Path) -> None:
    run = open_store(trained).entries()[0].id
    cases: list[tuple[dict[str, Any], str]] = [
        ({"format": "parquet"}, "parquet"),
        ({"format": "bundle", "run": run}, "whole study"),
        ({"format": "npz", "run": "zzz"}, "zzz"),
        ({"format": "npz", "run": run, "step": 10**6}, "not kept"),
        ({"format": "transformer_lens", "run": run}, "'bilinear'"),
    ]
    for arguments, said in cases:
        with pytest.raises(UserError, match=said):
            export(trained, out=tmp_path / "x", **arguments)
    with pytest.raises(UserError, match="exists already"):
        export(trained, "npz", tmp_path)
    assert list(tmp_path.iterdir()) == []
