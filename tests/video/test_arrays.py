"""Videos by a model of arrays: the same frames however they are painted, kept as far as they are, and no torch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adain._utils.errors import InputError
from adain.stylizer.content import Content
from adain.video import Key, VideoProgress, VideoResult, VideoStopped, painter, stylize_video
from tests.conftest import noise_image, python

from .engines import MosaicStylizer
from .videos import Pixels, packets, read_video, scene, write_video

EXACT: dict[str, Any] = {"codec": "ffv1", "pixel_format": "bgr0"}
"""Of which every number comes out again."""


@pytest.fixture
def model() -> MosaicStylizer:
    return MosaicStylizer()


@pytest.fixture
def paint(model: MosaicStylizer) -> Callable[..., VideoResult]:
    def call(source: Path, style: Any, output: Path, **options: Any) -> VideoResult:
        return stylize_video(source, style, output, **{"stylizer": model, "style_size": 40} | EXACT | options)

    return call


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two shots, each number of which comes out again."""
    frames = scene(7, 48, 40) + scene(6, 48, 40, seed=9)
    return write_video(tmp_path / "in.mkv", frames, codec="ffv1", pixel_format="bgr0", options={})


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many frames are painted at a time."""
    monkeypatch.setattr(painter, "count_threads", lambda: request.param)
    return int(request.param)


def assert_same(a: list[Pixels], b: list[Pixels]) -> None:
    assert len(a) == len(b)
    for one, other in zip(a, b, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.usefixtures("threads")
class TestFrames:
    def test_each_is_what_the_model_makes_of_it(
        self, paint: Callable[..., VideoResult], model: MosaicStylizer, film: Path, art: Path, tmp_path: Path
    ) -> None:
        # Of uneven lengths, so that frames painted at a time end in another order than they began in.
        render = model.render
        model.render = lambda *a: (time.sleep(0.01 * (float(np.mean(a[0].features)) * 1e4 % 3)), render(*a))[1]  # type: ignore[method-assign]
        for how in ({}, {"alpha": 0.6}, {"color": "luminance"}, {"content_size": 20}):
            result = paint(film, art, tmp_path / "out.mkv", save_every=5, **how)
            assert (result.frames, result.shots) == (13, 2)
            changes = {"size" if name == "content_size" else name: value for name, value in how.items()}
            size = changes.pop("size", None)
            one = [
                np.asarray(model.stylize(Image.fromarray(f), art, style_size=40, content_size=size, **changes))
                for f in read_video(film)[0]
            ]
            assert_same(read_video(tmp_path / "out.mkv")[0], one)

    def test_recolouring_takes_the_first_frame_of_each_shot(
        self, paint: Callable[..., VideoResult], model: MosaicStylizer, film: Path, art: Path, tmp_path: Path
    ) -> None:
        paint(film, art, tmp_path / "out.mkv", color="linear")
        before, after = read_video(film)[0], read_video(tmp_path / "out.mkv")[0]
        for first, last in ((0, 6), (7, 12)):
            style = model.encode_style(art, size=40, color="linear", content=Image.fromarray(before[first]))
            assert_same([after[last]], [np.asarray(model.stylize(Image.fromarray(before[last]), style))])

    def test_going_on_gives_the_same(
        self, paint: Callable[..., VideoResult], film: Path, art: Path, other: Path, tmp_path: Path
    ) -> None:
        hows: list[tuple[Any, dict[str, Any]]] = [
            (art, {}),
            (art, {"color": "linear"}),
            ([art, other], {"gradient": "radial"}),
            (None, {"keys": [Key(0, art), Key(100, other, 0.5, True)]}),
            (art, {"stability": 0.7, "color": "linear"}),
            (art, {"fps": 40}),
        ]
        for style, how in hows:
            paint(film, style, tmp_path / "whole.mkv", **how)
            for stop in (4, 9):
                with pytest.raises(VideoStopped, match=f"stopped after {stop} frames, kept in"):
                    paint(film, style, tmp_path / "o.mkv", progress=lambda p, n=stop: p.frame >= n, save_every=3, **how)
            assert paint(film, style, tmp_path / "o.mkv", **how).resumed == 9
            assert_same(read_video(tmp_path / "o.mkv")[0], read_video(tmp_path / "whole.mkv")[0])

    @pytest.mark.parametrize("error", [KeyboardInterrupt, InputError, ValueError])
    @pytest.mark.parametrize("where", ["progress", "model", "sink"])
    def test_whatever_ends_it_what_was_committed_is_kept(
        self,
        paint: Callable[..., VideoResult],
        model: MosaicStylizer,
        film: Path,
        art: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        error: type[BaseException],
        where: str,
    ) -> None:
        paint(film, art, tmp_path / "whole.mkv")
        calls = 0

        def fail(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **more: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls == 8:
                    raise error("it ends here")
                return function(*args, **more)

            return call

        how: dict[str, Any] = {}
        with monkeypatch.context() as patch:
            if where == "progress":
                how["progress"] = fail(lambda _: False)
            elif where == "model":
                patch.setattr(model, "render", fail(model.render))
            else:
                patch.setattr("adain.video.encoder.PartEncoder.add", fail(lambda *_: None))
                patch.setattr("adain.video.encoder.PartEncoder.finish", lambda _: b"")
            with pytest.raises(error, match="it ends here"):
                paint(film, art, tmp_path / "out.mkv", save_every=3, **how)
        assert not (tmp_path / "out.mkv").exists()
        if where == "sink":  # of which the parts are empty here
            assert (tmp_path / "out.mkv.parts" / "part-00001.nut").exists()
            assert not (tmp_path / "out.mkv.parts" / "part-00002.nut").exists()
            return
        result = paint(film, art, tmp_path / "out.mkv", save_every=3)
        assert result.resumed == 6
        assert_same(read_video(tmp_path / "out.mkv")[0], read_video(tmp_path / "whole.mkv")[0])


def test_a_frame_shown_twice_is_painted_once(
    paint: Callable[..., VideoResult], model: MosaicStylizer, film: Path, art: Path, tmp_path: Path
) -> None:
    encoded: list[Content] = []
    encode = model.encode_content
    model.encode_content = lambda *a, **k: (encoded.append(made := encode(*a, **k)), made)[1]  # type: ignore[method-assign]
    assert paint(film, art, tmp_path / "out.mkv", fps=50).frames == 26
    assert len(encoded) == 13


def test_what_is_odd_is_told_in_the_calling_thread(
    paint: Callable[..., VideoResult], art: Path, tmp_path: Path
) -> None:
    for k in range(5):
        noise_image(48 if k < 3 else 24, 32, k).save(tmp_path / f"f{k}.png")
    heard: list[tuple[str, threading.Thread, int]] = []
    done = 0

    def progress(event: VideoProgress) -> None:
        nonlocal done
        done = event.frame

    result = paint(
        tmp_path / "f%d.png", art, tmp_path / "out.mkv", progress=progress,
        warn=lambda text: heard.append((text, threading.current_thread(), done)),
    )  # fmt: skip
    assert result.frames == 5
    assert [text[:6] for text, _, _ in heard] == ["f3.png", "f4.png"]
    assert {thread for _, thread, _ in heard} == {threading.current_thread()}


def test_sound_and_times_go_along(paint: Callable[..., VideoResult], clip: Path, art: Path, tmp_path: Path) -> None:
    paint(clip, art, tmp_path / "out.mp4", codec=None, pixel_format=None, save_every=3)
    assert read_video(tmp_path / "out.mp4")[1] == read_video(clip)[1]
    assert packets(tmp_path / "out.mp4", "audio") == packets(clip, "audio")


@pytest.mark.parametrize(("how", "expected"), [({}, []), ({"fps": 12, "alpha": 0.5, "content_size": 20}, []),
                                               ({"stability": 0.5}, ["cv2", "torch"])])  # fmt: skip
def test_torch_is_needed_for_steadiness_alone(
    film: Path, art: Path, tmp_path: Path, how: dict[str, Any], expected: list[str]
) -> None:
    code = f"""
import json, sys
from adain.video import stylize_video
from tests.video.engines import MosaicStylizer
for _ in range(2):
    try:
        stylize_video({str(film)!r}, {str(art)!r}, {str(tmp_path / "o.mp4")!r}, stylizer=MosaicStylizer(),
                      style_size=40, save_every=4, progress=lambda p: p.frame == 5 and not p.resumed, **{how!r})
    except RuntimeError as error:
        assert "stopped after 5" in str(error), error
print(json.dumps([m for m in ("cv2", "kornia", "torch") if m in sys.modules]))
"""
    assert python(code) == expected
    assert (tmp_path / "o.mp4").exists()
