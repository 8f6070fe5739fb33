"""What a study asks for, spelled out for the plan: members, runs, lenses, measures, and the fingerprints they must have.

Also everything that can be wrong with a study, said before anything is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress

import torch

from ontogeny import build, registry
from ontogeny.axes import AXES
from ontogeny.claims import Asked, Part, Quantity
from ontogeny.errors import UnknownName, UserError
from ontogeny.findings.log_events import COLUMNS as EVENTS
from ontogeny.findings.per_run import REDUCTIONS, populations
from ontogeny.lenses.session import asked, in_order, needs_all_steps
from ontogeny.models.sites import lacking
from ontogeny.needs import filled, parse
from ontogeny.plan import Expectations, Wanted, WantedRun, why_train
from ontogeny.spelling import canonical
from ontogeny.store import fingerprint, results
from ontogeny.store.directory import Directory
from ontogeny.store.index import Index
from ontogeny.study import Study, Use
from ontogeny.subject import Subject
from ontogeny.training.engine import NORM
from ontogeny.training.feed import Feed
from ontogeny.training.member import Member
from ontogeny.training.pace import Pace, pace
from ontogeny.training.population import total_steps

PARTS = ("train_fraction", "held_out")  # settings of a task that leave its table as it is
GATHERED = ("drawing", "population", "results", "tables")  # what findings and views are handed
CLAIMS = ("claims", "quantities", "populations", "questions", "sources")  # what a recipe says of its findings
COLUMNS = (
    "run",
    "status",
    "step",
    "epoch",
    "budget_epochs",
    "checkpoints",
)  # of the tables, beside what varied and metrics


def members_of(study: Study, directory: Directory, index: Index | None = None) -> list[Member]:
    """The study's variants, or the recorded runs of a study that trains nothing."""
    entries = (index or directory.index()).runs.values() if study.train is None else ()
    members = build.members(study, [e.record for e in entries if e.record])
    if not members:
        raise UserError(
            f"The study '{study.name}' has no [train] section and {directory.root} has no recorded runs."
        )
    return members


def check(study: Study, members: Sequence[Member], accepted: bool = False) -> None:
    """Everything that can be wrong with a study, said before anything is written. ``accepted``: this very recipe was begun before, so its
    sizes, which take seconds to find out, need not be asked again."""
    if len({m.id for m in members}) < len(members):
        raise UserError("Two variants of this study are the same run; what varies must differ.")
    if study.train and not accepted:
        from ontogeny.sizes import must_fit

        must_fit(members)
    for m in _of_each_make(members) if study.train else ():
        feed = Feed([m])
        total = total_steps(study, feed)
        training = study.train
        for schedule in (study.checkpoints, study.resume_points, training.evaluate if training else None):
            if schedule:
                schedule.steps(total, feed.steps_per_epoch)
        if study.train and study.train.stop and study.train.stop.metric not in (known := metrics_of(m, feed)):
            raise UnknownName("metric to stop by", study.train.stop.metric, known)
    lenses_by_run(study.lenses, members)
    for use in study.measures:
        refuse_measures(use, members)
    for use in (use for section in study.report for use in section.views):
        refuse_view(use)
    varied = list(dict.fromkeys(name for m in members for name in m.varied))
    for m in (of[0] for of in alike(members)) if study.claims else ():
        logged = metrics_of(m, Feed([m])) if study.train else None
        for claim in study.asked():
            refuse_claim(claim, m, varied, logged)


def _of_each_make(members: Iterable[Member]) -> Iterable[Member]:
    """One of those that share their parts, which are the same objects where they say the same, and differ in seeds at most."""
    return {(id(m.task), id(m.architecture), id(m.objective), m.batch): m for m in members}.values()


def alike(members: Sequence[Member]) -> list[list[Member]]:
    """Members by what a lens can see of them before it looks: names of weights and taps, task, objective, and what the probe has."""
    groups: dict[object, list[Member]] = {}
    seen: dict[object, object] = {}
    for m in members:
        parts = (id(m.architecture), id(m.task), id(m.objective))
        if parts not in seen:
            probe = _names(m).probe
            has = (tuple(probe.grid), bool(probe.period), probe.group is None, len(probe.inputs) > 0)
            lacks = lacking(m.architecture)
            names = (tuple(m.architecture.axes), tuple(m.architecture.taps), m.task.finite)
            seen[parts] = (type(m.architecture), type(m.task), type(m.objective), *names, *has, lacks)
        groups.setdefault(seen[parts], []).append(m)
    return list(groups.values())


