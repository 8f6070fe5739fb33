"""The pages of docs/findings and their index: ``python -m benchmarks.findings out/addition out/grokking …``.

A page is what ``ontogeny report DIR --format md`` says of a study on disk, in a file named after it; the index is made from the
pages that are there, so it says what they say. Without a directory only the index is written.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

PAGES = Path(__file__).parents[1] / "docs" / "findings"
HEAD = """\
# Findings

A page is written from a study on disk by `python -m benchmarks.findings DIR …`, and so is this list; the first sentence of each \
answer stands beside its title."""
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)  # behind the seal
SUMMARY = re.compile(r"^(?:## Answer\n\n|\*\*In short\.\*\* )(.+)$", re.MULTILINE)
MADE = re.compile(r"^\*Made by (.+)\.\*$|^Written by `(.+?)`", re.MULTILINE)


def index(folder: Path = PAGES) -> str:
    """One line a page: its title, the first sentence of what it answers, and the command that makes it."""
    lines = [line(page) for page in sorted(folder.glob("*.md")) if page.name != "README.md"]
    return "\n\n".join([HEAD, "\n".join(lines)]) + "\n"


def line(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    title = TITLE.search(text)
    told, made = SUMMARY.search(text), MADE.search(text)
    command = next(filter(None, made.groups()), "") if made else ""
    return (
        f"- [{title.group(1) if title else page.stem}]({page.name})"
        + (f" {first_sentence(told.group(1))}" if told else "")
        + (f" Made by `{command}`." if command else "")
    )


def first_sentence(text: str) -> str:
    """Up to the first full stop that a space and a capital follow, or the end."""
    return re.split(r"(?<=[.?!])\s+(?=[A-Z“])", text.strip(), maxsplit=1)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "studies", nargs="*", type=Path, metavar="DIR", help="studies of which to write the page"
    )
    parser.add_argument("--to", type=Path, default=PAGES, help="folder of the pages")
    asked = parser.parse_args()
    if asked.studies:
        from ontogeny.handles import open_store
        from ontogeny.report.assemble import write_report

        for directory in asked.studies:
            store = open_store(directory)
            page = asked.to / f"{store.study.name}.md"
            with store.directory.lock("ontogeny report"):
                print(f"Wrote {write_report(store.directory, format='md', out=page)}")
    (asked.to / "README.md").write_text(index(asked.to), encoding="utf-8")
    print(f"Wrote {asked.to / 'README.md'}")


if __name__ == "__main__":
    main()
