"""Labelled arrays → Plotly figures, and which of their traces follow which axis."""

from ontogeny.views.base import Bind, Drawn, View, view

__all__ = ["Bind", "Drawn", "View", "view"]