def lenses_by_run(
    uses: Sequence[Use], members: Sequence[Member]
) -> tuple[dict[str, tuple[Wanted, ...]], list[str]]:
    """The lenses of every run, and notes on those that cannot look at some. ``uses`` empty: every cheap lens that can.

    A lens that was named and can look at none is refused.
    """
    groups = alike(members)
    named = [use.name for use in uses]
    chosen = uses or [Use(name=n) for n, x in registry.lenses.items() if x.keep and x.cost == "cheap"]
    found: dict[str, tuple[Wanted, ...]] = {}
    cannot: dict[str, dict[str, int]] = {}  # lens → obstacle → number of runs
    for of in groups:
        model, wanted = _names(of[0]), []
        for use in chosen:
            registry.lenses[use.name].options(use.options)
            if why_not := _obstacle(use, model):
                there = cannot.setdefault(use.name, {})
                there[why_not] = there.get(why_not, 0) + len(of)
            else:
                wanted.append(wanted_lens(use, of[0]))
        found |= dict.fromkeys((m.id for m in of), tuple(wanted))
    guessed = [
        f"sites of {part} were guessed, as nobody named them: {said}" for part, said in _guesses(members)
    ]
    for name, why in cannot.items():
        if name in named and sum(why.values()) == len(members):
            raise UserError(f"The lens '{name}' cannot look at this study's models: {next(iter(why))}.")
    if named:
        return found, guessed + [
            f"the lens '{name}' cannot look at {sum(why.values())} of {len(members)} runs: {next(iter(why))}"
            for name, why in cannot.items()
        ]
    left = (
        f"the recipe names no lenses, so every cheap one looks that can, {len(chosen) - len(cannot)} of {len(chosen)}; these cannot, and "
        f"`ontogeny lenses --for DIR` says why: {', '.join(cannot)}"
    )
    return found, guessed + [left] * bool(cannot)


def _guesses(members: Sequence[Member]) -> set[tuple[str, str]]:
    """Of networks that somebody brought: which part was taken for which site."""
    parts = {getattr(m.architecture, "factory", ""): getattr(m.architecture, "guessed", {}) for m in members}
    return {
        (part, ", ".join(f"{role} = {name}" for role, name in of.items())) for part, of in parts.items() if of
    }


def refuse_view(use: Use) -> None:
    """Say what is wrong with the wish for a picture: its options, and what they make it read."""
    view = registry.views[use.name]
    given = dict(use.options)
    measure = given.pop("measure", None) if "measure:*" in view.reads else None
    options = view.options(given)
    words = [*filled(view.reads, options), *([f"measure:{measure}"] if measure else [])]
    for read in (parse(word) for word in words if word != "measure:*"):
        kind = {"lens": registry.lenses, "measure": registry.measures}.get(read.kind)
        if kind is not None and read.name:
            kind[read.name].options(read.options)


def refuse_measures(use: Use, members: Sequence[Member]) -> None:
    """Say what is wrong with the wish to compare these runs: a measure needs models that it can read, of one task unless it reads weights alone."""
    for of in alike(members):
        refuse_measure(use, of[0])
    measure = registry.measures[use.name]
    if measure.any_task or {need.kind for need in measure.needs(use.options)} <= {"weights", "truth"}:
        return
    of_a_task = {id(m.task): m for m in members}.values()
    tables = {canonical({k: v for k, v in m.spec["task"].items() if k not in PARTS}): m for m in of_a_task}
    if len(tables) > 1:
        first, second, *_ = tables.values()
        raise UserError(
            f"The measure '{use.name}' compares models on the same inputs, and these runs have {len(tables)} tasks ({first.name}; "
            f"{second.name}). Leave it out of the recipe, and compare some: store.only([…]).compare('{use.name}')."
        )


