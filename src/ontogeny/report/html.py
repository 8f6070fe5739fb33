"""A document as one HTML file that needs no network: Plotly inside once, figures drawn when the reader comes near them."""

from __future__ import annotations

import base64
import functools
from itertools import count
from typing import Any

import jinja2
import markupsafe
import plotly.offline

from ontogeny.report.document import FEW, Document, Figure, cells, paragraphs, said
from ontogeny.representations.rendering import inert
from ontogeny.views.bindings import with_slider


def render(document: Document) -> str:
    """The page, ready to be written to ``index.html`` (UTF-8)."""
    numbers = count(1)
    figures = {id(figure): _prepared(figure, next(numbers)) for figure in document.figures}
    return _template().render(
        document=document,
        picture=figures[id(document.picture)] if document.picture else None,
        sections=[
            (i, one, [figures[id(f)] for f in one.figures]) for i, one in enumerate(document.sections, 1)
        ],
        rows=sum(len(topic.rows) for topic in document.topics),
        notes=document.notes,
        few=FEW,
        plotly=markupsafe.Markup(plotly.offline.get_plotlyjs()) if figures else "",
    )


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ontogeny", "report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"said": said, "paragraphs": paragraphs, "cells": cells, "carried": carried}
    return environment.get_template("template.html.j2")


def carried(text: str, kind: str = "text/plain") -> str:
    """A file inside the page, as the address of a link that saves it."""
    return f"data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"


def _prepared(figure: Figure, number: int) -> dict[str, Any]:
    """What the template needs of one figure: its words, its JSON, and the room to keep free for it."""
    fig = with_slider(figure.drawn)
    fig.update_layout(title=None)  # the caption says it, and wraps
    meta = fig.layout.meta if isinstance(fig.layout.meta, dict) else {}
    return {
        "number": number,
        "caption": figure.caption,
        "says": figure.drawn.says,
        "how_to_read": figure.how_to_read,
        "json": inert(fig.to_json()),
        "height": int(fig.layout.height or 420),
        "single_square": meta.get("square") == 1,
    }
