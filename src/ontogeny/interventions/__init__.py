"""Pure edits of taps; interventions compose."""

from ontogeny.interventions.base import Intervention, compose, intervene

__all__ = ["Intervention", "compose", "intervene"]
