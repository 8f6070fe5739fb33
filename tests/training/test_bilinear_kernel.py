"""The hand-written training loop against autograd, and its promise that no model knows its company."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from ontogeny.numerics.compiled import compiled
from ontogeny.training.bilinear_kernel import BilinearKernel, KernelModel
from ontogeny.training.bilinear_loops import _exp

HYPER = {"lr": 3e-3, "weight_decay": 3e-2, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}


def weights(d: int, vocab: int, outputs: int, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def uniform(rows: int, columns: int) -> Tensor:
        return (torch.rand(rows, columns, generator=generator) * 2 - 1) * columns**-0.5

    return {"W_l": uniform(d, 2 * vocab), "W_r": uniform(d, 2 * vocab), "W_p": uniform(outputs, d)}


def table(vocab: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    inputs = np.stack(np.meshgrid(np.arange(vocab), np.arange(vocab), indexing="ij"), -1).reshape(-1, 2)
    return inputs, inputs.sum(-1) % outputs


def draw(steps: int, batch: int, examples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, examples, (steps, batch))


def logits_of(w: dict[str, Tensor], inputs: np.ndarray, vocab: int) -> Tensor:
    x = one_hot(torch.as_tensor(inputs), vocab).flatten(-2).to(w["W_l"].dtype)
    return ((x @ w["W_l"].T) * (x @ w["W_r"].T)) @ w["W_p"].T


def by_autograd(start, inputs, labels, batches, hyper, vocab, dtype):
    w = {name: value.to(dtype).clone().requires_grad_() for name, value in start.items()}
    adamw = torch.optim.AdamW(
        w.values(),
        lr=hyper["lr"],
        weight_decay=hyper["weight_decay"],
        betas=(hyper["beta1"], hyper["beta2"]),
        eps=hyper["eps"],
    )
    for rows in batches:
        adamw.zero_grad()
        cross_entropy(logits_of(w, inputs[rows], vocab), torch.as_tensor(labels[rows])).backward()
        adamw.step()
    moments = [{name: adamw.state[w[name]][key] for name in w} for key in ("exp_avg", "exp_avg_sq")]
    return {name: value.detach() for name, value in w.items()}, *moments


@pytest.mark.parametrize(
    ("d", "vocab", "outputs", "batch"),
    [(1, 5, 3, 7), (3, 7, 16, 2), (16, 8, 17, 64), (37, 11, 64, 64), (64, 64, 64, 64), (70, 13, 113, 33)],
)
@pytest.mark.parametrize("hyper", [{}, {"eps": 1e-3, "beta1": 0.8, "beta2": 0.95, "weight_decay": 1.0}])
def test_agrees_with_autograd_and_pytorchs_adamw(d, vocab, outputs, batch, hyper):
    hyper = HYPER | hyper
    inputs, labels = table(vocab, outputs)
    start, batches = weights(d, vocab, outputs), draw(12, batch, len(labels))
    model = KernelModel.pack(start, None, None, hyper)
    assert BilinearKernel([model]).advance([0], inputs, labels, [batches], 0).all()
    exact = by_autograd(start, inputs, labels, batches, hyper, vocab, torch.float64)
    single = by_autograd(start, inputs, labels, batches, hyper, vocab, torch.float32)
    for ours, truth, theirs in zip(model.unpack(), exact, single, strict=True):
        for name in truth:
            # AdamW divides by √v: where a gradient almost cancels, rounding shows. PyTorch's own rounding is the measure.
            scale = truth[name].abs().max()
            error = (ours[name] - truth[name]).abs().max() / scale
            allowed = (theirs[name] - truth[name]).abs().max() / scale
            assert error <= 5 * allowed + 2e-6, (name, error, allowed)


def test_the_optimiser_state_of_another_program_is_taken_up():
    inputs, labels = table(9, 9)
    start, batches = weights(5, 9, 9), draw(20, 16, len(labels))
    half = by_autograd(start, inputs, labels, batches[:10], HYPER, 9, torch.float64)
    model = KernelModel.pack(*half, HYPER)
    BilinearKernel([model]).advance([0], inputs, labels, [batches[10:]], 10)
    whole = by_autograd(start, inputs, labels, batches, HYPER, 9, torch.float64)
    for ours, truth in zip(model.unpack(), whole, strict=True):
        for name in truth:
            torch.testing.assert_close(ours[name].double(), truth[name], rtol=1e-4, atol=2e-6)


def test_pack_and_unpack_are_inverse():
    start, m, v = (weights(6, 5, 4, seed) for seed in range(3))
    for given, back in zip((start, m, v), KernelModel.pack(start, m, v, HYPER).unpack(), strict=True):
        assert all(torch.equal(given[name], back[name]) and back[name].is_contiguous() for name in given)


@pytest.fixture(scope="module")
def alone():
    """Three widths, each trained by itself in one go by one thread."""
    inputs, labels = table(16, 16)
    batches = [draw(48, 32, len(labels), seed) for seed in range(3)]
    models = []
    for d, rows in zip((2, 17, 48), batches, strict=True):
        models.append(KernelModel.pack(weights(d, 16, 16), None, None, HYPER))
        BilinearKernel([models[-1]], threads=1).advance([0], inputs, labels, [rows], 0)
    return inputs, labels, batches, models


@pytest.mark.parametrize("portions", [(48,), (10, 38), (1, 15, 32)])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("active", [(0, 1, 2), (2, 0)])
def test_company_threads_and_portions_change_no_bit(alone, portions, threads, active):
    inputs, labels, batches, expected = alone
    kernel = BilinearKernel(
        [KernelModel.pack(weights(d, 16, 16), None, None, HYPER) for d in (2, 17, 48)], threads
    )
    done = 0
    for steps in portions:
        rows = [batches[i][done : done + steps] for i in active]
        assert kernel.advance(active, inputs, labels, rows, done).all()
        done += steps
    for i in active:
        for name in ("weights", "m", "v"):
            assert np.array_equal(getattr(kernel.models[i], name), getattr(expected[i], name)), (i, name)
    for i in {0, 1, 2} - set(active):
        assert not kernel.models[i].m.any()


def test_a_model_that_diverges_is_named_and_disturbs_nobody(alone):
    inputs, labels, batches, expected = alone
    models = [KernelModel.pack(weights(d, 16, 16), None, None, HYPER) for d in (2, 17, 48)]
    models[1].lr = 1e30
    finite = BilinearKernel(models).advance(range(3), inputs, labels, batches, 0)
    assert finite.tolist() == [True, False, True]
    assert np.array_equal(models[0].weights, expected[0].weights)
    assert np.array_equal(models[2].weights, expected[2].weights)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_one_weight_that_is_not_finite_is_seen_without_any_update(poison):
    inputs, labels = table(4, 4)
    model = KernelModel.pack(weights(3, 4, 4), None, None, HYPER)
    kernel, none = BilinearKernel([model]), np.empty((0, 8), np.int64)
    assert kernel.advance([0], inputs, labels, [none], 0).all()
    model.weights[17] = poison
    assert not kernel.advance([0], inputs, labels, [none], 0).any()


@pytest.mark.parametrize(("d", "vocab", "outputs"), [(1, 5, 3), (24, 16, 16), (64, 12, 113)])
def test_evaluation_agrees_with_pytorch(d, vocab, outputs):
    inputs, labels = table(vocab, outputs)
    small, large = weights(d, vocab, outputs), {k: 30 * x for k, x in weights(d, vocab, outputs, 1).items()}
    models = [KernelModel.pack(w, None, None, HYPER) for w in (small, large)]
    loss, correct = BilinearKernel(models).evaluate([1, 0], inputs, labels)
    assert loss.dtype == np.float32 and correct.dtype == bool
    for row, w in enumerate((large, small)):
        logits = logits_of({name: value.double() for name, value in w.items()}, inputs, vocab)
        truth = cross_entropy(logits, torch.as_tensor(labels), reduction="none").numpy()
        assert np.allclose(loss[row], truth, rtol=2e-6, atol=2e-6 * max(1, float(logits.abs().max())))
        assert np.array_equal(correct[row], (logits.argmax(-1) == torch.as_tensor(labels)).numpy())


def test_means_are_those_of_the_single_examples_bitwise_in_any_company():
    inputs, labels = table(12, 12)
    models = [KernelModel.pack(weights(d, 12, 12), None, None, HYPER) for d in (3, 20, 9)]
    rows = np.random.default_rng(0).permutation(len(labels))
    parts = [[rows[:100], rows[100:], np.arange(len(labels))], [rows[:7], rows[7:], rows[:1]]]
    kernel = BilinearKernel(models, threads=2)
    loss, correct = kernel.evaluate([0, 1, 2], inputs, labels)
    means = kernel.means([0, 1, 2], inputs, labels, [parts[0], parts[1], parts[0]])
    for i, of in enumerate((parts[0], parts[1], parts[0])):
        expected = [(loss[i, part].astype(np.float64).mean(), correct[i, part].mean()) for part in of]
        assert np.allclose(means[i], expected, rtol=1e-12)
        # counts are exact, so a rule at 1.0 is
        assert np.array_equal(means[i, :, 1], np.array(expected)[:, 1])
        assert np.array_equal(
            BilinearKernel(models[i : i + 1], 1).means([0], inputs, labels, [of])[0], means[i]
        )


def test_what_is_in_reach_is_what_the_evaluation_says():
    """Of rows in any order, for every number that may be asked for; NaN logits beside a label's are left to the evaluation."""
    inputs, labels = table(9, 5)
    models = [KernelModel.pack(weights(d, 9, 5, seed), None, None, HYPER) for seed, d in enumerate((3, 20))]
    rows = np.random.default_rng(0).permutation(len(labels))[:70]
    kernel = BilinearKernel(models, threads=2)
    _, correct = kernel.evaluate([0, 1], inputs, labels)
    right = correct[:, rows].sum(-1)
    assert 0 < right.min() < right.max() < 70
    for needed in range(-1, 72):
        reached = kernel.reach([1, 0], inputs, labels, [rows, rows], [needed, needed])
        assert reached.tolist() == [right[1] >= needed, right[0] >= needed]


