"""The licences of what a page is made of."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from adain import InputError
from adain.app.offline import licences as module
from adain.app.offline.licences import licences
from tests.conftest import ROOT

MODEL = {"model": "fast", "licence": "encoder: MIT", "origin": "encoder: here"}


def test_what_is_said() -> None:
    text = licences([MODEL]).decode()
    own = (ROOT / "LICENSE").read_text("utf-8").strip()
    for part in (own, "encoder: MIT", "The Great Wave"):
        assert part in text


@pytest.mark.parametrize("place", ["adain-1.0.dist-info/licenses/LICENSE", "adain-1.0.dist-info/LICENSE", "LICENSE"])
def test_it_is_found_however_it_was_installed(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / ("adain.egg-info" if place == "LICENSE" else "adain-1.0.dist-info")
    info.mkdir()
    (info / ("PKG-INFO" if place == "LICENSE" else "METADATA")).write_text("Metadata-Version: 2.1\nName: adain\n")
    (info / ("SOURCES.txt" if place == "LICENSE" else "RECORD")).write_text(f"other/LICENSE\n{place}\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/LICENSE").write_text("another")
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("these terms")
    found = list(importlib.metadata.distributions(name="adain", path=[str(tmp_path)]))
    monkeypatch.setattr(module, "distributions", lambda name: found)
    assert "these terms" in licences([MODEL]).decode()
    (tmp_path / place).unlink()
    with pytest.raises(InputError, match="install it again by pip"):
        licences([MODEL])
