"""The schema of a recipe, and the variants it spells out. No torch: `--help`, plans and other tools read studies fast."""

from __future__ import annotations

import copy
import itertools
import math
import tomllib
import warnings
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_serializer, field_validator, model_validator

from ontogeny import claims as claim_schema
from ontogeny.claims import Asked, Claim, Condition, Population, Quantity, Question, Strict
from ontogeny.errors import NewerSchema, UnknownName, UserError, a
from ontogeny.overrides import full_path, laid_over, set_path, spelled_out
from ontogeny.registry import explain
from ontogeny.spelling import Part, Spec, canonical, identity

SCHEMA_VERSION = 2


MOST_POINTS = 5_000_000  # of one schedule
MOST_RUNS = 100_000  # of one study
TAKEN = (
    "run",
    "step",
    "status",
    "epoch",
)  # names of every table: what varies is called by its whole path there


class Range(Strict):
    """Every ``every`` steps (or epochs) from ``start`` to ``stop``, both included."""

    every: int = Field(gt=0)
    start: int = Field(default=0, ge=0)
    stop: int | None = Field(default=None, ge=0)


class Schedule(Strict):
    """A union of ranges, log-spaced points and an explicit list. Step 0 and the last are always in.

    Log-spaced points do not depend on the duration: ``per_decade`` points in every factor of ten, so a longer run keeps the
    points of a shorter one.
    """

    unit: Literal["step", "epoch"] = "step"
    ranges: tuple[Range, ...] = ()
    per_decade: int = Field(default=0, ge=0, le=1000)
    at: tuple[Annotated[int, Field(ge=0)], ...] = ()

    def steps(self, total: int, steps_per_epoch: int) -> list[int]:
        """The steps of a run of ``total`` updates, ascending."""
        unit = steps_per_epoch if self.unit == "epoch" else 1
        last = total // unit
        if (most := sum(len(range(r.start, last + 1, r.every)) for r in self.ranges)) > MOST_POINTS:
            raise UserError(
                f"A schedule of {most:,} points was asked for; {MOST_POINTS:,} are the most. Raise 'every', or use per_decade."
            )
        points = set(self.at)
        for part in self.ranges:
            stop = last if part.stop is None else min(last, part.stop)
            points.update(range(part.start, stop + 1, part.every))
        if self.per_decade and last:
            exponents = range(
                math.floor(self.per_decade * math.log10(last)) + 2
            )  # one may round down to the last
            points.update(round(10 ** (k / self.per_decade)) for k in exponents)
        return sorted({0, total} | {p * unit for p in points if 0 <= p * unit <= total})


