"""Frames a second from file to file, against the networks alone on the same frames; free of torch."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adain import read_image
from adain.backends import open_model
from adain.image import Source
from adain.video import VideoOptions, require_av, stylize_video

from .measuring import ART, PHOTO

RATE = 25
LEAST = 12
"""Frames of a clip."""


@dataclass
class Rates:
    """Of one model at one size; the lists have a figure for each round.

    Attributes:
        backend: what computed the networks.
        frames: of the clip.
        networks, video: seconds a frame.
        networks_cpu, video_cpu: likewise of all cores together.
    """

    backend: str
    frames: int = 0
    networks: list[float] = field(default_factory=list)
    networks_cpu: list[float] = field(default_factory=list)
    video: list[float] = field(default_factory=list)
    video_cpu: list[float] = field(default_factory=list)


def measure(options: VideoOptions, size: tuple[int, int], seconds: float, rounds: int) -> Rates:
    """Take turns at the networks alone and at a whole video, decoded, painted, encoded and put together.

    Args:
        options: the model, and how the video is made.
        size: width and height of the frames in pixels.
        seconds: that the networks are to take a round, about.
        rounds: after one that warms up.
    """
    model: Any = open_model(options)
    style = model.encode_style(ART)
    given = [model.pixels(Source(view)) for view in itertools.islice(views(size), 4)]

    def networks(count: int) -> None:
        for pixels in itertools.islice(itertools.cycle(given), count):
            model.decode_features(model.encode(pixels))

    networks(1)
    rates = Rates(type(model).__name__)
    rates.frames = max(LEAST, round(seconds / timed(lambda: networks(2))[0] * 2))
    with tempfile.TemporaryDirectory() as folder:
        clip = write(Path(folder) / "in.mp4", size, rates.frames)
        changed = options.change(stylizer=model, restart=True)
        for k in range(rounds + 1):
            alone, whole = (
                timed(lambda: networks(rates.frames)),
                timed(lambda: stylize_video(clip, style, Path(folder) / "out.mp4", changed)),
            )
            for (wall, cpu), walls, cpus in (
                (alone, rates.networks, rates.networks_cpu),
                (whole, rates.video, rates.video_cpu),
            ):
                if k:
                    walls.append(wall / rates.frames)
                    cpus.append(cpu / rates.frames)
    return rates


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of one call, by the clock and of all cores together."""
    start, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - busy


def views(size: tuple[int, int]) -> Iterator[Image.Image]:
    """What a camera sees that moves slowly over a photograph, without an end."""
    photo = read_image(PHOTO).convert("RGB")
    scale = min(photo.width / size[0], photo.height / size[1]) / 1.5
    width, height = size[0] * scale, size[1] * scale
    for k in itertools.count():
        left = (photo.width - width) * (0.5 + 0.5 * np.sin(k / 90))
        top = (photo.height - height) * (0.5 + 0.5 * np.sin(k / 140))
        yield photo.resize(size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))


def write(path: Path, size: tuple[int, int], frames: int) -> Path:
    """Such a view as a video."""
    av = require_av()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(RATE), options={"crf": "20"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for view in itertools.islice(views(size), frames):
            container.mux(stream.encode(av.VideoFrame.from_image(view)))
        container.mux(stream.encode(None))
    return path
