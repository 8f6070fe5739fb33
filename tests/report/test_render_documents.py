"""A document becomes one offline page, and Markdown; every word of it arrives, nothing is fetched."""

import json
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
import pytest

from ontogeny.report import html, markdown
from ontogeny.report.document import Document, Figure, Section, Verdict, said
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
        verdicts=[
            Verdict("All d ≥ 10 reach 100 %", 1.0, 0.25, (0.1, 0.4), 8, "disagrees", "none of them did"),
            Verdict("Blocks", None, None, None, None, "cannot tell", "one seed"),
        ],
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
        "Sentence 1 with </script> & <b>.", "Pale is little.", "More prose.", "d hidden", "0.1235", "–", "A note.",
        "disagrees", "cannot tell", "0.1 to 0.4", "none of them did", "threads", "0, 1", "ontogeny 0.1.0",
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
    assert len(data) == 2 and all(len(one["layout"]["sliders"][0]["steps"]) == 64 for one in data)
    assert sum("plotly.js v" in text[:200] for text in code) == 1


def test_the_page_stays_light(document):
    heavy = Document("t", "q", [], [Section("s", figures=[realistic_figure(i) for i in range(6)])])
    assert len(html.render(heavy).encode()) < 15e6


def test_a_document_of_words_carries_no_plotly():
    source = html.render(Document("t", "q", ["a"], [Section("s", "p")]))
    assert len(source) < 20_000 and Page(source).open == []


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [("agrees", "agrees"), ("disagrees", "differs"), ("cannot tell", "open"), ("no published value", "open")],
)
def test_badges(verdict, kind):
    assert html.badge(verdict) == kind


def test_markdown_has_tables_and_says_that_figures_are_missing(document):
    text = markdown.render(document)
    assert text.startswith("# How narrow? <i>\n")
    assert (
        "| d hidden | loss | status |\n| ---: | ---: | --- |\n| 1 | 0.1235 | done |\n| 2 | – | a\\|b |"
        in text
    )
    assert "| All d ≥ 10 reach 100 % | 1 | 0.25 | 0.1 to 0.4 | 8 | disagrees | none of them did |" in text
    assert "**Figure 2.** Caption 2 <of> & all. Sentence 2" in text
    assert text.count("Figures are left out") == 1 and "![" not in text
    assert "  - threads: 2" in text


def test_markdown_links_pictures_or_says_why_not(document, tmp_path, monkeypatch):
    def draw(figures, files, **_):
        for file in files:
            file.write_bytes(b"png")

    monkeypatch.setattr(pio, "write_images", draw)
    text = markdown.render(document, tmp_path / "figures")
    assert "![Caption 1 <of> & all.](figures/figure-1.png)" in text and "left out" not in text
    assert (tmp_path / "figures" / "figure-2.png").read_bytes() == b"png"

    def fail(figures, files, **_):
        raise ValueError("\nImage export needs kaleido.\nInstall it.")

    monkeypatch.setattr(pio, "write_images", fail)
    text = markdown.render(document, tmp_path / "none")
    assert "Figures are left out here (Image export needs kaleido)" in text and "![" not in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (float("nan"), "–"), (0.123456, "0.1235"), (38, "38"), (True, "yes"), ((1, 2.5), "1 to 2.5"),
        ([0, 1, 2], "0, 1, 2"), ("all", "all"), (28800.0, "28,800"), (np.float64(2), "2"),
    ],
)  # fmt: skip
def test_said(value, text):
    assert said(value) == text
