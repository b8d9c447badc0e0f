"""Videos of high dynamic range."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adain._utils.errors import InputError
from adain.image.colorspace import BT709, BT2020, xyz_matrix
from adain.image.hdr import hlg_light, hlg_numbers, pq_light, pq_numbers
from adain.video import stylize_video
from adain.video.hdr import DynamicRange, Mastering

from .engines import MosaicStylizer
from .ranges import MASTERING, X265, greys, luma_of, tags_of, write_range
from .videos import packets

LIGHT = [0.5, 5.0, 20, 50, 100, 203, 600, 1000]
TOLD = {"x265-params": f"{X265}:{MASTERING}:max-cll=1000,400"}
# Of 8 bits and limited range: what the EETF of BT.2390 makes of LIGHT where 1000 cd/m² are the most.
SHOWN = [23, 53, 92, 133, 176, 213, 234, 235]
CELLS = slice(8, None, 16)


def stylize(source: Path, art: Path, output: Path, **options: Any) -> list[str]:
    """The identity: a model whose decoder undoes its encoder, at strength 0."""
    warnings: list[str] = []
    stylize_video(source, art, output, stylizer=MosaicStylizer(), alpha=0.0, warn=warnings.append, **options)
    return warnings


@pytest.mark.parametrize("curve", ["PQ", "HLG"])
def test_tone_mapped_by_default(tmp_path: Path, art: Path, curve: str) -> None:
    source = write_range(tmp_path / "in.mp4", greys(LIGHT, curve), curve=curve, options=TOLD)
    warnings = stylize(source, art, tmp_path / "out.mp4", crf=1)
    assert warnings == [
        f"in.mp4 is of high dynamic range, {curve} of up to 1000 cd/m², and is tone-mapped to standard: "
        "--hdr keep keeps it"
    ]
    assert tags_of(tmp_path / "out.mp4") == ("yuv420p", 1, 1, 1)
    frames = luma_of(tmp_path / "out.mp4")
    assert len(frames) == 3
    for frame in frames:
        assert frame[32, CELLS].tolist() == pytest.approx(SHOWN, abs=1)


def test_without_a_word_on_light_4000_are_taken_for_the_most(tmp_path: Path, art: Path) -> None:
    source = write_range(tmp_path / "in.mp4", greys([1, 100, 203, 400, 1000, 4000, 10_000]))
    warnings = stylize(source, art, tmp_path / "out.mp4", crf=1)
    assert "of up to 4000 cd/m²" in warnings[0]
    shown = luma_of(tmp_path / "out.mp4")[0][32, CELLS].astype(int)
    # 208 of 255 for 203 cd/m², 250 for 1000.
    assert shown[2] == pytest.approx(16 + 219 * 208 / 255, abs=1)
    assert shown[4] == pytest.approx(16 + 219 * 250 / 255, abs=1)
    assert (np.diff(shown) > 0)[:-1].all()
    assert shown[-1] == 235


@pytest.mark.parametrize("curve", ["PQ", "HLG"])
@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", None), (".mkv", "h264"), (".webm", None), (".mov", None)])
def test_kept(tmp_path: Path, art: Path, curve: str, suffix: str, codec: str | None) -> None:
    """What is not painted over has the light it had, to a step of 10 bits."""
    source = write_range(tmp_path / "in.mp4", greys(LIGHT, curve), curve=curve, options=TOLD)
    output = tmp_path / f"out{suffix}"
    assert stylize(source, art, output, hdr="keep", codec=codec, crf=1) == []
    name, *codes = tags_of(output)
    assert name == "yuv420p10le"
    assert codes == [9, 16 if curve == "PQ" else 18, 9]
    frames = luma_of(output)
    assert len(frames) == 3
    for frame in frames:
        assert frame[32, CELLS] == pytest.approx(luma_of(source)[0][32, CELLS], abs=2)


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "h265"), (".mkv", "h264"), (".webm", "av1")])
def test_light_and_mastering_are_told_on(tmp_path: Path, art: Path, suffix: str, codec: str) -> None:
    from adain.video.reader import VideoReader

    source = write_range(tmp_path / "in.mp4", greys(LIGHT), options=TOLD)
    stylize(source, art, tmp_path / f"out{suffix}", hdr="keep", codec=codec)
    found = VideoReader(tmp_path / f"out{suffix}", warn=print, wanted="kept").range
    assert found is not None
    assert (found.curve, found.light, found.peak) == ("PQ", (1000, 400), 1000)
    assert found.mastering is not None
    expected = Mastering((0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329), 1000, 0.005)
    assert found.mastering.primaries == pytest.approx(expected.primaries, abs=2e-5)
    assert found.mastering.brightest == pytest.approx(1000)
    assert found.mastering.darkest == pytest.approx(0.005, abs=1e-4)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_h265_is_called_hvc1(tmp_path: Path, art: Path, suffix: str) -> None:
    """ISO/IEC 14496-15, section 8.4.1: all parameters are in the header; so Apple's players want it."""
    source = write_range(tmp_path / "in.mp4", greys(LIGHT), options=TOLD)
    stylize(source, art, output := tmp_path / f"out{suffix}", hdr="keep")
    data = output.read_bytes()
    assert b"hvc1" in data
    assert b"hev1" not in data
    for _, packet in packets(output, "video"):
        at = 0
        while at < len(packet):
            assert packet[at + 4] >> 1 & 63 not in (32, 33, 34)  # sets of parameters
            at += 4 + int.from_bytes(packet[at : at + 4], "big")
    # Primaries, curve and matrix stand in the container, too.
    kind = {".mp4": b"nclx", ".mov": b"nclc"}[suffix]
    assert b"colr" + kind + bytes([0, 9, 0, 16, 0, 9]) in data