def refuse_other_inputs(what: str, first: Member, second: Member) -> None:
    """Say why what two models say cannot be put side by side row by row: they are not asked the same."""
    if what in registry.measures and registry.measures[what].input not in ("samples", "logits"):
        return
    asked_of = [build.subject(m, {}).probe for m in (first, second)]
    inputs = [probe.inputs for probe in asked_of]
    same = (
        asked_of[0].grid == asked_of[1].grid
        if all(probe.grid for probe in asked_of)
        else inputs[0].shape == inputs[1].shape and bool((inputs[0] == inputs[1]).all())
    )
    if not same:
        each = [
            " × ".join(f"{axis} {n}" for axis, n in p.grid.items()) or f"{len(p.inputs)}" for p in asked_of
        ]
        raise UserError(
            f"'{what}' compares what two models say of the same inputs, row by row, and these have others: {each[0]} for {first.name}, "
            f"{each[1]} for {second.name}. Measures that match no inputs can: singular_value_distance, mmcs of weights, … (`ontogeny measures`)."
        )


def metrics_of(m: Member, feed: Feed) -> list[str]:
    """The names of what is logged of a run: train_loss, test_accuracy, …"""
    values = build.subject(m, m.init()).examples
    return [*(f"{part}_{value}" for part in [*feed.splits[0], "all"] for value in values), NORM]


def refuse_claim(claim: Asked, m: Member, varied: Collection[str], metrics: Sequence[str] | None) -> None:
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
        if name not in (columns := [*COLUMNS, *varied, *(metrics or ())]):
            raise UnknownName(f"column of 'metrics' (in the claim '{claim.key}')", name, columns)
    if isinstance(options.get("quantity"), Quantity):
        chosen_by = [quantity for one in populations(options["of"]) for quantity, _ in one.having]
        for quantity in (options["quantity"], options.get("against"), *chosen_by):
            if isinstance(quantity, Quantity):
                _refuse_quantity(quantity, f"the claim '{claim.key}'", varied, metrics)


def _refuse_quantity(
    quantity: Quantity, whose: str, varied: Collection[str], metrics: Sequence[str] | None
) -> None:
    parts: list[Quantity | Part] = [quantity, *([quantity.minus] if quantity.minus else [])]
    for part in parts:
        if part.reduce is not None and part.reduce not in REDUCTIONS:
            raise UnknownName(f"reduction (in {whose})", part.reduce, REDUCTIONS)
    read = parse(quantity.reads)
    if read.kind in ("runs", "metrics"):
        if metrics is None:
            return  # runs that were trained elsewhere logged what they logged
        columns = [*COLUMNS, *varied, *(EVENTS if read.name == "events" else metrics)]
        for part in parts:
            for name in (part.variable, *(part.where or {})):
                if name is not None and name not in columns:
                    raise UnknownName(f"column of '{quantity.source}' (in {whose})", name, columns)
    else:
        for name in {name for part in parts for name in part.where or {}}:
            if name not in (ticks := [*AXES, *varied, *(f"{name}_other" for name in varied)]):
                raise UnknownName(f"axis of '{quantity.source}' (in {whose})", name, ticks)


def refuse_lens(use: Use, m: Member) -> None:
    """Say what is wrong with the wish to look at models like ``m`` through a lens, before anything is done."""
    lens = registry.lenses[use.name]
    lens.options(use.options)
    if why := _obstacle(use, _names(m)):
        raise UserError(f"The lens '{use.name}' cannot look at this study's models: {why}.")


def refuse_measure(use: Use, m: Member) -> None:
    """Say what is wrong with the wish to compare models like ``m`` by a measure, before anything is done."""
    measure = registry.measures[use.name]
    measure.options(use.options)
    if why := _names(m).lacks(measure.needs(use.options)):
        raise UserError(f"The measure '{use.name}' cannot compare this study's models: {why}.")


def wanted_runs(members: Sequence[Member], study: Study) -> tuple[WantedRun, ...]:
    """How long each run should train; runs of a study that trains nothing are as long as they are."""
    if study.train is None:
        return tuple(WantedRun(m.id, m.name, 0, 1) for m in members)
    # splitting the table once a task is enough: only sizes are asked
    long: dict[object, tuple[int, int, list[int], list[int]]] = {}
    runs, aside = [], {build.member(v).id for v in study.aside()}
    for m in members:
        like = (id(m.task), m.batch)
        if like not in long:
            feed = Feed([m])
            total, an_epoch = total_steps(study, feed), feed.steps_per_epoch
            kept, ends = (s.checkpoints.steps(total, an_epoch)[:-1] for s in (study, study.ends))
            long[like] = (total, an_epoch, kept, ends)
        total, an_epoch, kept, ends = long[like]
        besides = m.id in aside
        steps = tuple(ends if besides else kept)
        runs.append(WantedRun(m.id, m.name, total, an_epoch, steps, study.train.stop, besides))
    return tuple(runs)


