"""From a recipe to its parts: variants become members with tasks, architectures, objectives and optimisers from the registry."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from ontogeny import registry
from ontogeny.models.base import Weights
from ontogeny.settings import places, settings
from ontogeny.spelling import Part, Spec, canonical, task_of
from ontogeny.store.index import without_collecting
from ontogeny.study import Study, Variant
from ontogeny.subject import Subject
from ontogeny.training.member import Member, probe_of

ROOMS = {
    "task": registry.tasks,
    "architecture": registry.architectures,
    "objective": registry.objectives,
    "optimiser": registry.optimisers,
}


@functools.lru_cache(maxsize=4096)
def _part(room: str, spec: str) -> tuple[Any, Part]:
    """A part, and it spelled out with every default filled in."""
    said = json.loads(spec)
    found: Any = ROOMS[room].build(said)
    return found, Part({"kind": said["kind"], **settings(found)})


def part(room: str, spec: Mapping[str, Any]) -> Any:
    """One part of a variant; equal specs give the same object."""
    return _part(room, canonical(spec))[0]


def member(variant: Variant) -> Member:
    """A variant with every default filled in. Its identity hashes the result."""
    spec = variant.spec
    if "kind" not in spec["objective"]:
        architectures = ROOMS["architecture"]
        usual = getattr(
            architectures[architectures.kind_of(spec["architecture"])], "objective", "cross_entropy"
        )
        spec = {**spec, "objective": {"kind": usual, **spec["objective"]}}
    if "where" in spec:
        spec = {**{k: v for k, v in spec.items() if k != "where"}, "task": task_of(spec)}
    both = {room: _part(room, canonical(spec[room])) if spec[room] else (None, None) for room in ROOMS}
    parts: dict[str, Any] = {room: made for room, (made, _) in both.items()}
    resolved: Spec = {**spec, **{room: said for room, (_, said) in both.items() if said is not None}}
    if lies := places(parts["task"]):
        task: Part = resolved["task"]
        resolved["task"] = Part({key: value for key, value in task.items() if key not in lies})
        resolved["where"] = {key: task[key] for key in sorted(lies) if key in task}
    return Member(
        spec=resolved,
        varied=variant.varied,
        **parts,
        seeds=spec["seeds"],
        batch=spec["train"].get("batch", "full"),
        clip=spec["train"].get("clip"),
    )


def members(study: Study, records: Iterable[Mapping[str, Any]] = ()) -> list[Member]:
    """Every variant of the study, in its order; of a study that trains nothing, the runs that were ``record``-ed."""
    with without_collecting():
        return [member(v) for v in study.variants()] if study.train else [member_of(r) for r in records]


def member_of(record: Mapping[str, Any]) -> Member:
    """The member behind a run's record."""
    return member(Variant(varied=record.get("varied", {}), spec=record["spec"]))


def subject(m: Member, weights: Weights) -> Subject:
    """What lenses and measures are given of a member at some weights."""
    task: Any = m.task  # a frozen dataclass, which the protocol cannot say
    return Subject(
        architecture=m.architecture,
        weights=weights,
        probe=probe_of(task),
        signature=m.task.signature,
        objective=m.objective,
        split=_split(m),
    )


def _split(m: Member) -> dict[str, torch.Tensor]:
    """Rows of the probe by part: as the run brought them, or as its seed draws them; none where neither is known."""
    if given := m.spec.get("split"):
        return {part: torch.tensor(rows) for part, rows in given.items()}
    return m.task.split(m.key("split")) if "split" in m.seeds else {}
