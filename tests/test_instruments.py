"""Every lens looks at every family of models for which its equation has meaning, and reads what it says that it reads."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from ontogeny import instruments, registry
from ontogeny.errors import UserError
from ontogeny.instruments import FAMILIES, GIVEN
from ontogeny.lenses.base import ANY
from ontogeny.lenses.session import Session, asked, in_order
from ontogeny.models.sites import Made, find
from ontogeny.subject import Subject

PAGE = Path(__file__).parents[1] / "docs" / "lenses.md"
STEPS = (0, 1, 2)
CELLS = instruments.table()
SUPPOSED = (
    "residual",
)  # that there is a path beside the neurons is what skip_ablation supposes; its values are what is left out


def trained(family: str) -> Subject:
    """The small model at three steps: plain descent where there is a loss, and a scale where only weights are known."""
    model = instruments.specimen(family)
    path = [model.weights]
    for _ in STEPS[1:]:
        model.weights = path[-1]
        if getattr(model.architecture, "runs", True):
            grad = next(iter(Subject(**fields(model)).gradients.values()))
            path.append({name: w - 0.5 * grad[name] for name, w in path[-1].items()})
        else:
            path.append({name: 0.9 * w for name, w in path[-1].items()})
    model.weights = {name: torch.stack([w[name].detach() for w in path]) for name in path[0]}
    return model


def fields(model: Subject) -> dict[str, Any]:
    return {
        name: getattr(model, name)
        for name in ("architecture", "weights", "probe", "signature", "objective", "split")
    }


@pytest.fixture(scope="module")
def models() -> dict[str, Subject]:
    return {family: trained(family) for family in FAMILIES}


def look(name: str, whole: Subject):
    def make(steps):
        at = [STEPS.index(step) for step in steps]
        return Subject(**{**fields(whole), "weights": {n: w[at] for n, w in whole.weights.items()}})

    return Session(make, STEPS, {name: GIVEN.get(name, {})}).look([name])[name]


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == instruments.page(), "make docs"


@pytest.mark.parametrize("family", FAMILIES)
def test_every_lens_looks_or_refuses_with_the_reason_of_the_page(family, models):
    for name, lens in registry.lenses.items():
        reason = CELLS[name][family]
        if reason is not None:
            with pytest.raises(UserError) as refused:
                look(name, models[family])
            through = in_order([asked(name, GIVEN.get(name, {}))])
            reasons = [one.lens.obstacle(models[family], one.options) for one in through]
            assert any(why and why in str(refused.value) for why in reasons), name
            assert reason in PAGE.read_text(encoding="utf-8")
            continue
        data = look(name, models[family])
        declared = set(lens.gives) - {ANY}
        assert declared <= set(data.data_vars), name
        assert ANY in lens.gives or declared == set(data.data_vars), name
        for variable, one in data.data_vars.items():
            assert "{" not in one.attrs["long_name"] and one.attrs["units"], (name, variable)


def test_families_see_what_their_mathematics_allows():
    sees = {family: sum(row[family] is None for row in CELLS.values()) for family in FAMILIES}
    assert sees["2 layers"] == sees["transformer"] >= 38
    assert min(sees["mlp"], sees["bilinear"], sees["nn.Module"]) >= 34


class Recording(dict):
    """Weights that remember which of them a lens, or a site, asked for; what a forward pass takes is not asked for."""

    def __init__(self, weights):
        super().__init__(weights)
        self.asked: set[str] = set()

    def __getitem__(self, name):
        code = sys._getframe(1)
        if code.f_globals["__name__"].startswith("ontogeny.lenses") or code.f_code.co_name == "<lambda>":
            self.asked.add(name)
        return super().__getitem__(name)


@dataclass
class Traced(Subject):
    """A subject that remembers which taps it was asked for."""

    taps_asked: set[str] = field(default_factory=set)

    def read(self, *taps: str) -> None:
        self.taps_asked |= set(taps)
        super().read(*taps)

    def where(self, name: str) -> str:
        found = super().where(name)
        self.taps_asked.add(found)
        return found


@pytest.mark.parametrize("family", ["2 layers", "mlp", "bilinear"])
def test_what_a_lens_declares_is_what_it_reads(family, models):
    for name, lens in registry.lenses.items():
        if CELLS[name][family] is not None or lens.scope == "trajectory":
            continue
        for options in ({}, {"tap": "neurons[0]"}, {"layer": 0}):
            chosen = {**GIVEN.get(name, {}), **options}
            if not options.keys() <= lens.defaults.keys() or lens.obstacle(models[family], chosen):
                continue
            whole = models[family]
            weights = Recording({n: w[0] for n, w in whole.weights.items()})
            model = Traced(**{**fields(whole), "weights": weights})
            here = asked(name, chosen)
            for needed in in_order([here])[:-1]:
                said = look(needed.lens.name, whole)
                values = {str(v): torch.as_tensor(said[v].values)[0] for v in said.data_vars}
                model.results = {**model.results, needed.lens.name: values}
                model.final_results = model.results
            weights.asked.clear()
            model.taps_asked.clear()
            lens(model, **here.options)
            needs = lens.needs(here.options)
            sites = [find(model.architecture, need.name) for need in needs if need.kind == "site"]
            allowed = {w for site in sites if isinstance(site, Made) for w in site.weights}
            allowed |= set(weights) if any(n.kind == "weights" and not n.name for n in needs) else set()
            assert weights.asked <= allowed, (name, options)
            asked_for = set(model.taps_asked)
            edited = {model.where(one["tap"]) for one in chosen.get("intervention", ())}
            must = set(model.taps_among([n for n in needs if not n.optional and n.name not in SUPPOSED]))
            assert must <= asked_for <= set(model.taps_among(needs)) | edited, (name, options)


def test_sites_of_somebodys_own_module_are_named_or_guessed_where_one_part_can_be_meant():
    from ontogeny.errors import UnknownName
    from ontogeny.models.module import ModuleArchitecture

    path = FAMILIES["nn.Module"][1]["factory"]
    guessed = ModuleArchitecture(path)
    assert guessed.guessed["neurons"] == "act" and guessed.guessed["readout"] == "out"
    named = ModuleArchitecture(path, sites={"neurons": "hidden", "readout": "out.weight"})
    assert find(named, "neurons") == "hidden" and "neurons" not in named.guessed
    with pytest.raises(UnknownName, match="hidden"):
        find(ModuleArchitecture(path, sites={"neurons": "hiden"}), "neurons")
    model = instruments.specimen("nn.Module")
    through = model.site("neurons") @ model.site("readout") + model.weights["out.bias"]
    torch.testing.assert_close(through, model.outputs)
