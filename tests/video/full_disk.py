"""What a video does on a disk that is full: a limit on the size of files, whose error is the system's own."""

from __future__ import annotations

import resource
import signal
from pathlib import Path
from typing import Any

import pytest

from adain._utils.errors import InputError
from adain.stylizer.stylizer import Stylizer
from adain.video import stylize_video

from .videos import read_video, scene, write_video

NONE = resource.RLIM_INFINITY
EXACT: dict[str, Any] = {"codec": "ffv1", "pixel_format": "yuv444p", "style_size": 40}


def limit(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, NONE))


def main(folder: str, art: str) -> None:
    """Raises, or says that all is well."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    how: dict[str, Any] = {**EXACT, "stylizer": Stylizer.from_pretrained(device="cpu")}
    clip = write_video(Path(folder) / "clip.mp4", scene(8, 96, 64))
    content = clip.read_bytes()
    for suffix in (".mkv", ".mp4", ".mov"):
        codec = {} if suffix == ".mkv" else {"codec": "libx264", "crf": 0}
        out = Path(folder) / f"out{suffix}"
        stylize_video(clip, art, out, **(how | codec))
        size = out.stat().st_size - 1000  # enough for every part, not for all together
        out.write_bytes(b"an older result")
        limit(size)
        with pytest.raises(InputError, match=rf"cannot write .*out{suffix}: file too large; .*goes on") as error:
            stylize_video(clip, art, out, save_every=2, **(how | codec))
        assert "\n" not in str(error.value)
        assert out.read_bytes() == b"an older result"
        assert clip.read_bytes() == content
        limit(NONE)
        assert stylize_video(clip, art, out, save_every=2, **(how | codec)).resumed == 8
        assert len(read_video(out)[0]) == 8
    limit(100)
    with pytest.raises(InputError, match=r"cannot write .*part-00000.nut: file too large"):
        stylize_video(clip, art, Path(folder) / "other.mp4", **how)
    limit(NONE)
    assert not list(Path(folder).glob("other*"))
    print("all well")
