"""What tests of the one pass share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adain.stylizer.stylizer import Stylizer


@pytest.fixture
def encoded(stylizer: Stylizer) -> Iterator[list[int]]:
    """Grows by one whenever the encoder runs."""
    calls: list[int] = []
    handle = stylizer.encoder.register_forward_hook(lambda *_: calls.append(1))
    yield calls
    handle.remove()
