from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import noise_image

from .videos import scene, write_video


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Eight frames of a moving picture, with sound."""
    return write_video(tmp_path / "in.mp4", scene(8, 48, 32), sound=True)


@pytest.fixture
def art(tmp_path: Path) -> Path:
    path = tmp_path / "art.png"
    noise_image(48, 40, 2).save(path)
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    path = tmp_path / "other.png"
    noise_image(40, 48, 3).save(path)
    return path