class Stop(Strict):
    """A variant stops when ``metric`` is first seen to be at least (or at most) this; that row is logged whenever it is.

    It is looked at wherever ``train.evaluate`` logs, and at ``check`` too, which may be cheaper than a whole evaluation.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    check: Schedule | None = None

    def fires(self, row: Mapping[str, float]) -> bool:
        if self.metric not in row:
            raise UnknownName("metric to stop by", self.metric, row)
        value = row[self.metric]
        return (self.at_least is not None and value >= self.at_least) or (
            self.at_most is not None and value <= self.at_most
        )


class Training(Strict):
    """How long and on what batches. ``batch`` and ``clip`` are part of what a run is; the rest is only its duration."""

    epochs: int | None = Field(None, gt=0)
    steps: int | None = Field(None, gt=0)
    batch: int | Literal["full"] = "full"
    clip: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    evaluate: Schedule = Schedule(unit="epoch", ranges=(Range(every=1),))
    stop: Stop | None = None

    @model_validator(mode="after")
    def _one_duration(self) -> Training:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("say either 'epochs' (finite tasks) or 'steps', and one of them")
        if isinstance(self.batch, int) and self.batch < 1:
            raise ValueError('a batch has at least one example, or is "full"')
        return self


class Seeds(Strict):
    """What ``seed`` sets. A number fixes that source of randomness for all variants."""

    init: int | Literal["seed"] = "seed"
    split: int | Literal["seed"] = "seed"
    order: int | Literal["seed"] = "seed"

    def of(self, seed: int) -> dict[str, int]:
        return {k: seed if v == "seed" else int(v) for k, v in self.model_dump().items()}


class Use(Strict):
    """A lens, measure or view that the study asks for, with options."""

    name: str
    options: dict[str, Any] = {}
    label: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class ReportSection(Strict):
    """A section of the report: the question it answers, and the views that answer it."""

    heading: str
    prose: str = ""
    views: tuple[Use, ...] = ()


class Answer(Strict):
    """A sentence of the answer that a report opens with: ``{CLAIM:FORM}`` is filled in from what was found.

    ``when`` names claims and what must be true of each: a verdict or a property (one of several, in a list), or ``at_least``,
    ``at_most``, ``equals`` of its value. A sentence is said where all of it holds and every number in it is known.
    """

    say: str
    when: dict[str, str | tuple[str, ...] | Condition] = {}


class Study(Strict):
    """A recipe: task, architecture, objective, training, checkpoints, what varies, lenses, measures, claims."""

    schema_version: int = SCHEMA_VERSION
    name: str = Field(min_length=1, max_length=100)
    title: str = ""
    question: str = ""
    task: Spec
    architecture: Spec
    objective: Spec = {}  # no kind: what the architecture is for
    optimiser: Spec = {"kind": "adamw"}
    seeds: Seeds = Seeds()
    train: Training | None = None  # None: runs were trained elsewhere (recorded, imported)
    checkpoints: Schedule = Schedule(per_decade=7)
    resume_points: Schedule | None = None
    vary: dict[str, Any] = {}
    zip: tuple[tuple[str, ...], ...] = ()
    crossed: tuple[dict[str, Any], ...] = ()  # further grids, each for its own question: see ``aside``
    lenses: tuple[Use, ...] = ()
    measures: tuple[Use, ...] = ()
    answer: tuple[Answer, ...] = ()  # in the order in which they are said; the first five that hold
    report: tuple[ReportSection, ...] = ()
    sources: dict[str, str] = {}  # who published what the claims quote, by key
    questions: dict[str, Question] = {}  # to which the claims belong, in the order in which they are answered
    quantities: dict[str, Quantity] = {}
    populations: dict[str, Population] = {}
    claims: dict[str, dict[str, Claim]] = {}  # by question
    published: list[dict[str, Any]] = []

    @field_validator("name")
    @classmethod
    def _a_name(cls, name: str) -> str:
        if (
            name.strip() != name
            or name.startswith(".")
            or any(c in "/\\" or not c.isprintable() for c in name)
        ):
            raise ValueError(
                "a name has letters, digits, spaces and signs, no slashes, and does not begin with a dot"
            )
        return name

    @field_validator("crossed", mode="before")
    @classmethod
    def _grids(cls, given: Any) -> Any:
        return ((given,) if given else ()) if isinstance(given, Mapping) else given

    @field_serializer("crossed")
    def _one_grid(self, grids: tuple[dict[str, Any], ...]) -> Any:
        return grids[0] if len(grids) == 1 else grids

    def asked(self) -> list[Asked]:
        """The claims with every name resolved, question by question."""
        return claim_schema.asked(
            self.claims,
            questions=self.questions,
            quantities=self.quantities,
            populations=self.populations,
            sources=self.sources,
        )

    def variants(self) -> list[Variant]:
        """Those of ``vary``, one per cell of its grid (``zip`` groups move together) in the order they are written, then ``aside``."""
        return [*self.main(), *self.aside()]

    def main(self) -> list[Variant]:
        """The runs that views and findings speak of unless they ask for all: the grid of ``vary``."""
        common = self._spelled_out()
        return (
            [self._variant(cell, common) for cell in cells(self.vary, self.zip, "vary")] if self.train else []
        )

    def aside(self) -> list[Variant]:
        """The grids of ``crossed``, each run that is not there already.

        One may take the sources of randomness apart (``"seeds.init" = …`` with ``"seeds.split" = …``), which ``seed`` moves
        together, another turn off what all others have. Such runs would upset whatever counts seeds, so they are read by who asks
        for them only; of their weights the first and the last are kept.
        """
        if not self.train or not self.crossed:
            return []
        there = {self._same(v) for v in self.main()}
        common = self._spelled_out()
        found: dict[str, Variant] = {}
        for grid in self.crossed:
            for variant in (self._variant(cell, common) for cell in cells(grid, (), "crossed")):
                found.setdefault(self._same(variant), variant)
        return [variant for same, variant in found.items() if same not in there]

    @property
    def ends(self) -> Study:
        """The same study with no weights kept between the first and the last step."""
        return self.model_copy(update={"checkpoints": Schedule()})

    @property
    def first_measure(self) -> str:
        """What a view that shows any measure shows unless it is told."""
        return next((use.name for use in self.measures), "activation_similarity")

    @property
    def apart(self) -> tuple[str, ...]:
        """The sources of randomness that vary apart from the others."""
        return tuple(s for s in Seeds.model_fields if f"seeds.{s}" in set().union(self.vary, *self.crossed))

    @property
    def order_matters(self) -> bool:
        """A full batch has no order: training visits every example at every step."""
        return self.train is not None and self.train.batch != "full"

    def _same(self, variant: Variant) -> str:
        spec = variant.spec
        seeds = {k: v for k, v in spec["seeds"].items() if k != "order" or spec["train"]["batch"] != "full"}
        return canonical({**spec, "seeds": seeds})

    def _spelled_out(self) -> dict[str, Part]:
        """What every variant begins with: they hold the same object of what they do not vary."""
        train = {"batch": self.train.batch, "clip": self.train.clip} if self.train else {}
        rooms = {"task": self.task, "architecture": self.architecture, "objective": self.objective}
        return {
            name: Part(said) for name, said in {**rooms, "optimiser": self.optimiser, "train": train}.items()
        }

    def _variant(self, cell: Mapping[str, Any], common: Mapping[str, Part]) -> Variant:
        parts: Spec = {**common, "seeds": self.seeds.of(cell.get("seed", 0))}
        for path, value in cell.items():
            room, _, key = path.partition(".")
            if room in ("seed", "seeds") and (not isinstance(value, int) or isinstance(value, bool)):
                raise UserError(f"vary.{path} holds {value!r}: a seed is a whole number.")
            if path == "seed":
                continue
            if room not in parts or not key:
                known = ["seed", *(f"{room}.<setting>" for room in parts)]
                raise UnknownName(
                    "thing to vary", path, known, "Write the dotted path, such as architecture.d_hidden."
                )
            if room in ("train", "seeds") and key not in parts[room]:
                kind = "training setting" if room == "train" else "source of randomness"
                raise UnknownName(f"{kind} to vary", key, parts[room])
            both = {**parts[room], key: value}
            parts[room] = both if room == "seeds" else Part(both)
        names = [path.rpartition(".")[2] for path in cell]
        short = {
            path if names.count(name) > 1 or name in TAKEN else name: cell[path]
            for path, name in zip(cell, names, strict=True)
        }
        return Variant(varied=short, spec=parts)


class Variant(Strict):
    """One setting of what the study varies. ``spec`` is what a run *is*: its identity hashes it once defaults are filled in."""

    varied: dict[str, Any]
    spec: Spec

    @property
    def id(self) -> str:
        return identity(self.spec)


def cells(grid: Mapping[str, Any], groups: Iterable[tuple[str, ...]], where: str) -> list[dict[str, Any]]:
    """Every combination of the grid's values, the last name fastest; the names of a group move together."""
    values = {path: expand(f"{where}.{path}", given) for path, given in grid.items()}
    zipped = {path: group for group in groups for path in group}
    for group in groups:
        lengths = {path: len(values[path]) for path in group if path in values}
        if len(lengths) != len(group) or len(set(lengths.values())) != 1:
            raise UserError(
                f"zip = {list(group)}: every name needs as many values in '{where}'; there are {lengths}."
            )
    if (most := math.prod(len(v) for p, v in values.items() if zipped.get(p, (p,))[0] == p)) > MOST_RUNS:
        sizes = " × ".join(f"{len(v):,} of {p}" for p, v in values.items())
        raise UserError(
            f"'{where}' asks for {most:,} runs ({sizes}); {MOST_RUNS:,} are the most of one study."
        )
    axes: list[list[tuple[tuple[str, Any], ...]]] = []
    for path in values:
        group = zipped.get(path, (path,))
        if group[0] == path:
            together = zip(*(values[g] for g in group), strict=True)
            axes.append([tuple(zip(group, one, strict=True)) for one in together])
    return [dict(itertools.chain(*one)) for one in itertools.product(*axes)]


