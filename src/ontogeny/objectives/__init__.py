"""Outputs, taps and batch → what is minimised and what is reported, per example."""

from ontogeny.objectives.base import Objective

__all__ = ["Objective"]
