"""Every measure of bilinear models against the changes of a model that it declares to ignore, and against those it does not."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon

from ontogeny.errors import UnknownName
from ontogeny.measures.pairwise import between_runs
from ontogeny.models.bilinear import Bilinear
from ontogeny.numerics.bilinear import frequency_distribution, interaction_matrices, visible_mask
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.registry import measures
from ontogeny.subject import Subject
from ontogeny.tasks.modular import ModularAddition

P = 8
TASK = ModularAddition(p=P, train_fraction=0.75)


def subject(W_l, W_r, W_p):
    weights = {"W_l": W_l.double(), "W_r": W_r.double(), "W_p": W_p.double()}
    return Subject(Bilinear(W_p.shape[-1]), weights, TASK.probe(), TASK.signature, CrossEntropy())


def model(seed, d=5):
    return Bilinear(d).init(TASK.signature, Key(seed, "init"))


def hidden_permutation(W_l, W_r, W_p):
    order = torch.tensor([3, 0, 4, 1, 2])
    return W_l[order], W_r[order], W_p[:, order]


def left_right_swap(W_l, W_r, W_p):
    swap = torch.tensor([True, False, True, False, False])[:, None]
    return torch.where(swap, W_r, W_l), torch.where(swap, W_l, W_r), W_p


def unit_rescaling(W_l, W_r, W_p):
    left, right = torch.tensor([2.0, -0.5, 3.0, 1.0, 0.1]), torch.tensor([0.3, 4.0, -1.0, 2.0, 7.0])
    return W_l * left[:, None], W_r * right[:, None], W_p / (left * right)


def isotropic_scale(W_l, W_r, W_p):
    return 3 * W_l, 3 * W_r, 3 * W_p


def sign(W_l, W_r, W_p):
    return W_l, W_r, -W_p


def operand_shift(W_l, W_r, W_p):
    a = lambda W: torch.cat([W[:, :P].roll(3, -1), W[:, P:]], -1)  # noqa: E731
    return a(W_l), a(W_r), W_p


def invisible_weights(W_l, W_r, W_p):
    """One more unit: token 1 times token 2 of one operand, which never meet."""
    tokens = torch.eye(2 * P)
    return (
        torch.cat([W_l, tokens[[1]]]),
        torch.cat([W_r, tokens[[2]]]),
        torch.cat([W_p, torch.ones(P, 1)], -1),
    )


def hidden_rotation(W_l, W_r, W_p):
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(0)))[0]
    return turn @ W_l, turn @ W_r, W_p @ turn.mT


CHANGES = {
    change.__name__: change
    for change in (
        hidden_permutation,
        left_right_swap,
        unit_rescaling,
        isotropic_scale,
        sign,
        operand_shift,
        invisible_weights,
        hidden_rotation,
    )
}
NAMES = ("tn_similarity", "js_divergence", "activation_similarity")


def value(name, x, y, **options):
    measure = measures[name]
    prepared = [
        [measure.prepare(subject(*w.values() if isinstance(w, dict) else w), **options)] for w in (x, y)
    ]
    return measure.pairs(*prepared, **options)["value"].item()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", NAMES)
def test_a_measure_ignores_what_it_declares_and_nothing_else(name, change):
    x, y = model(0), model(1)
    before, after = value(name, x, y), value(name, CHANGES[change](*x.values()), y)
    if change in measures[name].invariances:
        assert after == pytest.approx(before, abs=1e-6)
    else:
        assert abs(after - before) > 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_itself_and_values_keep_to_the_declared_range(name):
    measure = measures[name]
    models = [subject(*model(seed, d).values()) for seed, d in enumerate((5, 1, 3, 9))]
    options = measure.defaults
    data = between_runs(measure, models, options, {"run": list("abcd")})["value"]
    low, high = measure.range
    assert data.min() >= low and data.max() <= high
    np.testing.assert_allclose(data, data.T, atol=1e-12)
    np.testing.assert_allclose(np.diagonal(data), 1 if measure.kind == "similarity" else 0, atol=1e-6)
    apart = measure.pairs(*[[measure.prepare(m, **options)] for m in models[:2]], **options)["value"]
    assert apart.item() == pytest.approx(data[0, 1].item(), abs=1e-6)


@pytest.mark.parametrize("part", ["whole", "visible", "invisible"])
def test_tn_similarity_is_the_cosine_of_the_tensors(part):
    x, y = model(0, 5), model(1, 3)
    mask = visible_mask(2, P)
    mask = {"whole": torch.ones_like(mask), "visible": mask, "invisible": ~mask}[part]
    B, C = ((interaction_matrices(*(w.double() for w in m.values())) * mask).flatten() for m in (x, y))
    assert value("tn_similarity", x, y, part=part) == pytest.approx((B @ C / B.norm() / C.norm()).item())


def test_invisible_weights_move_only_the_parts_that_hold_them():
    x, y = model(0), model(1)
    changed = invisible_weights(*x.values())
    assert value("tn_similarity", changed, y, part="visible") == pytest.approx(
        value("tn_similarity", x, y, part="visible")
    )
    assert (
        abs(
            value("tn_similarity", changed, y, part="invisible")
            - value("tn_similarity", x, y, part="invisible")
        )
        > 1e-3
    )


@pytest.mark.parametrize("form", ["power", "amplitude_top4"])
@pytest.mark.parametrize("side", ["a", "b"])
def test_js_divergence_is_scipys(form, side):
    x, y = model(0, 5), model(1, 3)
    block = slice(0, P) if side == "a" else slice(P, 2 * P)
    p, q = (frequency_distribution(*(w.double() for w in m.values()), block, form) for m in (x, y))
    each = jensenshannon(p.numpy(), q.numpy(), axis=-1) ** 2
    assert value("js_divergence", x, y, form=form, side=side) == pytest.approx(each.mean())
    assert value("js_divergence", x, y, form=form, side=side, reduce="sum") == pytest.approx(each.sum())


def test_different_frequencies_are_as_far_apart_as_can_be():
    n, o = torch.arange(P), torch.zeros(P)

    def wave(k):
        cos = (2 * math.pi * k * n / P).cos()
        return torch.cat([cos, o])[None], torch.cat([o, cos])[None], torch.ones(P, 1)

    assert value("js_divergence", wave(1), wave(3)) == pytest.approx(math.log(2))
    assert value("js_divergence", wave(1), wave(1)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("centred", [False, True])
def test_activation_similarity_is_the_mean_cosine(centred):
    x, y = (subject(*model(seed).values()).outputs.numpy() for seed in (0, 1))
    if centred:
        x, y = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
    cosines = (x * y).sum(-1) / np.linalg.norm(x, axis=-1) / np.linalg.norm(y, axis=-1)
    assert value("activation_similarity", model(0), model(1), centred=centred) == pytest.approx(
        cosines.mean()
    )


def test_blocks_of_logits_change_nothing(monkeypatch):
    whole = value("activation_similarity", model(0), model(1))
    monkeypatch.setattr("ontogeny.numerics.gram.LONG", 24)
    assert value("activation_similarity", model(0), model(1)) == pytest.approx(whole)


def test_a_constant_added_to_all_logits_counts_only_when_not_centred():
    """A hidden unit that sees every token of both operands alike adds a constant to every logit."""
    x, y = model(0), model(1)
    one = torch.ones(1, 2 * P)
    raised = [
        (torch.cat([m["W_l"], one]), torch.cat([m["W_r"], one]), torch.cat([m["W_p"], torch.ones(P, 1)], -1))
        for m in (x, y)
    ]
    assert value("activation_similarity", *raised, centred=True) == pytest.approx(
        value("activation_similarity", x, y, centred=True)
    )
    assert value("activation_similarity", *raised) > 0.9 > value("activation_similarity", x, y)


def test_wrong_options_name_the_right_ones():
    for name, options in {
        "tn_similarity": {"part": "visble"},
        "js_divergence": {"side": "c"},
    }.items():
        with pytest.raises(UnknownName):
            value(name, model(0), model(1), **options)
    with pytest.raises(UnknownName, match="sum"):
        value("js_divergence", model(0), model(1), reduce="total")
