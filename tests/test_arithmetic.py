"""Nobody's arithmetic depends on company: not by chance on one processor, but because operations see the same memory.

A library may treat a row by its place in memory, a stack by its height, a sum by the number of threads. So it is not enough that
results agree here. Every operation of a training step and of a look is recorded, and what it was given (shapes, strides, places
within a cache line) must be the same whoever else is there. What does differ by place must be an operation that does not care, on this
machine, under whichever instructions.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_unflatten

import ontogeny as on
from ontogeny import build
from ontogeny.study import load_study
from ontogeny.training.engine import ONE_AT_A_TIME, STACKS, TorchEngine
from ontogeny.training.feed import Feed
from ontogeny.training.member import State

LINE = 64  # bytes
#: Operations that move numbers, count with integers, or round each number by itself: what they give cannot depend on a place.
MOVES = {
    "_to_copy", "_unsafe_view", "alias", "arange", "argmax", "as_strided", "cat", "clone", "constant_pad_nd", "copy_", "detach", "empty_like",
    "expand", "fill_", "full", "full_like", "gather", "index", "index_select", "lift_fresh", "masked_fill", "new_empty", "new_zeros", "permute",
    "scatter", "select", "select_backward", "slice", "slice_backward", "split", "split_with_sizes", "squeeze", "stack", "t", "topk",
    "transpose", "unbind", "unsqueeze", "view", "where", "zero_", "zeros", "zeros_like",
}  # fmt: skip
ROUNDED = {
    "abs", "add", "add_", "bitwise_and", "bitwise_not", "clamp", "clamp_min", "div", "div_", "eq", "ge", "gt", "isfinite", "le", "lt", "mul",
    "mul_", "ne", "neg", "relu", "rsub", "sub", "sub_", "threshold_backward",
}  # fmt: skip
SMALL = {"kind": "transformer", "d_model": 16, "n_heads": 2, "d_head": 8, "d_mlp": 16}
PAIRS = {"kind": "modular_addition", "p": 7, "train_fraction": 0.6}


class Own(nn.Module):
    """Somebody's own network, of awkward sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 5)
        self.body = nn.Sequential(nn.Linear(10, 9), nn.Tanh())
        self.out = nn.Linear(9, 7)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.out(self.body(self.embed(tokens).flatten(-2)))


STUDIES: dict[str, dict[str, Any]] = {
    "transformer, full batch": {"architecture": SMALL, "task": {**PAIRS, "equals": True}, "train__batch": "full"},
    "transformer, batches of 10, clipped": {
        "architecture": SMALL, "task": {**PAIRS, "equals": True}, "train__batch": 10, "train__clip": 0.05,
        "objective": {"kind": "cross_entropy", "precision": "float64"},
    },
    "transformer of odd sizes": {
        "architecture": {"kind": "transformer", "n_layers": 2, "d_model": 9, "n_heads": 3, "d_head": 5, "d_mlp": 13},
        "task": {**PAIRS, "equals": True}, "train__batch": "full",
    },
    "fibonacci": {
        "architecture": {**SMALL, "read_at": "all"}, "task": {"kind": "fibonacci", "p": 5, "length": 5}, "objective": {"kind": "next_token"},
        "train": {"steps": 3, "batch": 10},
    },
    "mlp": {"architecture": {"kind": "mlp", "d_embed": 11, "d_mlp": 21, "activation": "gelu"}, "task": PAIRS},
    "bilinear": {"architecture": {"kind": "bilinear", "d_hidden": 6}, "task": PAIRS},
    "own module": {"architecture": on.from_module(Own), "task": PAIRS},
    "autoencoder": {
        "architecture": {"kind": "sae", "d_atoms": 13, "activation": "relu"}, "objective": {"kind": "reconstruction", "alpha": 0.01},
        "task": {"kind": "sparse_features", "d": 7, "n_features": 11, "active": 2.0, "probe_size": 50}, "train": {"steps": 3, "batch": 10},
    },
    "autoencoder that is looked after": {
        "architecture": {"kind": "sae", "d_atoms": 13, "activation": "topk", "k": 3, "revive": "auxiliary", "dead_after": 1, "normalise": "mean_norm"},
        "objective": {"kind": "sparse_reconstruction", "auxiliary": 0.03}, "train": {"steps": 3, "batch": 10},
        "task": {"kind": "sparse_features", "d": 7, "n_features": 11, "active": 2.0, "probe_size": 50},
    },
    "gated autoencoder": {
        "architecture": {"kind": "sae", "d_atoms": 13, "activation": "gated", "normalise": "layer_norm", "norms": "free"},
        "objective": {"kind": "sparse_reconstruction", "alpha": 0.03, "warmup": 2}, "train": {"steps": 3, "batch": 10},
        "task": {"kind": "sparse_features", "d": 7, "n_features": 11, "active": 2.0, "probe_size": 50},
    },
}  # fmt: skip


