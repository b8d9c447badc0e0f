"""What the tags of videos mean, beside high dynamic range."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adain._utils.errors import InputError
from adain.image.colorspace import Colorspace

from .ranges import greys, tags_of, write_range
from .test_hdr import LIGHT, stylize
from .videos import write_video


@pytest.mark.parametrize("tags", [(9, 9), (12, 1)])
def test_wide_gamut_keeps_its_tags_and_becomes_srgb_in_pictures(
    tmp_path: Path, art: Path, tags: tuple[int, int]
) -> None:
    source = write_range(tmp_path / "in.mp4", greys([203.0] * 4), curve="SDR", tags=tags)
    assert stylize(source, art, tmp_path / "out.mp4") == []
    assert tags_of(tmp_path / "out.mp4")[1:] == (tags[0], 14, tags[1])
    red = np.full((64, 64, 3), (200, 40, 40), np.uint8)

    def tag(stream: Any) -> None:
        context = stream.codec_context
        context.color_primaries, context.color_trc = tags[0], 13

    write_video(tmp_path / "red.mkv", [red] * 2, codec="ffv1", pixel_format="bgr0", options={}, change=tag)
    stylize(tmp_path / "red.mkv", art, tmp_path / "out/%d.png")
    space = Colorspace.of_codes(tags[0], 13)
    assert space is not None
    with Image.open(tmp_path / "out/1.png") as opened:
        found = np.asarray(opened)[32, 32]
    assert found == pytest.approx(space.to_srgb(red[:1, :1])[0, 0], abs=1)


def test_ictcp_is_refused(tmp_path: Path, art: Path) -> None:
    source = write_range(tmp_path / "in.mp4", greys(LIGHT), tags=(9, 14))
    with pytest.raises(InputError, match=r"cannot read in\.mp4: its colours are ICtCp"):
        stylize(source, art, tmp_path / "out.mp4")
