from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT

from .formats import TABLES, table

PAGE = ROOT / "docs" / "formats.md"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("mark", TABLES)
def test_the_page_says_what_is_found(mark: str) -> None:
    """Every cell of it; ``python -m tests.docs.formats`` prints the tables as they should be."""
    found = re.search(rf"<!-- {mark} -->\n\n((?:\|.*\n)+)", PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[1].rstrip("\n") == table(mark)


def test_the_page_has_every_format() -> None:
    from adain.image import WRITABLE
    from adain.image.guests import _NEEDED
    from adain.image.listing import READABLE
    from adain.video.encoder import ANIMATIONS, CONTAINERS

    reading, writing, videos = (TABLES[mark][0] for mark in ("reading", "writing", "videos"))
    known = {"WEBP": "WebP", "PPM": "PPM, PGM", "JPEG2000": "JPEG 2000"}
    assert [*reading] == [known.get(name, name) for name in READABLE] + [*_NEEDED]
    assert [*writing] == [known.get(name, name) for name in dict.fromkeys(WRITABLE.values())]
    assert len(videos) == len({*CONTAINERS.values()}) + len({*ANIMATIONS.values()})