def expand(path: str, given: Any) -> list[Any]:
    """``[1, 2, 3]``, ``{range = [1, 64]}`` (both ends in; a third number is the stride), or one value."""
    if isinstance(given, Mapping):
        ends = given.get("range")
        if set(given) != {"range"} or not isinstance(ends, list | tuple) or len(ends) not in (2, 3):
            raise UserError(f"{path} = {dict(given)}: write a list, or {{range = [first, last]}}.")
        first, last, stride = [*ends, 1][:3]
        if any(isinstance(n, bool) or not isinstance(n, int) for n in (first, last, stride)) or stride < 1:
            raise UserError(
                f"{path}: range = {list(ends)}: first and last are whole numbers, and a stride is 1, 2, 3, …"
            )
        ticks = range(first, last + 1, stride)
        if not ticks or len(ticks) > MOST_RUNS:
            raise UserError(
                f"{path}: range = {list(ends)} has {len(ticks):,} values; 1 to {MOST_RUNS:,} are possible."
            )
        return list(ticks)
    values = list(given) if isinstance(given, list | tuple) else [given]
    if not values:
        raise UserError(f"{path} is empty: give at least one value.")
    return values


def built_in() -> dict[str, Path]:
    """Recipes that come with the package, by name."""
    folder = resources.files("ontogeny.studies")
    return {p.name.removesuffix(".toml"): Path(str(p)) for p in folder.iterdir() if p.name.endswith(".toml")}


