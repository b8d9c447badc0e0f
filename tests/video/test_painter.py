"""Frames painted one by one or several at a time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from adain.stylizer.base import BaseStylizer
from adain.stylizer.stylizer import Stylizer
from adain.video import painter, stylize_video
from adain.video.writer import BEHIND

from .engines import MosaicStylizer
from .videos import packets


@pytest.fixture(params=["arrays", "tensors"])
def model(request: pytest.FixtureRequest, fast: Stylizer) -> BaseStylizer:
    return fast if request.param == "tensors" else MosaicStylizer()


@pytest.mark.parametrize(
    ("threads", "at_once", "how", "several"),
    [
        (3, 1 << 30, {}, True),
        (99, 1 << 30, {"color": "linear"}, True),
        (1, 1 << 30, {}, False),
        (3, 100, {}, False),
        (3, 1 << 30, {"stability": 0.5}, False),
    ],
)
def test_several_at_a_time_are_what_one_by_one_are(
    model: BaseStylizer,
    clip: Path,
    art: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    threads: int,
    at_once: int,
    how: dict[str, Any],
    several: bool,
) -> None:
    exact: dict[str, Any] = {"stylizer": model, "style_size": 40, "codec": "ffv1", "save_every": 3, **how}
    monkeypatch.setattr(painter, "count_threads", lambda: 1)
    stylize_video(clip, art, tmp_path / "one.mkv", **exact)

    render, inside, most, used = model.render, 0, 0, set[str]()

    def counted(*args: Any) -> Any:
        nonlocal inside, most
        used.add(threading.current_thread().name)
        inside += 1
        most = max(most, inside)
        try:
            return render(*args)
        finally:
            inside -= 1

    monkeypatch.setattr(model, "render", counted)
    monkeypatch.setattr(painter, "count_threads", lambda: threads)
    monkeypatch.setattr(painter, "AT_ONCE", at_once)
    stylize_video(clip, art, tmp_path / "several.mkv", **exact)
    assert packets(tmp_path / "several.mkv", "video") == packets(tmp_path / "one.mkv", "video")
    assert most <= BEHIND + 1
    assert (used == {threading.current_thread().name}) is not several
