"""Answers the claims of a recipe from what is on disk."""

from __future__ import annotations

from typing import Any

from ontogeny import registry
from ontogeny.errors import Damaged, DiskFull, TooFewRuns
from ontogeny.findings.base import Finding, stamped
from ontogeny.handles import Store
from ontogeny.plan import Job
from ontogeny.store.files import write_json
from ontogeny.work.base import Place, Tell, failed


def find(job: Job, stamp: str, place: Place, tell: Tell) -> None:
    """Findings, question by question, as JSON that anyone can read. What several of them read is read once."""
    store = Store(place.directory)
    asked = place.study.asked()
    found: list[dict[str, Any]] = []
    for i, one in enumerate(asked):
        tell(job, one.key, i / len(asked))
        kind = registry.findings[one.kind]
        given = kind.given(one)
        need = kind.needs(given)
        try:
            data = store.gather(word if must else f"{word}?" for word, must in need.items())
            said = kind({word: data[word] for word in need}, **given)
        except (Damaged, DiskFull):
            raise
        except TooFewRuns as error:
            said = [Finding(one.text or one.key, verdict="too few seeds", why=str(error))]
        except Exception as error:
            failed(f"the claim '{one.key}'", error)
            said = [Finding(one.text or one.key, why=f"it could not be computed: {error}")]
        found += [f.to_dict() for f in stamped(said, one)]
    write_json(place.directory.findings, {"fingerprint": stamp, "findings": found})
