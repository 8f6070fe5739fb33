"""The shape of an array of samples: bars, angles around a loop, a graph of its parts, and how far two shapes are apart."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ontogeny.errors import UserError
from ontogeny.numerics import topology as numerics
from ontogeny.numerics.arranging import principal
from ontogeny.representations.inputs import checked

if TYPE_CHECKING:
    import plotly.graph_objects as go

Array = NDArray[np.float64]
WITHIN = 50  # dimensions that are kept where there are more: the largest principal components


@dataclass(frozen=True, repr=False)
class Topology:
    """``pieces`` and ``loops``: bars (n, 2) of birth and death, the longest first; ``share``: loops beside that of a dense perfect circle of the same size."""

    points: Array
    pieces: Array
    loops: Array
    name: str = "X"

    @property
    def share(self) -> Array:
        return numerics.loop_share(self.loops, self.points)

    def circular(self, loop: int = 0) -> Array:
        """An angle of every sample around its longest loop (or the next ones)."""
        return numerics.circular_coordinate(self.points, loop)

    def mapper(self, seen: Any = None, intervals: int | None = None, overlap: float = 0.4) -> numerics.Graph:
        """A graph of the parts of the cloud (:func:`ontogeny.numerics.topology.mapper`)."""
        return numerics.mapper(self.points, seen, intervals, overlap)

    def distance(self, other: Topology, how: numerics.Distance = "bottleneck") -> float:
        """How far the loops of two clouds are apart, each in units of its own size, so that scale does not count."""
        return numerics.diagram_distance(self._sized, other._sized, how)

    @cached_property
    def _sized(self) -> Array:
        radius = numerics.radius_of(self.points)
        return self.loops / radius if radius > 0 else self.loops

    def says(self) -> str:
        """Its loops in a sentence."""
        share = [f"{x:.2f}" for x in self.share[:3]]
        if not share:
            return f"{self.name}: no loop in {len(self.points)} samples."
        return f"{self.name}: the longest loops of {len(self.points)} samples are {', '.join(share)} of a perfect circle's (noise: .1 to .3)."

    def __repr__(self) -> str:
        return f"<Topology {self.says()}>"

    def figure(self) -> go.Figure:
        """Bars, samples by their angle around the longest loop, and the Mapper graph (:func:`ontogeny.views.shape.shape`)."""
        from ontogeny.views.shape import shape

        graph = self.mapper()
        places = principal(self.points, 2)
        nodes = np.array([places[rows].mean(0) for rows in graph.nodes]).reshape(-1, 2)
        sizes = np.array([len(rows) for rows in graph.nodes])
        angle = None
        with suppress(UserError):  # nothing goes around a loop that is hardly there
            angle = self.circular()
        return shape(
            (self.pieces, self.loops),
            places,
            angle,
            nodes,
            sizes,
            graph.edges,
            "angle around the longest loop",
        )


def topology(X: Any, name: str = "X") -> Topology:
    """Which shape do samples lie on: one piece or several, a line, a circle, a torus?

    X (n, d): of more than 50 dimensions the largest 50 principal components are taken, of more than 400 samples a spread-out subset decides. How it misleads:
    any cloud has short bars; noise of the size of the loop fills it; H1 counts loops of the samples, not of what they are samples of.
    Needs the extra ``topology``.
    """
    points = checked(name, X).values.double().cpu().numpy()
    if points.shape[1] > WITHIN:
        points = principal(points, WITHIN)
    pieces, loops = numerics.persistence(points)
    return Topology(points, pieces, loops, name)
