from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from adain.app import AppOptions, create_app, export_site
from tests.conftest import noise_image


@pytest.fixture
def client() -> Iterator[TestClient]:
    """The application without a server, as its own page asks it."""
    with TestClient(create_app(AppOptions()), base_url="http://127.0.0.1:7860", raise_server_exceptions=True) as made:
        yield made


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Of a size that fits no stride."""
    path = tmp_path / "my photo.png"
    noise_image(181, 147, 4).save(path)
    return path


@pytest.fixture(scope="session")
def web_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page without a server, as a folder."""
    return exported(tmp_path_factory.mktemp("web") / "site")


@pytest.fixture(scope="session")
def web_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """And as one file."""
    return exported(tmp_path_factory.mktemp("web") / "page.html")


def exported(output: Path) -> Path:
    export_site(output)
    return output
