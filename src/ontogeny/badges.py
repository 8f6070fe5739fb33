"""What the numbers of a head come to, in words: badges that stand wherever a head is shown."""

from __future__ import annotations

from collections.abc import Mapping


def badges(one: Mapping[str, float], positions: int = 0) -> list[str]:
    """What the labels of one head say, in words: ``["frequency 5", "looks at b", "needed"]``; ``positions``: how many there are, 3 being a, b and "="."""
    said = []
    if one["steady"]:
        said.append("the same for every input")
    if one["tuned"]:
        said.append(f"frequency {one['dominant_frequency']:.0f}")
    if one["coarse"]:
        said.append("coarse")
    if one["leaning"]:
        place = int(one["favourite"])
        said.append(f"looks at {'ab='[place] if positions == 3 else f'position {place}'}")
    said.append("needed" if one["needed"] else "not needed alone")
    return said