def test_of_equal_logits_the_first_counts():
    inputs, labels = table(4, 4)
    start = {"W_l": torch.ones(2, 8), "W_r": torch.ones(2, 8), "W_p": torch.ones(4, 2)}
    start["W_p"][0] = 0  # logits (0, 8, 8, 8)
    _, correct = BilinearKernel([KernelModel.pack(start, None, None, HYPER)]).evaluate([0], inputs, labels)
    assert np.array_equal(correct[0], labels == 1)


def test_a_model_full_of_nan_has_nan_loss_and_nothing_correct():
    inputs, labels = table(4, 4)
    nan = {name: torch.full_like(value, float("nan")) for name, value in weights(2, 4, 4).items()}
    loss, correct = BilinearKernel([KernelModel.pack(nan, None, None, HYPER)]).evaluate([0], inputs, labels)
    assert np.isnan(loss).all() and not correct.any()


def test_the_exponential_is_right_to_float32():
    x = np.concatenate([np.linspace(-80, 0, 20001), [-1e-8, -0.34657359, -0.3465736]]).astype(np.float32)
    ours = np.array([_exp(value) for value in x], np.float64)
    assert (np.abs(ours / np.exp(x.astype(np.float64)) - 1)).max() < 1.5e-7
    assert 0 < _exp(np.float32(-np.inf)) < 1e-34 and np.isnan(_exp(np.float32(np.nan)))


