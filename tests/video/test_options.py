from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from adain._utils.errors import InputError
from adain.video import Key, VideoOptions, parse_key, spread_keys
from tests.conftest import python


@pytest.mark.parametrize(
    ("text", "time", "style", "alpha", "percent"),
    [
        ("0:wave.jpg", 0, "wave.jpg", 1.0, False),
        ("3.5:a/b.png:0.8", 3.5, "a/b.png", 0.8, False),
        ("3.5s:b.png", 3.5, "b.png", 1.0, False),
        ("50%:b.png:0", 50, "b.png", 0.0, True),
        (r"2:C:\art\b.png", 2, r"C:\art\b.png", 1.0, False),
        (r"2:C:\art\b.png:.5", 2, r"C:\art\b.png", 0.5, False),
    ],
)
def test_syntax(text: str, time: float, style: str, alpha: float, percent: bool) -> None:
    key = parse_key(text)
    assert (key.time, key.style, key.alpha, key.percent) == (time, Path(style), alpha, percent)


@pytest.mark.parametrize("text", ["wave.jpg", "0:", "soon:wave.jpg", ":wave.jpg", ""])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(InputError, match="a key is TIME:STYLE"):
        parse_key(text)


@pytest.mark.parametrize(("text", "words"), [("-1:a.png", "seconds, 0 or more"), ("101%:a.png", "% of the video"),
                                             ("nan:a.png", "seconds"), ("0:a.png:1.5", "alpha")])  # fmt: skip
def test_out_of_range(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_key(text)


def test_per_cent_needs_a_duration() -> None:
    assert Key(25, "a", percent=True).seconds(8.0) == 2.0
    assert Key(25, "a").seconds(None) == 25
    with pytest.raises(InputError, match="keys in seconds"):
        Key(25, "a", percent=True).seconds(None)


def test_spread() -> None:
    assert [key.time for key in spread_keys(["a", "b", "c"])] == [0, 50, 100]
    with pytest.raises(InputError, match="at least two"):
        spread_keys(["a"])


def test_options_go_through_json() -> None:
    keys = [Key(0, "a.png"), Key(100, Path("b.png"), 0.5, True)]
    options = VideoOptions(keys=keys, fps="30000/1001", stability=0.7, audio=False, alpha=0.5)
    again = VideoOptions.from_json(options.to_json())
    assert [(k.time, k.style, k.alpha, k.percent) for k in again.keys] == [
        (0, Path("a.png"), 1.0, False), (100, Path("b.png"), 0.5, True)
    ]  # fmt: skip
    assert again.change(keys=()) == options.change(keys=())
    assert {key.style for key in options.absolute().keys} == {Path("a.png").absolute(), Path("b.png").absolute()}


def test_a_frame_rate_is_the_same_however_it_is_written() -> None:
    assert {VideoOptions(fps=fps).fps for fps in ("25", 25, 25.0, Fraction(25), "50/2")} == {Fraction(25)}
    with pytest.raises(InputError, match="frame rate"):
        VideoOptions(fps="fast")


def test_the_face_and_the_options_need_no_torch() -> None:
    code = """
import json, sys
import adain.video
adain.video.VideoOptions(keys=[adain.video.parse_key("0:a.png")], fps=24)
print(json.dumps(sorted({"torch", "av", "cv2"} & set(sys.modules))))
"""
    assert python(code) == []
