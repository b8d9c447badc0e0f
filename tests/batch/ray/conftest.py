"""Pictures in folders and parquet tables."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import noise_image


def png(seed: int, width: int = 40, height: int = 32) -> bytes:
    file = io.BytesIO()
    noise_image(width, height, seed).save(file, "PNG")
    return file.getvalue()


def write_table(path: Path, columns: dict[str, Any], group: int = 100) -> Path:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=group)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five pictures, one of them in a subfolder under the name of another, and a file that is none."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for k in range(4):
        (folder / f"p{k}.png").write_bytes(png(k))
    (folder / "sub" / "p0.png").write_bytes(png(10))
    (folder / "bad.jpg").write_text("this is not an image")
    return folder
