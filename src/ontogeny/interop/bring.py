"""One door for files from elsewhere: says what a file is by its content, and makes runs of it."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from safetensors import SafetensorError
from safetensors.torch import load_file

from ontogeny import registry
from ontogeny.errors import Damaged, UserError, a
from ontogeny.interop import bundle, folder, sidecar, sweeps, transformer_lens
from ontogeny.interop.dictionaries import bring as dictionaries
from ontogeny.interop.limits import Limits
from ontogeny.interop.runs import Found, add_run
from ontogeny.interop.unpickle import Inert, load
from ontogeny.numerics.random import Key

Kind = Literal[
    "bundle", "folder", "published", "sweep", "steps", "state_dict",
    "saelens", "dictionary_learning", "sparsify", "gemma_scope", "weights",
]  # fmt: skip
Task = Mapping[str, Any] | None
KINDS: tuple[Kind, ...] = get_args(Kind)
WHAT = {
    "bundle": "a bundle, as `ontogeny export --format bundle` writes it",
    "folder": "a directory of safetensors with a runs.toml",
    "published": "a grokking run as published: model, checkpoints, losses",
    "sweep": "a sweep of bilinear networks: {models: {d: state dict}, val_accs: …}",
    "steps": "checkpoints of one run: {step: state dict}",
    "state_dict": "one model: the state dict of a TransformerLens transformer or of a bilinear network",
    "saelens": "a sparse autoencoder of SAELens: cfg.json and sae_weights.safetensors",
    "dictionary_learning": "a dictionary of dictionary_learning: config.json and ae.pt",
    "sparsify": "a sparse coder of sparsify: cfg.json and sae.safetensors",
    "gemma_scope": "a sparse autoencoder of Gemma Scope: params.npz or params.safetensors",
    "weights": "a model's weights in safetensors; its forward pass is not known",
}


@dataclass(frozen=True)
class Brought:
    """What a file was, the runs that were made of it, and what the reader should know."""

    kind: Kind
    runs: list[str]
    notes: list[str] = field(default_factory=list)


def bring(
    path: str | Path,
    out: str | Path,
    kind: Kind | None = None,
    step: int | None = None,
    task: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    atoms: dictionaries.Atoms | None = None,
) -> Brought:
    """Make runs of what lies at ``path`` in the study directory ``out``. Nothing in the file is executed.

    ``kind`` is told from the content where it is not given; ``step`` is the number of updates behind weights of which the file
    does not say it; ``task`` is what the models were trained on, ``{"kind": "modular_addition"}``: sizes that the weights give away are
    filled in, and what does not fit them is refused. Nobody else can say it, so without it (and without the sidecar of an export)
    the task is unknown, and lenses that read weights alone look. ``atoms``: where they lie in a square W_dec of an SAE, in "rows" or "columns".
    Raises ``Refused`` with the name of what a file would have called, and ``UserError`` for what no reader knows.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"There is no file {path}.")
    if path.suffix == ".toml":
        raise UserError(
            f"{path} is a recipe or another TOML file, and import reads weights: `ontogeny run {path} --out DIR` trains what a recipe asks for."
        )
    if kind == "weights":
        return _weights(path, out, limits or Limits())
    if kind is None or kind in get_args(dictionaries.Format):
        ours = bundle.is_bundle(path) or (path / folder.NAME).exists()
        if here := [] if ours else dictionaries.within(path):
            return _dictionaries(path, here, kind, out, task, limits or Limits(), atoms)
        if kind is not None:
            raise UserError(f"{path} is not {WHAT[kind]}.")
    if path.is_dir() and not (path / folder.NAME).exists() and list(path.glob("*.safetensors")):
        return _weights(path, out, limits or Limits())
    if task and (kind in ("bundle", "folder") or path.is_dir() or bundle.is_bundle(path)):
        raise UserError(f"{path} says itself what its runs were trained on; leave out --task.")
    if kind == "bundle" or (kind is None and bundle.is_bundle(path)):
        runs, notes = bundle.read(path, out, limits)
        return Brought("bundle", runs, notes)
    if kind == "folder" or (kind is None and path.is_dir()):
        return Brought("folder", [add_run(out, found) for found in folder.load_folder(path)])
    data, notes = _data(path, limits or Limits())
    if kind is None and path.suffix == ".safetensors" and not _is_model(data):
        return _weights(path, out, limits or Limits())
    told = kind or _tell(data, path)
    about, said = sidecar.read(path) if told == "state_dict" else (None, [])
    if about and step is None:
        step = about.step
    read, more = _read(told, data, path, sweeps.UNKNOWN_STEP if step is None else step, task)
    runs_found = [_described(one, about) if about and not task else one for one in read]
    runs_found = [_doing(one, task) if task else one for one in runs_found]
    if step is None and told in ("state_dict", "sweep"):
        more = [
            *more,
            f"the file does not say after how many updates; the step is called {sweeps.UNKNOWN_STEP}, and --step says better",
        ]
    notes = [*notes, *said, *more, *_unsaid(runs_found)]
    return Brought(told, [add_run(out, found) for found in runs_found], notes)


def _dictionaries(
    path: Path,
    found: Sequence[tuple[dictionaries.Format, Path]],
    kind: Kind | None,
    out: str | Path,
    task: Mapping[str, Any] | None,
    limits: Limits,
    atoms: dictionaries.Atoms | None,
) -> Brought:
    """Runs of sparse autoencoders; all are read before any is added."""
    formats = list(dict.fromkeys(format for format, _ in found))
    if len(formats) > 1 or (kind is not None and formats != [kind]):
        raise UserError(f"{path} holds files of {' and '.join(formats)}; import each folder by itself.")
    read = [
        dictionaries.run_of(dictionaries.read(format, where, limits, atoms), task) for format, where in found
    ]
    notes = [note for _, said in read for note in said]
    return Brought(formats[0], [add_run(out, run) for run, _ in read], notes)


