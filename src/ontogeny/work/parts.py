"""One job as several that go side by side, and what each of them takes."""

from __future__ import annotations

from dataclasses import replace

from ontogeny import build
from ontogeny.plan import Cost, Job
from ontogeny.training.feed import Feed
from ontogeny.training.member import Member
from ontogeny.training.population import kernel_trains
from ontogeny.training.stacks import HEIGHT, large
from ontogeny.work.base import Place

PROCESS = 500 * 2**20  # bytes of a process that has imported everything
RATE = 5e9  # floating-point operations a second of one core, as small products go
LENSES = 10  # what a look at a step takes, in forward passes
ALIVE = 4  # tensors of the size of the outputs that are there at once


def parts(job: Job, place: Place, wide: int) -> list[Job]:
    """Training split into jobs of runs that are one program, and these into up to ``wide`` jobs; runs that share their passes stay together.

    Runs take the same path in any company, so how they are split changes no bit.
    """
    if wide == 1:
        return [job]
    if job.stage != "train":
        return [replace(job, cost=cost(job, place))]
    groups: dict[str, list[Member]] = {}
    for m in (place.members[run] for run in job.runs):
        kernel = kernel_trains(m, place.settings.device, place.settings.engine)
        groups.setdefault(m.program if kernel else m.shard, []).append(m)
    found = []
    for members in groups.values():
        n = min(wide, -(-len(members) // together(members[0], place)))
        for k in range(n):
            part = job.of([m.id for m in members[k::n]])
            found.append(replace(part, cost=cost(part, place)))
    return found


def together(m: Member, place: Place) -> int:
    """How many variants like this one share their passes: dividing these gains nothing."""
    alone = kernel_trains(m, place.settings.device, place.settings.engine)
    return 1 if alone or large(m.init(), Feed([m]).rows_per_batch, place.settings.device) else HEIGHT


def cost(job: Job, place: Place) -> Cost:
    """What a job takes, from the sizes of its first run. Seconds are right to an order of magnitude."""
    from ontogeny.sizes import sizes_of

    if not job.runs:
        return Cost(memory=PROCESS)
    m = _member(job.runs[0], place)
    sizes = sizes_of(m)
    forward = sizes["weights"] / 4 * 2 * max(len(build.subject(m, {}).probe.inputs), 1)
    if job.stage == "train":
        copies = (2 + len(m.optimiser.moments) if m.optimiser else 1) * len(job.runs)
        memory = sizes["weights"] * copies + sizes["table"] + ALIVE * sizes["outputs"]
        return Cost(3 * forward * job.size / RATE, PROCESS + memory, sizes["weights"] * 10 * len(job.runs))
    steps = len(entry.steps) if (entry := place.entry(job.runs[0])) else 1
    passes = steps * LENSES if job.stage == "look" else len(job.runs)
    memory = sizes["weights"] * passes // LENSES + sizes["table"] + 2 * ALIVE * sizes["outputs"]
    return Cost(forward * passes / RATE, PROCESS + memory, 0)


def _member(run: str, place: Place) -> Member:
    if place.study.train:
        return place.members[run]
    entry = place.entry(run)
    assert entry is not None
    return build.member_of(entry.record)