def test_frames_of_prores_say_what_their_colours_mean(tmp_path: Path, art: Path) -> None:
    """They do so each for itself, and players go by that before they go by the container."""
    source = write_range(tmp_path / "in.mp4", greys([1, 20, 203, 1000]))
    stylize(source, art, tmp_path / "out.mov", hdr="keep", codec="prores_ks")
    assert tags_of(tmp_path / "out.mov") == ("yuv422p10le", 9, 16, 9)


def test_kept_at_another_size_and_rate(tmp_path: Path, art: Path) -> None:
    source = write_range(tmp_path / "in.mp4", greys([50.0, 600], cell=64), options=TOLD)
    stylize(source, art, tmp_path / "out.mp4", hdr="keep", content_size=80, fps=50, crf=1)
    frames = luma_of(tmp_path / "out.mp4")
    assert len(frames) == 6
    assert frames[0].shape == (80, 160)
    before = luma_of(source)[0][32, [32, 96]]
    assert frames[0][40, [30, 130]] == pytest.approx(before, abs=2)


def test_kept_after_an_interruption(tmp_path: Path, art: Path) -> None:
    from adain.video import VideoStopped

    source = write_range(tmp_path / "in.mp4", greys(LIGHT), frames=6, options=TOLD)
    how: dict[str, Any] = {"hdr": "keep", "save_every": 2, "codec": "ffv1"}
    stylize(source, art, tmp_path / "whole.mkv", **how)
    with pytest.raises(VideoStopped):
        stylize(source, art, tmp_path / "out.mkv", progress=lambda event: event.frame == 3, **how)
    with pytest.raises(InputError, match="of a job with another"):
        stylize(source, art, tmp_path / "out.mkv", **how | {"hdr": "tone-map"})
    stylize(source, art, tmp_path / "out.mkv", **how)
    assert all(map(np.array_equal, luma_of(tmp_path / "out.mkv"), luma_of(tmp_path / "whole.mkv")))


