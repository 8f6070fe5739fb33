"""How much memory a study needs, known before anything of it is allocated.

Initialisation, table and one forward pass are run on PyTorch's fake tensors, which have shapes and no numbers: the sizes are those
of the real thing, also of somebody's own module. It is a lower bound: training keeps at least the weights, their gradients and
moments of all variants of a shard, and the table with the outputs of one variant.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from ontogeny.besides import flat
from ontogeny.build import ROOMS
from ontogeny.errors import UserError
from ontogeny.spelling import task_of
from ontogeny.tasks.base import Batch
from ontogeny.training.member import Member


def must_fit(members: Sequence[Member]) -> None:
    """Refuse, with the numbers, what this machine could not hold; of each kind of model and task the largest variant is measured."""
    by_kind: dict[tuple[type, ...], list[Member]] = {}
    for m in members:
        by_kind.setdefault((type(m.architecture), type(m.task), type(m.objective)), []).append(m)
    there = memory()
    for of in by_kind.values():
        m = max(of, key=_extent)
        if _far_below(there, m, len(of)):
            must_go_together(m)
            continue
        sizes = sizes_of(m)
        moments = len(m.optimiser.moments) if m.optimiser else 0
        together = sum(one.shard == m.shard for one in of) if m.optimiser else 1
        parts = {
            "the table of examples": sizes["table"],
            "its outputs": sizes["outputs"],
            f"weights, gradients and moments of {together} variant{'s' * (together != 1)}": sizes["weights"]
            * (2 + moments)
            * together,
        }
        if sum(parts.values()) > there:
            said = ", ".join(f"{what} {words(n)}" for what, n in parts.items() if n > there / 100)
            raise UserError(
                f"This does not fit into memory: {m.name} ({kind_and_settings(m)}) needs at least {words(sum(parts.values()))} "
                f"({said}), and this machine has {words(there)}. Make it smaller."
            )
        # its forward pass needs numbers, so it could not be asked without any
        if not sizes["outputs"] and not getattr(m.task, "elsewhere", False):
            must_go_together(m)


def must_go_together(m: Member) -> None:
    """Two examples through architecture and objective: what does not go with the task is said before it is trained."""
    probe = m.task.probe()
    inputs, labels = probe.inputs[:2], probe.labels[:2]
    try:
        forward = m.architecture.forward(m.init(), inputs, read=m.objective.reads)
        m.objective.examples(forward, Batch(inputs, labels, probe.mask))
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{m.name} cannot be computed ({type(error).__name__}: {error}): does the {m.spec['architecture']['kind']} "
            f"go with the task {m.spec['task']['kind']} and the objective {m.spec['objective']['kind']}?"
        ) from error


def sizes_of(m: Member) -> Mapping[str, int]:
    """Bytes of one variant's weights, of its table (or fixed sample), and of the outputs on it; 0 where it cannot be known."""
    # parts of their own: what they keep for later must not be fake
    architecture, task = (
        ROOMS["architecture"].build(m.spec["architecture"]),
        ROOMS["task"].build(task_of(m.spec)),
    )
    found = {"weights": 0, "table": 0, "outputs": 0}
    signature = task.signature
    try:
        with FakeTensorMode(allow_non_fake_inputs=True):
            weights = architecture.init(signature, m.key("init"))
            found["weights"] = _bytes(*weights.values())
            if getattr(task, "elsewhere", False):  # what lies on a disk has no fake
                return found
            probe = task.probe()
            found["table"] = _bytes(probe.inputs, probe.labels)
            forward = architecture.forward(weights, probe.inputs, read=m.objective.reads)
            found["outputs"] = _bytes(forward.outputs)
            m.objective.examples(forward, probe.batch)  # what does not go together is said now
    except UserError:
        raise
    except Exception:  # an operation that needs numbers: what was found until then is still a lower bound
        pass
    return found


def memory() -> int:
    """Bytes that this process may use: the machine's, or what a container is given of it."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            whole = min(whole, int(Path(limit).read_text()))
        except (OSError, ValueError):
            continue
    return whole


def words(n: float) -> str:
    """ "1.5 GB"."""
    for size, unit in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if n >= size:
            return f"{n / size:,.3g} {unit}"
    return f"{n:,.0f} bytes"


def kind_and_settings(m: Member) -> str:
    """The numbers that make it large."""
    numbers = {k: v for k, v in flat({r: m.spec[r] for r in ("task", "architecture")}).items() if _whole(v)}
    return ", ".join(f"{k} = {v}" for k, v in sorted(numbers.items(), key=lambda one: -one[1])[:2])


def _extent(m: Member) -> float:
    return sum(math.log(v) for room in ("task", "architecture") for v in _numbers(m, room))


def _far_below(there: float, m: Member, variants: int) -> bool:
    """Whether it is plain without PyTorch's fake tensors, which take seconds to load: a table of two operands, and for each of its rows as
    many numbers as the largest matrix has, are a small part of the memory."""
    rows = max(_numbers(m, "task"), default=1) ** 2
    matrix = math.prod(sorted(_numbers(m, "architecture"))[-2:])
    return 4 * matrix * (rows + 4 * variants) < there / 4


def _numbers(m: Member, room: str) -> list[int]:
    return [v for v in flat({room: m.spec[room]}).values() if _whole(v) and v > 0]


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _bytes(*tensors: Tensor) -> int:
    return sum(t.numel() * t.element_size() for t in tensors)
