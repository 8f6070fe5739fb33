"""Fingerprints of code: a hash of what a function's module says and of the ontogeny modules it reaches.

The hash is of the syntax tree without docstrings, so comments, layout and documentation do not make results stale; a changed
formula does. Modules of the frame (labels, registry, options, errors) say nothing about numbers and are left out.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ontogeny.registry import provenance
from ontogeny.study import canonical

FRAME = ("axes", "registry", "options", "errors", "study", "views", "report", "store")


def combine(*parts: Any) -> str:
    """One hash of anything that JSON can spell."""
    return hashlib.blake2b(canonical(list(parts)).encode(), digest_size=8).hexdigest()


def of(*things: Any) -> str:
    """Fingerprint of the code behind functions, classes or instances, and of the plug-ins they come from."""
    modules: set[str] = set()
    for thing in things:
        thing = getattr(thing, "function", thing)
        modules.add(thing.__module__ if hasattr(thing, "__qualname__") else type(thing).__module__)
    reached = sorted(_reach(modules))
    return combine([(m, _tree_hash(m)[0]) for m in reached], sorted({provenance(m) for m in modules}))


def _reach(modules: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(_tree_hash(module)[1])
    return found


@functools.cache
def _tree_hash(module: str) -> tuple[str, tuple[str, ...]]:
    """Hash of a module's syntax tree without docstrings, and the ontogeny modules it imports."""
    source = _source(module)
    if source is None:
        return module, ()
    tree = ast.parse(source)
    imports = tuple(sorted({name for node in ast.walk(tree) for name in _imported(node)}))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return hashlib.blake2b(ast.dump(tree).encode(), digest_size=8).hexdigest(), imports


def _source(module: str) -> str | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    path = Path(spec.origin) if spec and spec.origin else None
    return path.read_text(encoding="utf-8") if path and path.suffix == ".py" else None


def _imported(node: ast.AST) -> Iterable[str]:
    names: list[str] = []
    if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        names = [f"{node.module}.{a.name}" for a in node.names] + [node.module]
    elif isinstance(node, ast.Import):
        names = [a.name for a in node.names]
    for name in names:
        room = name.split(".")[1] if name.startswith("ontogeny.") else ""
        if room and room not in FRAME and _source(name) is not None and not name.endswith("__init__"):
            yield name
