"""A browser for all tests of this folder, and in it the page with nothing but a view and a blend pad."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.app.canvas.bare import CHROMIUM, opened, served


@pytest.fixture(scope="package")
def address() -> Iterator[str]:
    with served() as found:
        yield found


@pytest.fixture(scope="package")
def screens() -> Iterator[dict[int, Any]]:
    """A window for each number of the screen's pixels for one of CSS."""
    api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("needs Chromium")
    size = {"width": 820, "height": 1000}
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield {n: browser.new_context(viewport=size, device_scale_factor=n, has_touch=True).new_page() for n in (1, 2)}
        browser.close()


@pytest.fixture(params=[1])
def page(screens: dict[int, Any], address: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    page = opened(screens[request.param], address)
    yield page
    assert page.evaluate("failures") == []