def test_painting_changes_what_is_kept(tmp_path: Path, art: Path) -> None:
    source = write_range(tmp_path / "in.mp4", greys(LIGHT), options=TOLD)
    stylize_video(source, art, tmp_path / "out.mp4", stylizer=MosaicStylizer(), hdr="keep")
    assert np.abs(luma_of(tmp_path / "out.mp4")[0].astype(int) - luma_of(source)[0]).max() > 50


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        (
            "out.webm",
            {"codec": "vp9"},
            "libvpx-vp9 would store yuv420p, and --hdr keep needs 10 bits: choose h265 or av1",
        ),
        ("out.mp4", {"pixel_format": "yuv444p"}, "libx265 would store yuv444p.*leave --pixel-format out"),
        ("out/%03d.png", {}, "hdr keep is for video files"),
    ],
)
def test_what_cannot_be_kept(tmp_path: Path, art: Path, output: str, options: dict[str, Any], message: str) -> None:
    source = write_range(tmp_path / "in.mp4", greys(LIGHT))
    with pytest.raises(InputError, match=message):
        stylize(source, art, tmp_path / output, hdr="keep", **options)


def test_nothing_to_keep(tmp_path: Path, art: Path, clip: Path) -> None:
    warnings = stylize(clip, art, tmp_path / "kept.mp4", hdr="keep")
    assert warnings == ["in.mp4 is of standard range: there is nothing for --hdr keep to keep"]
    stylize(clip, art, tmp_path / "out.mp4")
    assert all(map(np.array_equal, luma_of(tmp_path / "kept.mp4"), luma_of(tmp_path / "out.mp4")))
    with pytest.raises(InputError, match="hdr keep is for video files"):
        stylize(art.parent, art, tmp_path / "out.mp4", hdr="keep")


# Splitting and joining


def flat(rgb: list[float], curve: str) -> Any:
    """Light of BT.709 in cd/m² as numbers of BT.2020."""
    light = np.array([[rgb]]) @ (np.linalg.inv(xyz_matrix(BT2020)) @ xyz_matrix(BT709)).T
    coded = pq_numbers(light) if curve == "PQ" else hlg_numbers(light)
    return np.rint(coded * 65535).astype(np.uint16)


@pytest.mark.parametrize("curve", ["PQ", "HLG"])
@pytest.mark.parametrize("rgb", [[300.0, 20, 5], [0.1, 0.4, 0.2], [900, 900, 300], [100, 203, 40], [0, 0, 0]])
def test_split_and_joined_keep_colours_of_bt709(curve: Any, rgb: list[float]) -> None:
    shown = DynamicRange(curve, light=(1000, 0))
    numbers = flat(rgb, curve)
    picture, gain = shown.split(numbers)
    assert picture.shape == (1, 3, 1, 1)
    assert gain.shape == (1, 1)
    assert picture.max() <= 1 <= gain.min()
    undo = pq_light if curve == "PQ" else hlg_light
    back = undo(shown.joined(picture, gain) / 65535.0)
    assert back == pytest.approx(undo(numbers / 65535.0), rel=5e-3, abs=0.02)
    # The picture that is painted is the one that tone mapping shows.
    assert np.rint(picture[0, :, 0, 0] * 255) == pytest.approx(shown.tone_mapped(numbers)[0, 0], abs=1)


def test_a_white_of_the_artwork_is_reference_white_where_the_source_is_dark() -> None:
    shown = DynamicRange("PQ", light=(1000, 0))
    _, gain = shown.split(flat([20, 20, 20], "PQ"))
    white = shown.joined(np.ones((1, 3, 1, 1), np.float32), gain)
    assert pq_light(white / 65535.0) == pytest.approx(203, rel=1e-3)
    _, gain = shown.split(flat([1000, 1000, 1000], "PQ"))
    assert pq_light(shown.joined(np.ones((1, 3, 1, 1), np.float32), gain) / 65535.0) == pytest.approx(1000, rel=2e-3)
