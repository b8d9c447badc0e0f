"""Two photographs, two artworks, and outputs of them by name."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import noise_image

SIZE = 32


class Folders(NamedTuple):
    """Where the pictures lie."""

    content: Path
    style: Path
    output: Path


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    found = Folders(tmp_path / "photos", tmp_path / "styles", tmp_path / "out")
    for folder in found:
        folder.mkdir()
    for k, name in enumerate("ab"):
        noise_image(44, 36, k).save(found.content / f"{name}.png")
        noise_image(40, 48, 10 + k).save(found.style / f"{name}{name}.png")
    for content in "ab":
        for style in ("aa", "bb"):
            seed = sum(map(ord, content + style))
            noise_image(44, 36, seed).save(found.output / f"{content}_stylized_{style}.png")
    return found
