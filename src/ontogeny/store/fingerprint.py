"""Fingerprints of code: a hash of what a function's module says and of the ontogeny modules it reaches.

The hash is of the syntax tree without docstrings, so comments, layout and documentation do not make results stale; a changed
formula does. Modules of the frame (labels, registry, options, errors) say nothing about numbers and are left out. What does not
come from a package index (a plug-in's helpers, a script beside the lens) is followed too; libraries are not.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import inspect
import sysconfig
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from ontogeny.registry import provenance
from ontogeny.spelling import canonical

FRAME = ("axes", "registry", "options", "needs", "errors", "study", "report", "store")
LIBRARIES = tuple(
    Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")
)


def combine(*parts: Any) -> str:
    """One hash of anything that JSON can spell."""
    return hashlib.blake2b(canonical(list(parts)).encode(), digest_size=8).hexdigest()


def of(*things: Any) -> str:
    """Fingerprint of the code behind functions, classes or instances, and of the plug-ins they come from.

    A thing may name modules that it brings besides, in ``reaches``: somebody's own network is more than what runs it.
    """
    modules: set[str] = set()
    typed: list[str] = []  # in a notebook or at a prompt, where no module can be read
    for thing in things:
        thing = getattr(thing, "function", thing)
        made = thing if hasattr(thing, "__qualname__") else type(thing)
        modules |= {made.__module__, *getattr(thing, "reaches", ())}
        if _source(made.__module__) is None:
            typed.append(_typed(made))
    reached = sorted(_reach(modules))
    code = [(m, _tree_hash(m)[0]) for m in reached]
    return combine(code, sorted({provenance(m) for m in modules}), *sorted(typed))


def alone(module: str) -> str:
    """Fingerprint of one module without what it reaches."""
    return _tree_hash(module)[0]


@functools.cache
def package(name: str) -> str:
    """Fingerprint of a whole package, with its templates and the like."""
    files = sorted(p for p in Path(str(resources.files(name))).rglob("*") if p.suffix not in (".pyc", ""))
    return combine(
        [
            (
                p.name,
                _tree(ast.parse(p.read_text("utf-8")))
                if p.suffix == ".py"
                else combine(p.read_text("utf-8")),
            )
            for p in files
        ]
    )


def _typed(made: Any) -> str:
    try:
        return inspect.getsource(made)
    except (OSError, TypeError):
        code = getattr(made, "__code__", None)
        return repr((code.co_code, code.co_consts, code.co_names)) if code else ""


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
    """Hash of a module's syntax tree without docstrings, and the modules that it imports and that are followed."""
    source = _source(module)
    if source is None:
        return module, ()
    tree = ast.parse(source)
    package = module if _is_package(module) else module.rpartition(".")[0]
    imports = {name for node in ast.walk(tree) for name in _imported(node, package, module.split(".")[0])}
    return _tree(tree), tuple(sorted(imports))


def _tree(tree: ast.Module) -> str:
    """Hash of a syntax tree, whose docstrings are taken out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return hashlib.blake2b(ast.dump(tree).encode(), digest_size=8).hexdigest()


@functools.cache
def _file(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    path = Path(spec.origin) if spec and spec.origin else None
    return path if path and path.suffix == ".py" else None


def _source(module: str) -> str | None:
    path = _file(module)
    return path.read_text(encoding="utf-8") if path else None


def _is_package(module: str) -> bool:
    path = _file(module)
    return path is not None and path.name == "__init__.py"


def _imported(node: ast.AST, package: str, top: str) -> Iterator[str]:
    """The modules that an import in ``package`` names, as far as they are followed."""
    names: list[str] = []
    if isinstance(node, ast.ImportFrom):
        parts = package.split(".")
        above = parts[: len(parts) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        names = [f"{base}.{a.name}" for a in node.names] + [base]
    elif isinstance(node, ast.Import):
        names = [a.name for a in node.names]
    return (n for n in names if _followed(n, top) and _file(n) is not None)


def _followed(name: str, top: str) -> bool:
    """Ontogeny without its frame, the package that the import stands in, and what is not installed."""
    first, _, rest = name.partition(".")
    if first == "ontogeny":
        return bool(rest) and rest.split(".")[0] not in FRAME
    if first == top:
        return True
    path = _file(first)
    return path is not None and not any(path.resolve().is_relative_to(there) for there in LIBRARIES)
