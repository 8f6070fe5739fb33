"""What nobody should ask for is refused in one sentence before anything is trained, allocated or written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import ontogeny as on
from ontogeny import build, sizes
from ontogeny.errors import UserError
from ontogeny.study import load_study

ABSURD: list[tuple[list[str], str]] = [
    (["vary.seed={range=[0, 5, 0]}"], "stride"),
    (["vary.seed={range=['a', 'b']}"], "whole numbers"),
    (["vary.seed={range=3}"], r"range = \[first, last\]"),
    (["vary.seed={range=[0, 1000000000]}"], "1,000,000,001 values"),
    (["vary.seed={range=[0, 1e9]}"], "whole numbers"),
    (["vary.seed={range=[5, 0]}"], "0 values"),
    (["vary.seed={range=[0, 9999]}", "vary.architecture.d_hidden={range=[1, 64]}"], "640,000 runs"),
    (["checkpoints.per_decade=1e9"], "per_decade"),
    (["checkpoints.at=[-1]"], "checkpoints.at"),
    (["checkpoints.ranges=[{every=1, start=-5}]"], "start"),
    (["train.epochs=2000000000"], "points"),
    (["task.p=100000"], r"does not fit into memory.*p = 100000.*TB|PB"),
    (["architecture.d_hidden=100000000", "vary.architecture.d_hidden=100000000"], "does not fit into memory"),
    (["optimiser.lr=nan"], "lr = nan"),
    (["optimiser.lr=inf"], "lr = inf"),
    (["vary.optimiser.lr=[0.1, nan]"], "lr = nan"),
    (["optimiser.beta1=1.5"], "beta1"),
    (["optimiser.warmup=-1"], "warmup"),
    (["train.clip=inf"], "clip"),
    (["name='../../x'"], "no slashes"),
    (["name=''"], "name"),
    (["task.kind=[1]"], "kind"),
    (["architecture.kind=0"], "kind of the architecture is 0"),
    (["architecture.kind={range=[0, 5]}"], "kind of the architecture is"),
    (["optimiser.kind=false"], "kind of the optimiser is False"),
    (["lenses=[{name='performance', options={nope=1}}]"], "option of the lens 'performance' called 'nope'"),
    (["lenses=[{name='frequency_distribution', options={form='powr'}}]"], "power"),
    (["measures=[{name='tn_similarity', options={part='visble'}}]"], "visible"),
    (["measures=[{name='activation_similarity', options={centred=3}}]"], "centred"),
    (["report=[{heading='x', views=[{name='loss_curves', options={points='many'}}]}]"], "points"),
    (["report=[{heading='x', views=[{name='loss_curves', options={nope=1}}]}]"], "nope"),
    (["report=[{heading='x', views=[{name='similarity_heatmap', options={measure='tn'}}]}]"], "tn"),
]


@pytest.mark.parametrize(("given", "said"), ABSURD, ids=[" ".join(one[0]) for one in ABSURD])
def test_refused_before_anything_is_written(
    given: list[str], said: str, tiny_study: Any, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said) as error:
        on.run(tiny_study(), tmp_path / "out", given)
    assert not (tmp_path / "out").exists()
    assert "\n" not in str(error.value) and len(str(error.value)) < 800


def test_a_size_is_that_of_the_real_thing(tiny_study: Any) -> None:
    for kind in ({"kind": "bilinear", "d_hidden": 5}, {"kind": "mlp", "d_mlp": 9}, {"kind": "transformer"}):
        study = load_study(tiny_study(architecture=kind, vary=None, task__equals=True))
        (m,) = build.members(study)
        weights, probe = m.init(), m.task.probe()
        outputs = m.architecture.forward(weights, probe.inputs).outputs
        real = {
            "weights": sum(w.nbytes for w in weights.values()),
            "table": probe.inputs.nbytes + probe.labels.nbytes,
            "outputs": outputs.nbytes,
        }
        assert sizes.sizes_of(m) == real
        assert type(build.part("architecture", study.architecture).init(m.task.signature, m.key("init"))["embed.W_E" if kind["kind"] != "bilinear" else "W_l"]) is torch.Tensor  # fmt: skip


def test_a_path_that_cannot_be_is_one_sentence(tiny_study: Any, tmp_path: Path, command: Any) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / ("x" * 300), tmp_path / "file", tmp_path / "file" / "below"):
        for do in (lambda out=out: on.run(tiny_study(), out), lambda out=out: on.open(out)):
            with pytest.raises(UserError) as error:
                do()
            assert "\n" not in str(error.value)
    said = command("run", "bottleneck-quick", "--out", tmp_path / ("x" * 300))
    assert said.returncode == 2 and "Traceback" not in said.stderr and said.stderr.startswith("error: ")
