"""Somebody's own nn.Module gives what it gives when called by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ontogeny.errors import Refused, UserError
from ontogeny.models.base import Architecture
from ontogeny.models.module import ModuleArchitecture, from_module
from ontogeny.numerics.random import Key
from ontogeny.registry import architectures
from ontogeny.tasks.base import Signature

TOKENS = torch.cartesian_prod(torch.arange(5), torch.arange(5))
SIGNATURE = Signature(5, vocab=5, positions=2)


class Plain(nn.Module):
    def __init__(self, width: int = 4, middle: type[nn.Module] = nn.Identity, **options: object) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, width)
        self.body = nn.Sequential(nn.Linear(2 * width, 8), nn.ReLU())
        self.middle = middle(**options)
        self.out = nn.Linear(8, 5)
        self.register_buffer("scale", torch.tensor(3.0))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.scale * self.out(self.middle(self.body(self.embed(tokens).flatten(-2))))


class Double:
    """Doubles one tap."""

    def __init__(self, name: str) -> None:
        self.edits, self.reads = frozenset({name}), frozenset()

    def __call__(self, name: str, value: Tensor, taps: object) -> Tensor:
        return 2 * value


def made(**arguments: object) -> ModuleArchitecture:
    return architectures.build(from_module(Plain, arguments=arguments))


def loaded(weights: dict[str, Tensor]) -> Plain:
    module = Plain()
    module.load_state_dict(weights)
    return module


@pytest.mark.parametrize("own", [False, True])
def test_forward_and_gradient_are_those_of_the_module_itself(own: bool) -> None:
    architecture = made()
    assert isinstance(architecture, Architecture)
    models = [architecture.init(SIGNATURE, Key(s, "init")) for s in range(6)]
    stacked = {n: torch.stack([m[n] for m in models]).unflatten(0, (2, 3)) for n in models[0]}
    stacked = {n: w.requires_grad_(n not in architecture.frozen) for n, w in stacked.items()}
    inputs = TOKENS.expand(2, 3, 25, 2) if own else TOKENS
    forward = architecture.forward(stacked, inputs, read=("body", "embed"))
    forward.outputs.square().sum().backward()
    for i, weights in enumerate(models):
        module = loaded(weights)
        outputs = module(TOKENS)
        outputs.square().sum().backward()
        place = divmod(i, 3)
        torch.testing.assert_close(forward.outputs[place], outputs)
        torch.testing.assert_close(forward.taps["body"][place], module.body(module.embed(TOKENS).flatten(-2)))
        for name, parameter in module.named_parameters():
            torch.testing.assert_close(stacked[name].grad[place], parameter.grad)
        torch.testing.assert_close(architecture.forward(weights, TOKENS).outputs, outputs)
    assert architecture.taps["embed"] == ("example", "dim_0", "dim_1")
    assert architecture.axes["out.weight"] == ("dim_0", "dim_1")
    assert architecture.frozen == {"scale"}


def test_initialisation_is_keyed_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, again, other = (made().init(SIGNATURE, Key(s, "init")) for s in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one["out.weight"], again["out.weight"])
    assert not torch.equal(one["out.weight"], other["out.weight"])


def test_edits_pass_through_submodules() -> None:
    architecture = made()
    weights = architecture.init(SIGNATURE, Key(0, "init"))
    stacked = {n: torch.stack([w, w]) for n, w in weights.items()}
    module = loaded(weights)
    expected = 3 * module.out(2 * module.body(module.embed(TOKENS).flatten(-2)))
    forward = architecture.forward(stacked, TOKENS, edit=Double("body"))
    torch.testing.assert_close(forward.outputs[1], expected)
    assert not architecture.template.body._forward_hooks


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"middle": nn.Dropout, "p": 0.1}, "'middle' .Dropout. draws random numbers"),
        (
            {"middle": nn.BatchNorm1d, "num_features": 8},
            "'middle' .BatchNorm1d. changes its running statistics",
        ),
    ],
)
def test_hidden_state_is_refused_by_name(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        made(**arguments).init(SIGNATURE, Key(0, "init"))
    assert made(middle=nn.Dropout, p=0.0).init(SIGNATURE, Key(0, "init"))


def test_factories_that_cannot_be_found_or_trusted_are_refused() -> None:
    with pytest.raises(UserError, match=r"on\.from_module"):
        ModuleArchitecture("nowhere.at.all:Net").init(SIGNATURE, Key(0, "init"))
    with pytest.raises(Refused, match="not called"):
        ModuleArchitecture("os:system", {"command": "false"}).init(SIGNATURE, Key(0, "init"))
    with pytest.raises(UserError, match="named function"):
        from_module(lambda: Plain())
    linear = ModuleArchitecture("torch.nn:Linear", {"in_features": 2, "out_features": 3})
    assert linear.forward(linear.init(SIGNATURE, Key(0, "init")), torch.ones(4, 2)).outputs.shape == (4, 3)


def test_a_module_that_nobody_imported_is_not_imported_for_a_study(tmp_path, monkeypatch) -> None:
    """Its top level would run. The user's word, or his own import, allows it."""
    from ontogeny.models import module

    (tmp_path / "stranger_nets.py").write_text(
        "from pathlib import Path\nfrom torch import nn\nPath(__file__).with_name('ran').touch()\nclass Net(nn.Linear): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    stranger = ModuleArchitecture("stranger_nets:Net", {"in_features": 2, "out_features": 3})
    with pytest.raises(Refused, match=r"to import a module runs it.*--trust stranger_nets"):
        stranger.init(SIGNATURE, Key(0, "init"))
    assert not (tmp_path / "ran").exists()
    monkeypatch.setattr(module, "_TRUSTED", {"stranger_nets"})
    assert stranger.init(SIGNATURE, Key(0, "init")) and (tmp_path / "ran").exists()