def _weights(path: Path, out: str | Path, limits: Limits) -> Brought:
    run = add_run(out, dictionaries.weights_only(path, limits))
    return Brought("weights", [run], ["only lenses and measures that read weights can look"])


def _read(kind: Kind, data: Any, path: Path, step: int, task: Task) -> tuple[list[Found], list[str]]:
    """The runs of a file. Its content is anybody's: whatever a reader stumbles over is said of the file."""
    try:
        return _READERS[kind](data, path.name, step, task)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise UserError(f"{path} cannot be read as {WHAT[kind]} ({said}).") from None


def _described(found: Found, about: sidecar.Sidecar) -> Found:
    """A run with what the sidecar of its file says of it."""
    told = about.architecture or {}
    same = told.get("kind") == (found.architecture or {}).get("kind")  # the shapes are those of the file
    return replace(
        found,
        varied=about.varied,
        task=about.task,
        split=about.split,
        seeds=about.seeds,
        architecture=told if same else found.architecture,
        objective=about.objective or found.objective,
    )


def _doing(found: Found, task: Mapping[str, Any]) -> Found:
    """A run with the task that somebody says it was trained on; refused where its weights do not fit it."""
    if "kind" not in task:
        raise UserError(f"Which task? Say --task kind=…, one of {', '.join(registry.tasks)}.")
    known = registry.tasks[task["kind"]].__dataclass_fields__
    found = replace(
        found, task={**{k: v for k, v in found.sizes.items() if k in known}, **found.task, **task}
    )
    member = found.member()
    fresh = member.architecture.init(member.task.signature, Key(0, "init"))
    weights = next(iter(found.snapshots.values()))
    for name, value in fresh.items():
        if value.shape != weights[name].shape:
            raise UserError(
                f"These weights do not do the task {found.task}: for it '{name}' would be {tuple(value.shape)}, and it is "
                f"{tuple(weights[name].shape)}."
            )
    return found


def _unsaid(found: list[Found]) -> list[str]:
    """What the reader should know to be unknown."""
    if any(one.task["kind"] == "unknown" for one in found):
        sizes = ", ".join(f"{k} = {v}" for k, v in found[0].sizes.items() if k != "held_out")
        fits = f" (the shapes fit {sizes})" if sizes else ""
        return [
            f"the file does not say which task was trained{fits}, so only lenses that read weights can look. If you know, import "
            "it again into another directory with --task kind=…; `ontogeny tasks` lists them"
        ]
    if not all(one.split or "split" in one.seeds for one in found):
        return ["the file does not say which inputs were trained on: only lenses that need no split can look"]
    return []


def _data(path: Path, limits: Limits) -> tuple[Any, list[str]]:
    """The content of a single file; a configuration object in it stays inert."""
    with path.open("rb") as handle:
        head = handle.read(16)
    if head[8:9] == b"{" and not zipfile.is_zipfile(path):
        try:
            return load_file(path), []
        except SafetensorError as error:
            raise Damaged(f"{path} cannot be read as safetensors: {error}.", path) from None
    data = load(path, inert=("config",), limits=limits)
    config = data.get("config") if isinstance(data, dict) else None
    if isinstance(config, Inert):
        return data, [f"'config' is an object of {config.origin}; it was read as data and not executed"]
    return data, []


def _tell(data: Any, path: Path) -> Kind:
    """What the content is. A miss says what was found and what there could be."""
    if isinstance(data, Mapping):
        values = list(data.values())
        if _is_model(data):
            return "state_dict"
        if isinstance(data.get("models"), Mapping):
            return "sweep"
        if "model" in data or "checkpoints" in data or "state_dicts" in data:
            return "published"
        if values and all(_is_model(v) for v in values) and all(str(k).isdigit() for k in data):
            return "steps"
    holds = f"a dict of {', '.join(map(str, list(data)[:8]))}" if isinstance(data, Mapping) else a(type(data))
    known = "; ".join(f"{kind}: {what}" for kind, what in WHAT.items())
    raise UserError(f"{path} holds {holds}, which is none of these. {known}.")


def _is_model(value: Any) -> bool:
    return sweeps.is_state_dict(value) or transformer_lens.is_state_dict(value)


def _published(data: Any, source: str, step: int, task: Task) -> tuple[list[Found], list[str]]:
    found, notes = transformer_lens.from_published(data, source, task)
    return [found], notes


def _steps(data: Any, source: str, step: int, task: Task) -> tuple[list[Found], list[str]]:
    if len({int(s) for s in data}) < len(data):
        raise UserError(f"{source} has a step twice: {', '.join(map(repr, data))}.")
    if all(sweeps.is_state_dict(state) for state in data.values()):
        return [sweeps.from_steps(data, source)], []
    read = {int(s): transformer_lens.from_state_dict(state) for s, state in data.items()}
    architecture, weights = next(iter(read.values()))
    snapshots = {s: w for s, (_, w) in sorted(read.items())}
    sizes = transformer_lens.sizes_of(weights)
    return [Found({}, snapshots, architecture=architecture, sizes=sizes, source=source)], []


def _state_dict(data: Any, source: str, step: int, task: Task) -> tuple[list[Found], list[str]]:
    return _steps({step: data}, source, step, task)


def _sweep(data: Any, source: str, step: int, task: Task) -> tuple[list[Found], list[str]]:
    return sweeps.from_sweep(data, source, step)


_READERS = {"published": _published, "steps": _steps, "state_dict": _state_dict, "sweep": _sweep}
