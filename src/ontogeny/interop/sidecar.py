"""What a file of weights cannot say of itself, in a small TOML beside it: task, configuration, step, split.

``model.pth`` has ``model.pth.toml``. It carries the SHA-256 of its file, so that it is never taken for the companion of another.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ontogeny.errors import UserError
from ontogeny.registry import explain
from ontogeny.spelling import Spec
from ontogeny.store.files import write_text
from ontogeny.study import Strict


class Sidecar(Strict):
    """``of`` is the digest of the file; ``hooked_transformer`` is the configuration with which TransformerLens loads it."""

    of: str
    step: int
    varied: dict[str, Any] = {}
    task: Spec = {"kind": "unknown"}
    architecture: Spec | None = None
    objective: Spec | None = None
    seeds: dict[str, int] = {}
    split: dict[str, list[int]] | None = None
    hooked_transformer: dict[str, Any] = {}


def beside(path: Path) -> Path:
    """Where the sidecar of a file lies."""
    return path.with_name(f"{path.name}.toml")


def write(path: Path, about: Mapping[str, Any]) -> None:
    """Say what the file at ``path`` is. What is ``None`` is left out."""
    import tomli_w

    said = Sidecar.model_validate({**about, "of": _digest(path)})
    write_text(beside(path), tomli_w.dumps(_said(said.model_dump(exclude_defaults=True))))


def read(path: Path) -> tuple[Sidecar | None, list[str]]:
    """The sidecar of a file, or None; and a note where there is one that belongs to another file."""
    about = beside(path)
    if not about.is_file():
        return None, []
    try:
        said = Sidecar.model_validate(tomllib.loads(about.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{about} is not valid TOML: {error}. Mend it, or move it away.") from None
    except ValidationError as error:
        raise UserError(f"{about}: {explain(error)}. Mend it, or move it away.") from None
    if said.of != _digest(path):
        return None, [f"{about.name} describes another file than {path.name}; it was not used"]
    return said, [f"task, configuration and step are those that {about.name} says"]


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _said(x: Any) -> Any:
    """TOML has no nothing."""
    if isinstance(x, Mapping):
        return {k: _said(v) for k, v in x.items() if v is not None}
    return [_said(v) for v in x] if isinstance(x, list | tuple) else x
