"""The list of findings says what the pages say."""

from benchmarks.findings import PAGES, index, line

from ontogeny.report import markdown
from ontogeny.report.document import Document


def test_a_line_has_the_title_the_first_sentence_and_the_command(tmp_path):
    page = Document(
        "How wide?",
        "q",
        ["It adds at a width of 5.1 (4 to 6). Wide is good.", "More."],
        made_by="ontogeny run s",
    )
    (tmp_path / "s.md").write_text(markdown.render(page))
    assert (
        line(tmp_path / "s.md")
        == "- [How wide?](s.md) It adds at a width of 5.1 (4 to 6). Made by `ontogeny run s`."
    )
    (tmp_path / "c.md").write_text(
        "# Trust?\n\nWritten by `python -m c`; long.\n\n**In short.** Rarely wrong. Else.\n"
    )
    (tmp_path / "README.md").write_text("# old")
    first, second = index(tmp_path).strip().splitlines()[-2:]
    assert first == "- [Trust?](c.md) Rarely wrong. Made by `python -m c`." and second.startswith(
        "- [How wide?](s.md)"
    )


def test_a_page_without_an_answer_is_listed_all_the_same(tmp_path):
    (tmp_path / "a.md").write_text("# Title\n\nWords.\n")
    assert line(tmp_path / "a.md") == "- [Title](a.md)"


def test_the_list_is_that_of_the_pages_that_are_there():
    assert (PAGES / "README.md").read_text() == index(PAGES)
