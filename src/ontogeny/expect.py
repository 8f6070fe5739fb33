"""What a study asks for, spelled out for the plan: members, runs, lenses, measures, and the fingerprints they must have.

Also everything that can be wrong with a study, said before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

import torch

from ontogeny import build, registry
from ontogeny.axes import AXES
from ontogeny.claims import Asked, Part, Quantity
from ontogeny.errors import UnknownName, UserError
from ontogeny.findings.per_run import REDUCTIONS, populations
from ontogeny.lenses.session import in_order, needs_all_steps
from ontogeny.plan import Expectations, Wanted, WantedRun
from ontogeny.reads import parse
from ontogeny.store import fingerprint, results
from ontogeny.store.directory import Directory
from ontogeny.study import Study, Use, canonical
from ontogeny.subject import Subject
from ontogeny.training.feed import Feed
from ontogeny.training.member import Member
from ontogeny.training.population import total_steps

CLAIMS = ("claims", "quantities", "populations", "questions", "sources")  # what a recipe says of its findings
COLUMNS = (
    "run",
    "status",
    "step",
    "epoch",
    "budget_epochs",
    "checkpoints",
)  # of the tables, beside what varied and metrics


def members_of(study: Study, directory: Directory) -> list[Member]:
    """The study's variants, or the recorded runs of a study that trains nothing."""
    entries = directory.index().runs.values() if study.train is None else ()
    members = build.members(study, [e.record for e in entries if e.record])
    if not members:
        raise UserError(
            f"The study '{study.name}' has no [train] section and {directory.root} has no recorded runs."
        )
    return members


def check(study: Study, members: Sequence[Member]) -> None:
    """Everything that can be wrong with a study, said before anything is written."""
    if len({m.id for m in members}) < len(members):
        raise UserError("Two variants of this study are the same run; what varies must differ.")
    shards = {m.shard: m for m in members} if study.train else {}
    for m in shards.values():
        feed = Feed([m])
        total_steps(study, feed)
        if study.train and study.train.stop and study.train.stop.metric not in (known := metrics_of(m, feed)):
            raise UnknownName("metric to stop by", study.train.stop.metric, known)
    for use in study.lenses:
        refuse_lens(use, members[0])
    for use in study.measures:
        refuse_measure(use, members[0])
    for use in (use for section in study.report for use in section.views):
        registry.views[use.name]
    logged = metrics_of(members[0], Feed(members[:1])) if study.train and study.claims else None
    for claim in study.asked():
        refuse_claim(claim, members[0], logged)


def metrics_of(m: Member, feed: Feed) -> list[str]:
    """The names of what is logged of a run: train_loss, test_accuracy, …"""
    values = build.subject(m, m.init()).examples
    return [f"{part}_{value}" for part in [*feed.splits[0], "all"] for value in values]


def refuse_claim(claim: Asked, m: Member, metrics: Sequence[str] | None) -> None:
    """Say what is wrong with a claim before anything is trained for it: kind, options, lenses, columns, axes, reductions."""
    kind = registry.findings[claim.kind]
    options = kind.options(kind.given(claim))
    for word, must in kind.needs(options).items():
        read = parse(word)
        if must and read.kind == "lens":
            refuse_lens(Use(name=read.name, options=dict(read.options)), m)
        elif must and read.kind == "measure":
            refuse_measure(Use(name=read.name, options=dict(read.options)), m)
    event = options.get("event")
    named = {**options, **(event if isinstance(event, dict) else {})}
    for name in (named[word] for word in ("metric", "since") if metrics and named.get(word)):
        if name not in (columns := [*COLUMNS, *m.varied, *(metrics or ())]):
            raise UnknownName(f"column of 'metrics' (in the claim '{claim.key}')", name, columns)
    if isinstance(options.get("quantity"), Quantity):
        chosen_by = [quantity for one in populations(options["of"]) for quantity, _ in one.having]
        for quantity in (options["quantity"], *chosen_by):
            _refuse_quantity(quantity, f"the claim '{claim.key}'", m, metrics)


def _refuse_quantity(quantity: Quantity, whose: str, m: Member, metrics: Sequence[str] | None) -> None:
    parts: list[Quantity | Part] = [quantity, *([quantity.minus] if quantity.minus else [])]
    for part in parts:
        if part.reduce is not None and part.reduce not in REDUCTIONS:
            raise UnknownName(f"reduction (in {whose})", part.reduce, REDUCTIONS)
    if quantity.source in ("runs", "metrics"):
        if metrics is None:
            return  # runs that were trained elsewhere logged what they logged
        columns = [*COLUMNS, *m.varied, *metrics]
        for part in parts:
            for name in (part.variable, *(part.where or {})):
                if name is not None and name not in columns:
                    raise UnknownName(f"column of '{quantity.source}' (in {whose})", name, columns)
    else:
        for name in {name for part in parts for name in part.where or {}}:
            if name not in (ticks := [*AXES, *m.varied]):
                raise UnknownName(f"axis of '{quantity.source}' (in {whose})", name, ticks)


