"""A plan is a pure function of what is asked and what is there; every item says why."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from ontogeny import build, expect
from ontogeny.lenses.session import Session
from ontogeny.plan import Expectations, Wanted, WantedRun, make_plan
from ontogeny.store import fingerprint
from ontogeny.store.directory import Directory
from ontogeny.store.headers import CheckpointFile, ResultFile
from ontogeny.store.index import FINDINGS, REPORT, Index, RunEntry
from ontogeny.study import Stop, load_study

RUN = WantedRun("aa", "width=2", total=40, steps_per_epoch=4, steps=(0, 10))
LENS = Wanted("performance", "performance", {}, "f1")
MEASURE = Wanted("alike", "alike", {}, "m1")
DIGESTS = {0: "d0", 10: "d10", 40: "d40"}


def entry(
    status="done", step=40, digests=DIGESTS, lens="f1", seen=None, rows=5, budget=99, **changes
) -> RunEntry:
    files = {"steps.safetensors": CheckpointFile(list(digests), list(digests.values()))} if digests else {}
    seen = digests if seen is None else seen
    result = ResultFile("performance", {}, lens, list(seen.values()), list(seen))
    record = {"status": status, "step": step, "rows": 5, "budget_epochs": budget}
    return replace(RunEntry("aa", record, files, {"performance": result}, rows=rows), **changes)


def reasons(expected: Expectations, *entries: RunEntry, **index) -> list[tuple[str, str]]:
    plan = make_plan(expected, Index({e.id: e for e in entries}, **index))
    return [(item.stage, item.why) for item in plan.items]


ASKED = Expectations((RUN,), (LENS,))


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ((), [("train", "not trained yet"), ("look", "after training")]),
        ((entry(status="training", step=10),), [("train", "interrupted"), ("look", "after training")]),
        ((entry(),), []),
        ((entry(digests=DIGESTS | {60: "d60"}, step=60),), []),
        ((entry(status="diverged", step=12, digests={0: "d0", 10: "d10"}),), []),
        ((entry(step=20, digests={0: "d0", 10: "d10", 20: "d20"}),), [("train", "longer: 5 → 10 epochs"), ("look", "after training")]),
        (
            (entry(damaged={"runs/aa/checkpoints/x.safetensors": "it is cut"}),),
            [("train", "damaged: runs/aa/checkpoints/x.safetensors"), ("look", "after training")],
        ),
        (
            (entry(digests={0: "d0", 40: "d40"}),),
            [("train", "checkpoints are missing: 1 steps, 10 … 10"), ("look", "after training")],
        ),
        ((entry(digests={0: "d0", 10: "d10"}),), [("train", "checkpoints are missing: 1 steps, 40 … 40"), ("look", "after training")]),
        ((entry(rows=3),), [("train", "metrics are missing: 3 of 5 rows"), ("look", "after training")]),
        ((entry(rows=None),), [("train", "metrics are missing: 0 of 5 rows"), ("look", "after training")]),
        ((entry(budget=9),), [("train", "allowed 10 epochs, which its record does not say")]),
        ((entry(digests={}),), [("train", "checkpoints are missing: 3 steps, 0 … 40"), ("look", "after training")]),
        ((entry(results={}),), [("look", "performance: not looked at yet")]),
        (
            (entry(results={}, damaged={"runs/aa/results/performance.nc": "it is cut"}),),
            [("look", "performance: its file is damaged")],
        ),
        ((entry(lens="f0"),), [("look", "performance: its code or options changed")]),
        ((entry(seen={0: "d0"}),), [("look", "performance: 2 steps are new or changed")]),
        ((entry(seen=DIGESTS | {10: "other"}),), [("look", "performance: 1 steps are new or changed")]),
        ((entry(seen=DIGESTS | {20: "d20"}),), [("look", "performance: 1 steps are new or changed")]),
    ],
)  # fmt: skip
def test_why_a_run_is_trained_or_looked_at(there, why):
    assert reasons(ASKED, *there) == why


@pytest.mark.parametrize(
    ("have", "why"),
    [
        ({}, "not compared yet"),
        ({"alike": ResultFile("alike", {}, "m0", ["d40"])}, "its code or options changed"),
        ({"alike": ResultFile("alike", {}, "m1", ["d39"])}, "runs are new or changed"),
        ({"alike": ResultFile("alike", {}, "m1", ["d40", "d40"])}, "runs are new or changed"),
        ({"alike": ResultFile("alike", {}, "m1", ["d40"])}, None),
    ],
)
def test_why_runs_are_compared(have, why):
    asked = replace(ASKED, comparisons=(MEASURE,))
    assert reasons(asked, entry(), comparisons=have) == ([("compare", why)] if why else [])
    if why:
        assert reasons(asked, entry(step=20), comparisons=have)[-1] == ("compare", "after training")


def test_findings_and_report_follow_whatever_changed():
    asked = replace(ASKED, findings="F", report="R")
    index = Index({"aa": entry()})
    assert reasons(asked, entry()) == [("find", "not there yet"), ("report", "not there yet")]

    def made(index: Index, asked: Expectations) -> Index:
        """The same with documents that were made from what it holds."""
        for name in (FINDINGS, REPORT):
            index.documents[name] = asked.stamps(index)[name]
        return index

    fresh = made(index, asked).documents
    assert reasons(asked, entry(), documents=fresh) == []
    why = "its recipe, its code or what it reads changed"
    assert reasons(asked, entry(), documents=fresh | {FINDINGS: "old"}) == [("find", why), ("report", why)]
    assert reasons(asked, entry(), documents=fresh | {REPORT: "old"}) == [("report", why)]
    assert reasons(asked, entry(), documents={REPORT: fresh[REPORT]}, damaged={FINDINGS: "it is cut"}) == [
        ("find", "its file is damaged"),
        ("report", why),
    ]
    assert reasons(replace(asked, report="R2"), entry(), documents=fresh) == [("report", why)]
    assert [stage for stage, _ in reasons(asked, entry(lens="f0"), documents=fresh)] == [
        "look",
        "find",
        "report",
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.record.update(last={"test_accuracy": 0.5}),
        lambda e: e.results.pop("performance"),
        lambda e: e.checkpoints.clear(),
        lambda e: setattr(e, "rows", 4),
    ],
)
def test_what_was_changed_after_a_report_was_made_is_seen_even_if_nothing_else_is_to_be_done(change):
    """A result that somebody repaired by hand, say: neither training nor looking has anything to do."""
    asked = Expectations((), findings="F", report="R")
    before, after = Index({"aa": entry()}), Index({"aa": entry()})
    after.runs["aa"] = replace(entry(), record=dict(entry().record))
    change(after.runs["aa"])
    assert asked.stamps(before)[FINDINGS] != asked.stamps(after)[FINDINGS]
    before.documents[FINDINGS] = asked.stamps(before)[FINDINGS]
    assert [i.stage for i in make_plan(asked, replace(after, documents=before.documents)).items] == [
        "find",
        "report",
    ]


def test_stages_are_chosen_and_damage_is_told():
    damaged = entry(damaged={"runs/aa/results/performance.nc": "it is cut"})
    index = Index({"aa": damaged}, damaged={"comparisons/x.nc": "it is torn"})
    plan = make_plan(ASKED, index, stages=("look",))
    assert {item.stage for item in plan.items} <= {"look"}
    assert plan.warnings == ("it is cut", "it is torn")


def test_a_run_that_stopped_goes_on_if_the_rule_is_gone_or_would_not_have_stopped_it():
    stopped = entry(status="stopped", step=10, digests={0: "d0", 10: "d10"})
    stopped.record["last"] = {"test_accuracy": 0.9}
    for rule, why in [
        (None, "stopped by a rule that the study has no longer"),
        (Stop(metric="test_accuracy", at_least=0.95), "stopped by a rule that the study has no longer"),
        (Stop(metric="test_accuracy", at_least=0.8), None),
    ]:
        asked = Expectations((replace(RUN, stop=rule),))
        assert reasons(asked, stopped) == ([("train", why)] if why else [])


def test_going_on_after_a_stop_is_never_having_stopped(study, carry_out, contents_of, tmp_path):
    def of(**rule):
        return {**study, "train": {**study["train"], "epochs": 12, **rule}}

    early, late = ({"stop": {"metric": "train_accuracy", "at_least": x}} for x in (0.2, 0.4))
    carry_out(of(**early), tmp_path / "out")
    for name, rule in (("late", late), ("none", {})):
        carry_out(of(**rule), tmp_path / "out")
        carry_out(of(**rule), tmp_path / name)
        extended, whole = contents_of(tmp_path / "out"), contents_of(tmp_path / name)
        same = {
            k: v
            for k, v in whole.items()
            if "weights" in k or "metrics" in k or "resume" in k or "status" in k
        }
        assert same.items() <= extended.items()
        assert not carry_out(of(**rule), tmp_path / "out")


def test_equal_reasons_are_one_line():
    runs = tuple(replace(RUN, id=str(i), name=f"width={i}") for i in range(1, 65))
    (train, look) = make_plan(Expectations(runs, (LENS,)), Index()).summary()
    assert train == ("train", "64 runs (width=1 … width=64)", "not trained yet")
    assert look == ("look", "64 × (width=1 … width=64)", "after training")


def test_planning_and_help_need_no_torch(environment):
    script = (
        "import sys, ontogeny, ontogeny.study, ontogeny.plan, ontogeny.cli\n"
        "from ontogeny.store.index import Indexer\n"
        "ontogeny.study.load_study('bottleneck').variants()\n"
        "sys.argv = ['ontogeny', sys.argv[1]]\n"
        "try: ontogeny.cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numba', 'xarray', 'pandas', 'plotly', 'h5py', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    for words in ("--help", "studies"):
        done = subprocess.run(
            [sys.executable, "-c", script, words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "ontogeny" in done.stdout.lower() or "bottleneck" in done.stdout


# -- the plan of a real study ------------------------------------------------------------------------------------------


def planned(study, root):
    recipe = load_study(study)
    expected = expect.expectations(recipe, build.members(recipe))
    return make_plan(expected, Directory.open(root).index(), ("train", "look", "compare"))


@pytest.fixture
def study(tiny_study):
    return tiny_study(measures=["activation_similarity"])


def test_a_changed_lens_and_changed_options_are_seen(study, trained, monkeypatch):
    assert not planned(study, trained)
    study["measures"] = [{"name": "activation_similarity", "options": {"centred": True}}]
    assert [i.why for i in planned(study, trained).items] == ["not compared yet"]
    real = fingerprint._tree_hash

    def edited(module):
        digest, imports = real(module)
        return (digest + "!" if module == "ontogeny.lenses.performance" else digest), imports

    monkeypatch.setattr(fingerprint, "_tree_hash", edited)
    looks = planned({**study, "measures": []}, trained).items
    assert {i.why for i in looks} == {"performance: its code or options changed"} and len(looks) == 3


def test_code_that_a_lens_reaches_counts_and_code_of_the_frame_does_not(study, trained, monkeypatch):
    real = fingerprint._tree_hash

    def edit(which):
        def edited(module):
            digest, imports = real(module)
            return (digest + "!" if module == which else digest), imports

        monkeypatch.setattr(fingerprint, "_tree_hash", edited)

    for reached in (
        "ontogeny.models.bilinear",
        "ontogeny.numerics.lookup",
        "ontogeny.objectives.cross_entropy",
    ):
        edit(reached)
        assert len(planned(study, trained).of("look")) == 3, reached
    for frame in ("ontogeny.axes", "ontogeny.registry", "ontogeny.views.base", "ontogeny.store.index"):
        edit(frame)
        assert not planned(study, trained), frame


def test_docstrings_and_comments_make_nothing_stale(tmp_path, monkeypatch):
    """The fingerprint is of the syntax tree without docstrings."""
    monkeypatch.syspath_prepend(tmp_path)
    hashes = []
    for i, text in enumerate(
        [
            '"""One."""\ndef f(x):\n    """Doc."""\n    return x + 1\n',
            '"""Two."""\n\n\ndef f(x):  # a comment\n    """Other."""\n    return (x + 1)\n',
            "def f(x):\n    return x + 2\n",
        ]
    ):
        (tmp_path / f"house_{i}.py").write_text(text)
        hashes.append(fingerprint._tree_hash(f"house_{i}")[0])
    assert hashes[0] == hashes[1] != hashes[2]


def test_extending_trains_only_the_new_epochs_and_looks_only_at_new_steps(
    study, a_copy, carry_out, contents_of, tmp_path, monkeypatch
):
    longer = {**study, "train": {**study["train"], "epochs": 9}}
    assert [i.why for i in planned(longer, a_copy).items] == ["longer: 6 → 9 epochs"] + ["after training"] * 4
    from ontogeny.training.bilinear_engine import BilinearEngine

    trained, looked = [], []
    advance, look = BilinearEngine.advance, Session.look
    monkeypatch.setattr(
        BilinearEngine,
        "advance",
        lambda s, a, start, stop: trained.append((start, stop)) or advance(s, a, start, stop),
    )
    monkeypatch.setattr(
        Session, "look", lambda s, w, steps=None: looked.append(list(steps)) or look(s, w, steps)
    )
    carry_out(longer, a_copy)
    assert min(start for start, _ in trained) == 24 and max(stop for _, stop in trained) == 36
    assert looked == [[36]] * 3
    monkeypatch.undo()
    carry_out(longer, tmp_path / "whole")
    extended, whole = contents_of(a_copy), contents_of(tmp_path / "whole")
    assert {
        k: v for k, v in whole.items() if "weights" in k or "metrics" in k or "resume" in k
    }.items() <= extended.items()


def test_a_shorter_wish_undoes_nothing(study, a_copy, carry_out):
    assert not carry_out({**study, "train": {**study["train"], "epochs": 3}}, a_copy).of("train")


def test_a_new_value_trains_only_its_runs(study, a_copy, carry_out):
    wider = {**study, "vary": {**study["vary"], "architecture.d_hidden": [2, 3, 20, 33]}}
    plan = carry_out(wider, a_copy)
    assert [i.what for i in plan.of("train")] == ["d_hidden=33, seed=0"]
    assert [i.what for i in plan.of("look")] == ["d_hidden=33, seed=0"]
    assert not carry_out(wider, a_copy)


# -- what findings and reports reach -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edited", "stale"),
    [
        (
            "ontogeny.lenses.effective_rank",
            {"findings.json", "report/index.html"},
        ),  # read by a claim, not listed
        ("ontogeny.numerics.effective_rank", {"findings.json", "report/index.html"}),
        ("ontogeny.findings.judging", {"findings.json", "report/index.html"}),
        ("ontogeny.gathering.results", {"findings.json", "report/index.html"}),
        ("ontogeny.lenses.frequency_distribution", {"report/index.html"}),  # read by a view alone
        ("ontogeny.views.theme", {"report/index.html"}),
        ("ontogeny.views.frequency_by_width", {"report/index.html"}),
        ("ontogeny.lenses.causal_closure", set()),
    ],
)
def test_code_that_findings_and_views_reach_makes_them_stale(tiny_study, monkeypatch, edited, stale):
    recipe = load_study(
        tiny_study(
            questions={"rank": {"text": "How many directions?", "of": "all"}},
            populations={"all": {"text": "every seed"}},
            quantities={"rank": {"source": "effective_rank", "variable": "effective_rank"}},
            claims={"rank": {"rank": {"text": "Effective rank"}}},
            report=[{"heading": "Frequencies", "views": ["frequency_by_width"]}],
        )
    )
    members = build.members(recipe)
    before = expect.expectations(recipe, members).stamps(Index())
    real = fingerprint._tree_hash

    def changed(module):
        digest, imports = real(module)
        return (digest + "!" if module == edited else digest), imports

    monkeypatch.setattr(fingerprint, "_tree_hash", changed)
    after = expect.expectations(recipe, members).stamps(Index())
    assert {name for name in before if before[name] != after[name]} == stale


def test_helpers_of_a_plug_in_and_of_a_script_are_followed_and_libraries_are_not(tmp_path, monkeypatch):
    package = tmp_path / "somebodys"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "lens.py").write_text(
        "import numpy\nfrom . import near\nfrom .far import two\nimport beside_it\n"
    )
    for name in ("near", "far"):
        (package / f"{name}.py").write_text("two = 2\n")
    (tmp_path / "beside_it.py").write_text("three = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    reached = fingerprint._reach(["somebodys.lens"])
    assert {"somebodys.near", "somebodys.far", "beside_it"} <= reached
    assert not any(name.startswith("numpy") for name in reached)


def test_the_code_of_somebodys_own_network_counts(tmp_path, monkeypatch):
    from ontogeny.models.module import ModuleArchitecture

    (tmp_path / "their_nets.py").write_text("class Net: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    architecture = ModuleArchitecture("their_nets:Net")
    before = fingerprint.of(architecture)
    real = fingerprint._tree_hash
    monkeypatch.setattr(fingerprint, "_tree_hash", lambda m: ("!", ()) if m == "their_nets" else real(m))
    assert fingerprint.of(architecture) != before


def test_a_lens_that_was_typed_is_known_by_what_it_says():
    made = [{"__name__": "typed_at_a_prompt"} for _ in range(3)]
    for space, text in zip(made, ("x + 1", "x + 1", "x + 2"), strict=True):
        exec(f"def f(x): return {text}", space)
    one, same, other = (fingerprint.of(space["f"]) for space in made)
    assert one == same != other
