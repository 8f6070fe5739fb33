"""Everybody can use it: an accessibility pass over every page, light and dark, wide and narrow."""

from __future__ import annotations

import pytest

from ontogeny.handles import open_store

axe = pytest.importorskip("axe_playwright_python.sync_playwright")

PATIENCE = 60_000  # milliseconds; machines that run tests are busy
PAGES = (
    "?",
    "?s=small&page=runs",
    "?s=small&page=explore&run=RUN&views=error_heatmap",
    "?s=small&page=neurons&run=RUN&unit=1",
    "?s=small&page=compare&runs=RUN,OTHER&views=error_heatmap",
    "?s=small&page=intervene&run=RUN",
    "?s=small&page=train",
    "?s=small&page=report",
)


@pytest.mark.parametrize("query", PAGES)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_no_violations(chromium, address, small, settled, query, scheme, width):
    store = open_store(small)
    query = query.replace("RUN", store.run(seed=0).id).replace("OTHER", store.run(seed=1).id)
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    try:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(address + query)
        settled(page)
        # Plotly's own buttons and drawings are named by the panel around them
        found = axe.Axe().run(
            page, context={"exclude": [[".plot"]]}, options={"runOnly": ["wcag2a", "wcag2aa"]}
        )
        assert found.violations_count == 0, found.generate_report()
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"the page is {wide} pixels wide"
    finally:
        context.close()
