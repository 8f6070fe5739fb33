"""What a run is, spelled in one way: the same settings are the same text, and its hash is the run's name. No torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from json.encoder import encode_basestring_ascii
from typing import Any

Spec = dict[str, Any]
PLAIN = frozenset((str, int, bool, type(None)))


class Part(dict[str, Any]):
    """A part of a spec that nobody alters any more: what it says is spelled once, though ten thousand runs hold it."""

    @cached_property
    def spelled(self) -> str:
        return canonical(dict(self))


def canonical(value: Any) -> str:
    """The one JSON spelling of a value; 1 and 1.0 are the same number."""
    if isinstance(value, Part):
        return value.spelled
    if type(value) is dict and any(isinstance(one, Part) for one in value.values()):
        said = {str(key): canonical(one) for key, one in value.items()}
        return "{" + ",".join(f"{encode_basestring_ascii(key)}:{said[key]}" for key in sorted(said)) + "}"

    def plain(x: Any) -> Any:
        # most are one of these, and to ask whether something is a mapping takes longer than all the rest
        if type(x) in PLAIN:
            return x
        if isinstance(x, Mapping):
            return {str(k): plain(v) for k, v in x.items()}
        if isinstance(x, list | tuple):
            return [plain(v) for v in x]
        return int(x) if isinstance(x, float) and x.is_integer() else x

    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"))


def identity(spec: Spec) -> str:
    """Twelve hexadecimal digits that name a resolved spec. Where instruments look (``sites``) is no part of what a run is."""
    architecture = spec.get("architecture")
    if isinstance(architecture, Mapping) and "sites" in architecture:
        spec = {**spec, "architecture": {k: v for k, v in architecture.items() if k != "sites"}}
    return hashlib.blake2b(canonical(spec).encode(), digest_size=6).hexdigest()


def run_identity(spec: Spec) -> str:
    """The id of a run: where its data lie (``where``) is no part of what it is."""
    return identity({key: value for key, value in spec.items() if key != "where"})


def task_of(spec: Mapping[str, Any]) -> Spec:
    """The task of a resolved spec, with where its data lie."""
    return {**spec["task"], **spec.get("where", {})}