class Operations(TorchDispatchMode):
    """Every operation on reals, forward and backward, with what it was given, except those that move numbers or round them one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, list[Any], Any]] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        name = function.overloadpacket.__name__
        flat, shape = tree_flatten((args, kwargs or {}))
        if name not in MOVES | ROUNDED and any(isinstance(x, Tensor) and x.is_floating_point() for x in flat):
            self.calls.append((function, flat, shape))
        return result

    def told(self) -> set[Any]:
        """Which operation was given what: shapes, strides, beginnings within a cache line."""
        return {
            (str(function), *(given(x) for x in flat if isinstance(x, Tensor)))
            for function, flat, _ in self.calls
        }


def given(x: Tensor) -> tuple[Any, ...]:
    return tuple(x.shape), x.stride(), str(x.dtype), x.data_ptr() % LINE


def trained(study: dict[str, Any], seeds: list[int]) -> tuple[TorchEngine, Operations]:
    """Three updates and an evaluation, recorded; choosing the path and building the stack is not."""
    members = build.members(load_study({**study, "vary": {"seed": seeds}}))
    runner = TorchEngine(members, [State(0, m.init()) for m in members], Feed(members))
    with Operations() as operations:
        runner.advance(range(len(members)), 0, 3)
        runner.evaluate(range(len(members)))
    return runner, operations


@pytest.fixture(params=STUDIES, ids=lambda name: name.replace(" ", "-"))
def study(request, tiny_study):
    return tiny_study(**STUDIES[request.param])


def test_an_operation_of_training_is_given_the_same_whoever_else_is_there(study):
    alone, operations = trained(study, [5])
    for seeds in ([5, 6], [0, 1, 2, 3, 4, 5, 6]):
        company, more = trained(study, seeds)
        assert company.arithmetic == alone.arithmetic
        assert more.told() == operations.told()


def test_rows_of_a_stack_begin_alike_or_the_operation_does_not_care(study):
    """Each operation again, with every operand at each of 16 places of a cache line: what cares where a row begins here must not be
    given rows that begin differently."""
    runner, operations = trained(study, [0, 1, 2])
    height = runner.stacks[0].height
    seen = set()
    for function, flat, shape in operations.calls:
        reals = [i for i, x in enumerate(flat) if isinstance(x, Tensor) and x.is_floating_point() and x.ndim]
        what = (str(function), *(given(flat[i]) for i in reals))
        if what in seen or height == 1:
            continue
        seen.add(what)
        before = replayed(function, flat, shape, reals, 0)
        for places in range(1, 16):
            moved = [i for i in reals if begins(flat[i], height, places)]
            if moved:
                assert replayed(function, flat, shape, moved, places) == before, (function, places)


def begins(x: Tensor, height: int, places: int) -> bool:
    """Whether a row of this stack begins so many numbers behind a boundary."""
    if len(x) % height:
        return False
    rows = len(x) // height * x.stride(0) * x.element_size()
    return any((row * rows) % LINE == places * x.element_size() for row in range(height))


def replayed(function: Any, flat: list[Any], shape: Any, moved: list[int], places: int) -> list[bytes]:
    """The bits of a result with these operands so many numbers behind the boundary of a cache line."""
    operands = [
        behind(x, places if i in moved else 0) if isinstance(x, Tensor) else x for i, x in enumerate(flat)
    ]
    args, kwargs = tree_unflatten(operands, shape)
    with torch.no_grad():
        results = function(*args, **kwargs)
    results = results if isinstance(results, tuple | list) else [results]
    return [r.contiguous().numpy().tobytes() for r in results if isinstance(r, Tensor)]


def behind(x: Tensor, places: int) -> Tensor:
    """The same numbers in the same strides, so many numbers behind the boundary of a cache line."""
    size = 1 + sum((n - 1) * stride for n, stride in zip(x.shape, x.stride(), strict=True))
    room = torch.zeros(places + size, dtype=x.dtype)
    room[places:] = x.detach().as_strided((size,), (1,), x.storage_offset())
    return room.as_strided(x.shape, x.stride(), places)


FILLED = ("transformer, full batch", "transformer, batches of 10, clipped", "fibonacci")


@pytest.mark.parametrize("name", FILLED)
def test_rows_of_products_and_softmaxes_begin_on_cache_lines(name, tiny_study):
    """Where a stack's sizes allow it, every row of what is multiplied, exponentiated or summed begins on a boundary, on any machine."""
    runner, operations = trained(tiny_study(**STUDIES[name]), [0, 1, 2])
    height = runner.stacks[0].height
    assert runner.arithmetic == STACKS
    for function, flat, _ in operations.calls:
        if function.overloadpacket.__name__ not in (
            "bmm",
            "_softmax",
            "_log_softmax",
            "_softmax_backward_data",
            "_log_softmax_backward_data",
        ):
            continue
        for x in flat:
            if isinstance(x, Tensor) and x.ndim and len(x) % height == 0:
                assert len(x) // height * x.stride(0) * x.element_size() % LINE == 0, (
                    function,
                    x.shape,
                    x.stride(),
                )


