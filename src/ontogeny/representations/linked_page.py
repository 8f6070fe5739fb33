"""Linked maps as one HTML file that needs no network: numbers as packed arrays, drawn on two canvases."""

from __future__ import annotations

import base64
import functools
import json
from typing import Any

import jinja2
import markupsafe
import numpy as np

from ontogeny.representations.linked import LinkedMaps, Side
from ontogeny.representations.rendering import inert
from ontogeny.views.theme import ORDERED, PALETTE, SEQUENTIAL


def render(maps: LinkedMaps) -> str:
    """The page."""
    left, right = maps.pairs.distinct
    score = maps.pairs.score
    said = {
        "sides": [_packed(side) for side in (maps.left, maps.right)],
        "inputs": list(maps.inputs),
        "score": maps.by,
        "palette": list(PALETTE),
        "scales": {"ordered": ORDERED, "sequential": SEQUENTIAL},
    }
    return _template().render(
        maps=maps,
        data=inert(json.dumps(said, separators=(",", ":"))),
        pairs=len(score),
        mean=float(np.mean(score)),
        half=float(np.median(score)),
        left=left,
        right=right,
        **_assets(),
    )


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("ontogeny", "representations"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _template() -> jinja2.Template:
    return _environment().get_template("linked.html.j2")


@functools.cache
def _assets() -> dict[str, markupsafe.Markup]:
    """Style and script, which are ours and are inlined as they stand."""
    loader = _environment().loader
    assert loader is not None
    return {
        name.partition(".")[2]: markupsafe.Markup(loader.get_source(_environment(), name)[0])
        for name in ("linked.css", "linked.js")
    }


def _packed(side: Side) -> dict[str, Any]:
    """Arrays as base64 of little-endian numbers with their type and shape; texts as they are."""
    fields = {name: getattr(side, name) for name in side.__dataclass_fields__}
    arrays = {name: value for name, value in fields.items() if isinstance(value, np.ndarray)}
    return {
        "name": side.name,
        "labels": list(side.labels),
        **{
            name: {
                "type": {"f": "Float32Array", "i": "Int32Array", "u": "Uint8Array"}[value.dtype.kind],
                "shape": list(value.shape),
                "bytes": base64.b64encode(np.ascontiguousarray(value).tobytes()).decode(),
            }
            for name, value in arrays.items()
        },
    }
