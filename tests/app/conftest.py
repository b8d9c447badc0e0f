from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from adain.app import AppOptions, create_app


@pytest.fixture
def client() -> Iterator[TestClient]:
    """The application without a server, as its own page asks it."""
    with TestClient(create_app(AppOptions()), base_url="http://127.0.0.1:7860", raise_server_exceptions=True) as made:
        yield made