def test_a_step_is_looked_at_with_the_same_operations_whichever_others_are(tmp_path, tiny_study, carry_out):
    carry_out(
        tiny_study(**STUDIES["transformer, full batch"], vary={"seed": [0]}),
        tmp_path / "a",
        stages=("train",),
    )
    run = on.open(tmp_path / "a").run()
    for lens in (
        "performance",
        "neuron_fourier",
        "logit_periodicity",
        "weight_spectra",
        "gradient_by_frequency",
    ):
        together = run.lens(lens)
        with Operations() as all_steps:
            run.lens(lens)
        one_by_one: set[Any] = set()
        for i, step in enumerate(run.steps):
            alone = run.lens(lens, [step])
            with Operations() as one_step:
                run.lens(lens, [step])
            one_by_one |= one_step.told()
            for name in together:
                assert together[name].values[i].tobytes() == alone[name].values[0].tobytes(), (
                    lens,
                    name,
                    step,
                )
        assert all_steps.told() == one_by_one


CHOICES = [
    {"MKL_CBWR": "COMPATIBLE"},
    {"MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    {"ATEN_CPU_CAPABILITY": "default"},
    {"ATEN_CPU_CAPABILITY": "avx2"},
    {"ATEN_CPU_CAPABILITY": "avx512"},
]
PROMISES = ("tests/training/test_company.py", "tests/test_arithmetic.py")
QUICK = "a_transformer or clipping or operation or begin or looked_at_with"


def instructions() -> str:
    info = Path("/proc/cpuinfo")
    return info.read_text() if info.exists() else ""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("choice", CHOICES, ids=lambda one: "=".join(*one.items()))
def test_it_holds_under_other_instructions(choice, environment):
    """The same promises in a process that was told to use other code paths."""
    wanted = next(iter(choice.values()))
    if (
        wanted.lower() in ("avx2", "avx512")
        and f"{wanted.lower()}{'f' * (wanted == 'avx512')}" not in instructions()
    ):
        pytest.skip(f"this processor has no {wanted}")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        f"({QUICK}) and not other_instructions",
        *PROMISES,
    ]
    done = subprocess.run(
        command,
        env={**environment, **choice},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


def test_a_machine_is_named_with_what_its_bits_depend_on():
    from ontogeny.provenance import in_words, machine

    assert machine()["instructions"] in in_words()
    assert torch.__version__.split("+")[0] in in_words()
    assert os.cpu_count()
    assert ONE_AT_A_TIME != STACKS
