"""What a run says of itself: the schema of ``run.json``, held where it is read and where it comes in from elsewhere."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ontogeny.errors import Damaged
from ontogeny.registry import explain
from ontogeny.spelling import Spec, run_identity

FINISHED = ("done", "stopped", "diverged", "recorded")


class Said(BaseModel):
    """Closed where arithmetic reads it, open where people add what they want to know."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


class Resolved(Said):
    """What a run is. Its identity hashes it."""

    task: Spec
    architecture: Spec
    objective: Spec
    optimiser: Spec | None
    train: Spec
    seeds: dict[str, int]
    split: dict[str, list[int]] | None = None


class Record(Said):
    """``run.json``."""

    schema_version: int = 1
    id: str
    varied: dict[str, Any]
    spec: Resolved
    status: Literal["training", "done", "stopped", "diverged", "recorded"]
    step: int = Field(ge=0)
    epoch: float | None = None
    budget_epochs: float = Field(0, ge=0)
    rows: int | None = Field(None, ge=0)
    last: dict[str, float] = {}
    provenance: dict[str, Any] = {}


def refuse(record: Any, whose: str, id: str) -> None:
    """Raise ``Damaged`` for what is no record, or that of another run than ``id``, by which its folder is named."""
    try:
        Record.model_validate(record)
    except ValidationError as error:
        raise Damaged(f"{whose} is no record of a run ({explain(error)}); it is not used.") from None
    if not run_identity(record["spec"]) == record["id"] == id:
        raise Damaged(f"{whose} was altered: it describes another run than its folder. It is not used.")