def load_study(source: str | Path | Mapping[str, Any] | Study, overrides: Iterable[str] = ()) -> Study:
    """A study from a built-in name, a TOML path, a mapping, or a study; ``overrides`` are "a.b=c" strings."""
    if isinstance(source, Study):
        data = source.model_dump(mode="json", exclude_defaults=True) | {
            "schema_version": source.schema_version
        }
    elif isinstance(source, Mapping):
        data = copy.deepcopy(dict(source))
    elif isinstance(source, str | Path):
        data = _read(source)
    else:
        raise UserError(f"A study is a name, a path or a mapping; this is {a(type(source))}.")
    for override in overrides:
        path, equals, text = override.partition("=")
        set_path(data, f"{full_path(data, path.strip())}{equals}{text}")
    return read_recipe(
        spelled_out(data), str(source) if not isinstance(source, Mapping | Study) else "the study"
    )


def read_recipe(data: Mapping[str, Any], source: str = "the study") -> Study:
    """Validate; unknown keys name the nearest, a newer schema is said so."""
    version = data.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise NewerSchema(
            f"{source} has schema version {version}; this ontogeny reads up to {SCHEMA_VERSION}. Upgrade ontogeny to open it."
        )
    data = dict(data)
    if version == 1:
        data["schema_version"] = SCHEMA_VERSION
        if data.pop("findings", None):
            warnings.warn(
                f"{source} was written for schema version 1: its [[findings]] are left out; write them as [claims.NAME].",
                stacklevel=2,
            )
    if "claims" in data:  # what extends another recipe may leave some out
        data["claims"] = _without_false(data["claims"])
    try:
        return Study.model_validate(data)
    except ValidationError as error:
        for problem in error.errors():
            if problem["type"] == "extra_forbidden":
                *where, _ = problem["loc"]
                raise UnknownName(
                    "key in the study", ".".join(map(str, problem["loc"])), _known(where)
                ) from None
        raise UserError(f"{source}: {explain(error)}.") from None


def _without_false(claims: Any) -> Any:
    """Questions and claims but those that are ``false``."""
    if not isinstance(claims, Mapping):
        return claims
    kept = {}
    for question, of in claims.items():
        if of is False:
            continue
        if not isinstance(of, Mapping) or any(
            not isinstance(one, Mapping | Claim | bool) for one in of.values()
        ):
            raise UserError(f"claims.{question} is no table of claims; write them [claims.QUESTION.NAME].")
        kept[question] = {key: one for key, one in of.items() if one is not False}
    return kept


def _known(where: list[Any]) -> list[str]:
    model: Any = Study
    for key in where:
        annotation = (
            model.model_fields[key].annotation
            if isinstance(key, str) and key in getattr(model, "model_fields", {})
            else None
        )
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), model)
    prefix = "".join(f"{key}." for key in where)
    return [prefix + name for name in getattr(model, "model_fields", {})]


def _read(source: str | Path) -> dict[str, Any]:
    path = Path(source)
    known = built_in()
    if str(source) in known and not path.is_file():  # a folder of that name is somebody's --out, not a recipe
        path = known[str(source)]
    elif path.suffix != ".toml" and not path.exists():
        if str(source) not in known:
            raise UnknownName("study", str(source), known, "Give a built-in name or the path of a TOML file.")
        path = known[str(source)]
    if not path.is_file():
        raise UserError(f"There is no study at {path}: it is not a file.")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid TOML: {error}") from None
    base = data.pop("extends", None)
    return data if base is None else laid_over(_read(base), data)


def dump(study: Study) -> str:
    """The study as TOML, every key that differs from its default."""
    import tomli_w

    def clean(x: Any) -> Any:
        if isinstance(x, Mapping):
            return {k: clean(v) for k, v in x.items() if v is not None}
        return [clean(v) for v in x] if isinstance(x, list | tuple) else x

    data = study.model_dump(exclude_defaults=True)  # not mode="json", which has no infinity
    return tomli_w.dumps(clean({"schema_version": study.schema_version, **data}))
