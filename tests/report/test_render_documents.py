"""A document becomes one offline page, and Markdown; every word of it arrives, nothing is fetched."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from ontogeny.report import html, markdown, photograph
from ontogeny.report.document import FEW, Document, Figure, Row, Section, Topic, said
from ontogeny.views.base import Bind, Drawn

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Tags in balance, attributes that point somewhere, texts outside scripts, and the scripts."""

    def __init__(self, source):
        super().__init__()
        self.open, self.links, self.words, self.scripts, self.ids = [], [], [], [], set()
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        self.links += [v for k, v in attrs.items() if k in ("src", "href", "srcset", "data", "action")]
        if tag == "script":
            self.scripts.append((attrs, ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            attrs, text = self.scripts[-1]
            self.scripts[-1] = attrs, text + data
        else:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def realistic_figure(seed):
    """As heavy as a slider over 64 widths of 64 outputs × 33 frequencies."""
    z = np.random.default_rng(seed).random((64, 64, 33))
    drawn = Drawn(
        go.Figure(go.Heatmap(z=z[0])), [Bind(0, "z", "run", z, tuple(f"d = {i}" for i in range(64)))]
    )
    drawn.says = f"Sentence {seed} with </script> & <b>."
    return Figure(drawn, f"Caption {seed} <of> & all.", "Dark is much.\n\nPale is little.")


@pytest.fixture(scope="module")
def document():
    table = pd.DataFrame({"d_hidden": [1, 2], "loss": [0.123456, np.nan], "status": ["done", "a|b"]})
    return Document(
        title="How narrow? <i>",
        question="Where does it stop?",
        answer=["First paragraph.", "Second & last."],
        sections=[
            Section("Training", "Some prose.\n\nMore\nprose.", [realistic_figure(1), realistic_figure(2)]),
            Section("Numbers", table=table, note="A note."),
        ],
        provenance={"study": "bottleneck", "machine": {"torch": "2.13", "threads": 2}, "seeds": [0, 1]},
        made_by="ontogeny 0.1.0",
        picture=realistic_figure(0),
        topics=[
            Topic(
                "How <b>wide</b>?",
                [
                    Row(
                        "All reach 100 %",
                        "25 %",
                        "10 to 40 %",
                        "the average",
                        "100 %",
                        "✗",
                        "not as published",
                        "no",
                        ("None did.",),
                        decided=("Chosen late: so",),
                    ),
                    Row(
                        "Blocks <img src=x>", why=("One seed.",), whom="seeds that *grok*: 3 of 4", main=False
                    ),
                ],
                "every one",
            )
        ],
        trust=["Trust it."],
        files={"recipe.toml": "name = 'ü'", "runs.csv": "run,seed"},
    )


@pytest.fixture(scope="module")
def page(document):
    return Page(html.render(document))


def test_the_page_is_balanced_and_fetches_nothing(page):
    assert page.open == []
    assert page.links and all(link.startswith(("#", "data:")) for link in page.links)
    assert all("src" not in attrs for attrs, _ in page.scripts)


def test_contents_lead_somewhere(page):
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids


def test_every_word_arrives(page):
    for words in (
        "How narrow? <i>", "Where does it stop?", "Second & last.", "Caption 1 <of> & all.", "Caption 2 <of> & all.",
        "Sentence 1 with </script> & <b>.", "Pale is little.", "More prose.", "width", "0.1235", "–", "A note.",
        "not as published", "✗", "10 to 40 %", "None did.", "Blocks <img src=x>", "How <b>wide</b>?", "Chosen late: so", "Trust it.", "threads", "0, 1", "ontogeny 0.1.0",
    ):  # fmt: skip
        assert words in page.text
    assert (
        page.text.index("Where does it stop?")
        < page.text.index("Second & last.")
        < page.text.index("Some prose.")
    )


def test_figures_are_data_and_plotly_is_there_once(page):
    data = [json.loads(text) for attrs, text in page.scripts if attrs.get("type") == "application/json"]
    code = [text for attrs, text in page.scripts if "type" not in attrs]
    assert len(data) == 3 and all(len(one["layout"]["sliders"][0]["steps"]) == 64 for one in data)
    assert sum("plotly.js v" in text[:200] for text in code) == 1


def test_the_page_stays_light(document):
    heavy = Document("t", "q", [], [Section("s", figures=[realistic_figure(i) for i in range(6)])])
    assert len(html.render(heavy).encode()) < 15e6


def test_a_document_of_words_carries_no_plotly():
    source = html.render(Document("t", "q", ["a"], [Section("s", "p")]))
    assert len(source) < 20_000 and Page(source).open == []


def test_the_table_shows_few_rows_and_all_of_them_when_asked(document):
    first, rest = html.render(document).split("All 2 rows")
    assert "Blocks" not in first and "Blocks" in rest


def test_what_was_chosen_after_looking_stands_beside_its_row(document, page):
    assert "#note-1" in page.links and "note-1" in page.ids
    assert document.notes == {"Chosen late: so": 1}


def test_the_files_travel_inside_the_page(page):
    (recipe,) = (link for link in page.links if link.startswith("data:text/plain") and "bmFtZ" in link)
    assert base64.b64decode(recipe.partition("base64,")[2]).decode() == "name = 'ü'"


def test_pictures_after_the_first_of_a_section_fold():
    figures = [realistic_figure(1), realistic_figure(2)]
    source = html.render(Document("t", "q", [], [Section("s", figures=figures, shown=1)]))
    assert (
        source.index('id="figure-1"')
        < source.index("1 more picture: Caption 2")
        < source.index('id="figure-2"')
    )
    assert Page(source).open == []


def test_rows_that_nobody_reads_fold():
    long = Document("t", "q", [], [Section("s", table=pd.DataFrame({"n": range(100, 100 + FEW + 3)}))])
    source = html.render(long)
    assert (
        source.index(f'<td class="number">{99 + FEW}</td>')
        < source.index("The other 3 rows")
        < source.index(f'<td class="number">{100 + FEW}</td>')
    )
    text = markdown.render(long)
    assert (
        f"| {99 + FEW} |" in text
        and f"| {100 + FEW} |" not in text
        and f"The first {FEW} of {FEW + 3} rows" in text
    )


def test_markdown_has_tables_and_says_that_figures_are_missing(document):
    text = markdown.render(document)
    assert text.startswith("# How narrow? \\<i\\>\n")
    assert (
        "| width | loss | status |\n| ---: | ---: | --- |\n| 1 | 0.1235 | done |\n| 2 | – | a\\|b |" in text
    )
    assert (
        "| All reach 100 % (chosen after looking: 1) | 25 % (10 to 40 %) | 100 % | ✗ not as published |"
        in text
    )
    assert "**Figure 3.** Caption 2 \\<of\\> & all" in text
    assert text.count("Figures are left out") == 1 and "![" not in text
    assert "- machine: torch: 2.13; threads: 2" in text


def test_names_are_never_markup(document):
    text = markdown.render(document)
    assert "seeds that \\*grok\\*: 3 of 4" in text and "How \\<b\\>wide\\</b\\>?" in text
    tags = set(re.findall(r"(?<!\\)<[^>]*>", text))
    assert tags <= {"<details>", "</details>", "<summary>", "</summary>"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("# no heading", "\\# no heading"), ("1. no list", "1\\. no list"), ("- nor this", "\\- nor this"), ("0.5 is a number", "0.5 is a number"),
        ("a_b and `c`", "a\\_b and \\`c\\`"), ("[x](javascript:y)", "\\[x\\](javascript:y)"),
    ],
)  # fmt: skip
def test_text_stays_text(text, told):
    assert markdown.plain(text) == told


def test_markdown_links_pictures_or_says_why_not(document, tmp_path, monkeypatch):
    def draw(figures):
        for file in figures:
            file.write_bytes(b"png")

    monkeypatch.setattr(markdown, "photograph", draw)
    text = markdown.render(document, tmp_path / "figures")
    assert "![Caption 1 \\<of\\> & all.](figures/figure-2.png)" in text and "left out" not in text
    assert (tmp_path / "figures" / "figure-3.png").read_bytes() == b"png"
    assert (
        "[runs.csv](figures/runs.csv)" in text
        and (tmp_path / "figures" / "runs.csv").read_text() == "run,seed"
    )

    monkeypatch.setattr(markdown, "photograph", lambda figures: "Image export needs kaleido")
    text = markdown.render(document, tmp_path / "none")
    assert "Figures are left out here (Image export needs kaleido)" in text and "![" not in text


@pytest.mark.parametrize(
    ("what_it_does", "said"),
    [
        ("import time; time.sleep(100)", "no answer for 1 seconds"),
        ("import sys; sys.exit('Image export needs kaleido.')", "Image export needs kaleido"),
        ("", None),
    ],
)
def test_a_browser_that_hangs_or_fails_costs_the_pictures_alone(what_it_does, said, tmp_path, monkeypatch):
    if "sleep" in what_it_does:
        monkeypatch.setattr(photograph, "SECONDS", 1)
    why = photograph.photograph({}, ("-c", what_it_does))
    assert why is None if said is None else said in why


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (float("nan"), "–"), (0.123456, "0.1235"), (38, "38"), (True, "yes"), ((1, 2.5), "1 to 2.5"),
        ([0, 1, 2], "0, 1, 2"), ("all", "all"), (28800.0, "28,800"), (np.float64(2), "2"),
    ],
)  # fmt: skip
def test_said(value, text):
    assert said(value) == text