def time_to_train(
    study: Study, members: Sequence[Member], index: Index, device: str = "cpu", engine: str = "auto"
) -> Pace:
    """How long what is missing would train on this machine; a few updates are taken and thrown away (:func:`~ontogeny.training.pace.pace`)."""
    missing = {run.id for run in wanted_runs(members, study) if why_train(run, index.runs.get(run.id))}
    done = {id: index.runs[id].record.get("step") or 0 for id in missing if id in index.runs}
    return pace([m for m in members if m.id in missing], study, done, device=device, engine=engine)


def wanted_lens(use: Use, m: Member) -> Wanted:
    """The lens as the study asks for it, with the fingerprint of its code, of what it reads and of the model's code."""
    lens = registry.lenses[use.name]
    options = lens.options(use.options)
    this = asked(use.name, use.options)
    code = fingerprint.of(*(one.lens for one in in_order([this])), m.architecture, m.task, m.objective)
    stamp = fingerprint.combine(code, options, "float32")
    return Wanted(
        results.stem(use.name, options, lens.defaults), use.name, options, stamp, needs_all_steps(this)
    )


def wanted_measure(use: Use, m: Member) -> Wanted:
    measure = registry.measures[use.name]
    options = measure.options(use.options)
    stamp = fingerprint.combine(fingerprint.of(measure, m.architecture, m.task), options)
    return Wanted(results.stem(use.name, options, measure.defaults), use.name, options, stamp)


def _names(m: Member) -> Subject:
    """What a lens needs to say whether it can look: weights by name, without values (those of a recorded run cannot be drawn)."""
    return build.subject(
        m, {name: torch.empty([0] * len(axes)) for name, axes in m.architecture.axes.items()}
    )


def obstacle(lens: str, m: Member) -> str | None:
    """Why a lens cannot look at models like ``m``; None if it can."""
    return _obstacle(Use(name=lens), _names(m))


def _obstacle(use: Use, model: Subject) -> str | None:
    """What stands in the way of a lens, or of one that it reads."""
    through = in_order([asked(use.name, use.options)])
    return next((why for one in through if (why := one.lens.obstacle(model, one.options))), None)


def expectations(study: Study, members: Sequence[Member]) -> Expectations:
    """Everything the study asks for, spelled out for the plan."""
    m = members[0]
    lenses_of, notes = lenses_by_run(study.lenses, members)
    lenses = lenses_of[m.id]
    every = list(dict.fromkeys(w.fingerprint for of in lenses_of.values() for w in of))
    uses = [use for section in study.report for use in section.views]
    measures = tuple(wanted_measure(use, m) for use in study.measures) if len(members) > 1 else ()
    if study.measures and not measures:
        notes.append("measures compare runs with each other, and there is one: nothing is compared")
    runs = wanted_runs(members, study)
    recipe = study.model_dump(mode="json")
    says = [recipe[k] for k in (*CLAIMS, "published", "vary", "crossed", "train", "question", "title")]
    claims = study.asked()
    kinds = [registry.findings[claim.kind] for claim in claims]
    words = [
        word for kind, claim in zip(kinds, claims, strict=True) for word in kind.needs(kind.given(claim))
    ]
    looked = [*every, *(w.fingerprint for w in measures)]
    tables = [fingerprint.alone(f"ontogeny.gathering.{room}") for room in GATHERED]
    findings = fingerprint.combine(says, fingerprint.of(*kinds), looked, tables, reached(words, m))
    shown = [
        word for use in uses for word in registry.views[use.name].words(use.options, study.first_measure)
    ]
    drawn = [
        fingerprint.of(*(registry.views[use.name] for use in uses)),
        fingerprint.package("ontogeny.report"),
    ]
    report = fingerprint.combine(findings, [recipe["answer"], recipe["report"]], drawn, reached(shown, m))
    return Expectations(
        runs,
        lenses,
        measures,
        {id: of for id, of in lenses_of.items() if of != lenses},
        tuple(notes),
        findings if study.claims else None,
        report,
    )


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