def refuse_lens(use: Use, m: Member) -> None:
    """Say what is wrong with the wish to look at models like ``m`` through a lens, before anything is done."""
    lens = registry.lenses[use.name]
    lens.options(use.options)
    if obstacle := _obstacle(use.name, _names(m)):
        raise UserError(f"The lens '{use.name}' cannot look at this study's models: {obstacle}.")


def refuse_measure(use: Use, m: Member) -> None:
    """Say what is wrong with the wish to compare models like ``m`` by a measure, before anything is done."""
    measure = registry.measures[use.name]
    measure.options(use.options)
    if obstacle := _names(m).lacks(measure.reads):
        raise UserError(f"The measure '{use.name}' cannot compare this study's models: {obstacle}.")


def wanted_runs(members: Sequence[Member], study: Study) -> tuple[WantedRun, ...]:
    """How long each run should train; runs of a study that trains nothing are as long as they are."""
    if study.train is None:
        return tuple(WantedRun(m.id, m.name, 0, 1) for m in members)
    feeds: dict[str, Feed] = {}
    runs, aside = [], {build.member(v).id for v in study.aside()}
    for m in members:
        like = canonical([m.spec["task"], m.batch])
        if like not in feeds:  # splitting the table once a task is enough: only sizes are asked
            feeds[like] = Feed([m])
        feed = feeds[like]
        total = total_steps(study, feed)
        besides = m.id in aside
        schedule = (study.ends if besides else study).checkpoints
        kept = tuple(schedule.steps(total, feed.steps_per_epoch)[:-1])
        runs.append(WantedRun(m.id, m.name, total, feed.steps_per_epoch, kept, study.train.stop, besides))
    return tuple(runs)


def wanted_lens(use: Use, m: Member) -> Wanted:
    """The lens as the study asks for it, with the fingerprint of its code, of what it reads and of the model's code."""
    lens = registry.lenses[use.name]
    options = lens.options(use.options)
    reached = [registry.lenses[name] for name in in_order([use.name])]
    code = fingerprint.of(*reached, m.architecture, m.task, m.objective)
    stamp = fingerprint.combine(code, options, "float32")
    return Wanted(
        results.stem(use.name, options, lens.defaults), use.name, options, stamp, needs_all_steps(lens)
    )


def wanted_measure(use: Use, m: Member) -> Wanted:
    measure = registry.measures[use.name]
    options = measure.options(use.options)
    stamp = fingerprint.combine(fingerprint.of(measure, m.architecture, m.task), options)
    return Wanted(results.stem(use.name, options, measure.defaults), use.name, options, stamp)


def lens_uses(study: Study, m: Member) -> list[Use]:
    """The lenses that the study names; if it names none, every cheap one that can look at its models."""
    if study.lenses:
        return list(study.lenses)
    model = _names(m)
    return [
        Use(name=n)
        for n, x in registry.lenses.items()
        if x.keep and x.cost == "cheap" and not _obstacle(n, model)
    ]


def _names(m: Member) -> Subject:
    """What a lens needs to say whether it can look: weights by name, without values (those of a recorded run cannot be drawn)."""
    return build.subject(
        m, {name: torch.empty([0] * len(axes)) for name, axes in m.architecture.axes.items()}
    )


def _obstacle(name: str, model: Subject) -> str | None:
    return next((o for n in in_order([name]) if (o := registry.lenses[n].obstacle(model))), None)


def expectations(study: Study, members: Sequence[Member]) -> Expectations:
    """Everything the study asks for, spelled out for the plan."""
    m = members[0]
    lenses = tuple(wanted_lens(use, m) for use in lens_uses(study, m))
    uses = [use for section in study.report for use in section.views]
    measures = tuple(wanted_measure(use, m) for use in study.measures)
    runs = wanted_runs(members, study)
    recipe = study.model_dump(mode="json")
    asked = [recipe[k] for k in (*CLAIMS, "published", "vary", "crossed", "train", "question", "title")]
    claims = study.asked()
    kinds = [registry.findings[claim.kind] for claim in claims]
    words = [
        word for kind, claim in zip(kinds, claims, strict=True) for word in kind.needs(kind.given(claim))
    ]
    looked = [w.fingerprint for w in (*lenses, *measures)]
    tables = fingerprint.alone("ontogeny.handles")
    findings = fingerprint.combine(asked, fingerprint.of(*kinds), looked, tables, reached(words, m))
    shown = [
        word for use in uses for word in registry.views[use.name].words(use.options, study.first_measure)
    ]
    drawn = [
        fingerprint.of(*(registry.views[use.name] for use in uses)),
        fingerprint.package("ontogeny.report"),
    ]
    report = fingerprint.combine(findings, [recipe["answer"], recipe["report"]], drawn, reached(shown, m))
    return Expectations(runs, lenses, measures, findings if study.claims else None, report)


def reached(words: Iterable[str], m: Member) -> list[str]:
    """Fingerprints of every lens and measure that is read, also of those that the study does not list."""
    found = {}
    for word in words:
        read = parse(word)
        ways = {"lens": wanted_lens, "measure": wanted_measure}
        if read.kind in ways:
            with suppress(UserError):  # what can be done without may be what cannot be had
                use = Use(name=read.name, options=dict(read.options))
                found[word] = ways[read.kind](use, m).fingerprint
    return [found[word] for word in sorted(found)]
