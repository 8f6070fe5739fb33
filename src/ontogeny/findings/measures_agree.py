"""Do the measures of a study tell one story about which models are alike?"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from ontogeny.findings.agreement import BY_K, agreement
from ontogeny.findings.base import Finding, finding
from ontogeny.findings.reading import along_runs
from ontogeny.reads import parse


@finding(kind="agreement", reads=("measure:{first}", "measure:{second}", "measure:{third}"))
def measures_agree(
    data: Mapping[str, Any],
    *,
    first: str = "tn_similarity",
    second: str = "activation_similarity",
    third: str = "js_divergence",
    by: str = "d_hidden",
    permutations: int = 1999,
) -> list[Finding]:
    """Do three measures agree on which models are alike, beyond what the setting ``by`` alone explains?

    For every two measures: Spearman's correlation of the distances of all pairs of models given |Δ by| (partial Mantel; p by permuting
    models, rows and columns together), and, in the details, the overlap of neighbourhoods by k with its chance level.

    High: the same pairs are far apart under both. It misleads where both follow something that was not held fixed, such as the seed
    that fixes the data split; a rank correlation says nothing of the size of distances.
    """
    found = []
    words = {parse(f"measure:{m}").keyword: f"measure:{m}" for m in (first, second, third)}
    for one, other in itertools.combinations(words, 2):
        x, y = data[words[one]], data[words[other]]
        setting = along_runs(x, by, words[one]).astype(float)
        together = agreement(x, y, np.abs(setting[:, None] - setting[None, :]), permutations=permutations)
        value, p = float(together["partial_spearman"]), float(together["partial_spearman_p"])
        pair = f"{_plain(one)} and {_plain(other)}"
        table = {"pair": [pair] * together.sizes["k"], "k": together["k"].values.tolist()}
        table |= {name: together[name].values.tolist() for name in BY_K}
        found.append(
            Finding(
                claim=f"{pair} {'agree' if p < 0.05 else 'are not shown to agree'} on which models are alike, at equal |Δ{by}|",
                value=value,
                units="partial Spearman correlation",
                n=len(setting),
                n_unit="models",
                why=(
                    f"given |Δ{by}| the distances correlate at {value:.2f} (Mantel p = {p:.2g}, {permutations} permutations); "
                    f"without holding it fixed at {float(together['spearman']):.2f}"
                ),
                evidence={"distances": words[one], "other distances": words[other]},
                details={
                    "table": table,
                    "p": p,
                    **{
                        name: float(together[name])
                        for name in ("pearson", "spearman", "stress", "stress_unscaled")
                    },
                },
            )
        )
    return found


def _plain(measure: str) -> str:
    return measure.replace("_", " ")