def test_look_ups_out_of_range_are_refused():
    inputs, labels = table(4, 4)
    kernel = BilinearKernel([KernelModel.pack(weights(3, 4, 4), None, None, HYPER)])
    with pytest.raises(IndexError, match="batch rows"):
        kernel.advance([0], inputs, labels, [np.full((1, 4), len(labels))], 0)
    with pytest.raises(IndexError, match="tokens"):
        kernel.evaluate([0], inputs + 1, labels)
    with pytest.raises(IndexError, match="labels"):
        kernel.evaluate([0], inputs, labels - 1)
    with pytest.raises(ValueError, match="each model once"):
        kernel.advance([0, 0], inputs, labels, [draw(1, 4, 16)] * 2, 0)
    with pytest.raises(ValueError, match="two tokens"):
        kernel.evaluate([0], inputs[:, :1], labels)
    with pytest.raises(IndexError, match="rows of a part"):
        kernel.means([0], inputs, labels, [[np.array([len(labels)])]])


def test_compiles_where_nothing_can_be_cached():
    """A function without a file has no place for Numba's cache, as in a read-only installation without a home."""
    space: dict = {}
    exec(compile("def double(x):\n    return 2 * x", "<nowhere>", "exec"), space)
    assert compiled()(space["double"])(21) == 42
