"""Animated pictures made of painted frames: GIF with one palette for all of them, APNG and WebP."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

from .._utils.errors import InputError
from .._utils.files import atomic_path
from . import delays
from .animation import FOREVER
from .encoder import ANIMATIONS, Codec
from .frames import Moment, Pixels, VideoInfo, require_av
from .join import VideoSink, packets, why
from .options import VideoOptions
from .reader import open_media
from .state import State

LONGEST_SIDE = {"webp": 16_383, "gif": 65_535}

FASTEST = 50
"""Frames a second of a GIF: browsers take delays under 2/100 s for a mistake, and show such frames for 10/100."""

UNIT = Fraction(1, 100)
"""Of the times that encoders are given; those of the file are set afterwards."""

DITHER = "sierra2_4a"
"""How the colours that a palette has not are mixed: errors of a pixel are spread over its neighbours."""


def check_animation(output: Path, info: VideoInfo, options: VideoOptions) -> None:
    """InputError for what an animation cannot be, or has no use for."""
    for name in ("codec", "crf", "preset", "pixel_format"):
        if getattr(options, name) is not None:
            options.refuse(f"{{{name}}} is for videos: leave it out for {output.suffix}, or choose .mp4")
    most = LONGEST_SIDE.get(ANIMATIONS[output.suffix.lower()])
    if most is not None and max(info.width, info.height) > most:
        raise InputError(
            f"{output.suffix} allows {most} pixels a side, not {info.width}x{info.height}: choose .png, or a smaller "
            "--content-size"
        )


def warn_of_loss(output: Path, source: Path | None, info: VideoInfo, warn: Callable[[str], object]) -> None:
    """Tell of what an animation cannot hold of its source, a video; None for what is none."""
    if source is not None:
        with contextlib.closing(open_media(source)) as media:
            if any(stream.type == "audio" for stream in media.streams):
                warn(f"{output.suffix} holds no sound: that of {source.name} is left out")
    if output.suffix.lower() == ".gif" and info.rate > FASTEST:
        warn(f"browsers slow down a GIF of more than {FASTEST} frames a second: --fps {FASTEST} plays as it should")


def parts_codec(is_transparent: bool) -> Codec:
    """What keeps frames as they are until the last is there."""
    return Codec("ffv1", {}, "bgra" if is_transparent else "bgr0")


@dataclass
class AnimationSink(VideoSink):
    """Frames kept without loss in parts, and in the end made into an animation, one after the other.

    Attributes:
        plays: how often it is played, or :data:`~adain.video.animation.FOREVER`.
        quality: of WebP, 1 to 100.
    """

    plays: int = FOREVER
    quality: int = 95
    _unsaid: list[int] = field(default_factory=list)
    _keeps_alpha = True

    def add(self, pixels: Pixels, moment: Moment) -> None:
        if moment.duration == 0:
            self._unsaid.append(moment.index)
        super().add(pixels, moment)

    def commit(self) -> Callable[[], State]:
        finish, unsaid = super().commit(), list(self._unsaid)
        return lambda: finish() | {"unsaid": unsaid}

    def restore(self, state: State) -> None:
        super().restore(state)
        self._unsaid = list(state["unsaid"])

    def finish(self) -> None:
        make = {"gif": _gif, "apng": _apng, "webp": _webp}[ANIMATIONS[self.output.suffix.lower()]]
        with atomic_path(self.output) as temporary, temporary.open("wb+") as file, why(require_av()):
            make(self, file)

    def delays(self) -> list[Fraction]:
        """How long each frame is shown, in seconds; 0 where the source has that."""
        pts = [pts for _, pts in packets(self.parts, self.info.time_base)]
        step = max(1, round(1 / (self.info.rate * self.info.time_base)))
        ends = [*pts[1:], pts[-1] + (self.last or step)]
        lasts = [(end - start) * self.info.time_base for start, end in zip(pts, ends, strict=True)]
        unsaid = set(self._unsaid)
        return [Fraction(0) if k in unsaid else delay for k, delay in enumerate(lasts)]

    def frames(self) -> Iterator[Any]:
        """All frames, numbered by their ``pts``."""
        av, number = require_av(), itertools.count()
        for path, _ in self.parts:
            with av.open(str(path)) as part:
                for frame in part.decode(video=0):
                    frame.pts, frame.time_base = next(number), UNIT
                    yield frame


def in_units(lasts: Sequence[Fraction], units: int) -> list[int]:
    """Delays in so many units a second, rounded so that no time is lost over the whole; none but 0 becomes 0."""
    ends = [round(units * end) for end in itertools.accumulate(lasts)]
    return [max(1, end - start) if delay else 0 for delay, start, end in zip(lasts, [0, *ends], ends, strict=False)]


def _gif(sink: AnimationSink, file: IO[bytes]) -> None:
    loop = -1 if sink.plays == 1 else max(0, sink.plays - 1)  # there it is the number of times after the first
    frames = _with_palette(sink, _palette(sink))
    _encode(sink, file, frames, Codec("gif", {}, "pal8"), {"loop": str(loop)})
    delays.write_gif(file, in_units(sink.delays(), 100))


def _apng(sink: AnimationSink, file: IO[bytes]) -> None:
    pixel_format = "rgba" if sink.codec.pixel_format == "bgra" else "rgb24"
    frames = (frame.reformat(format=pixel_format) for frame in sink.frames())
    _encode(sink, file, frames, Codec("apng", {"pred": "mixed"}, pixel_format), {"plays": str(sink.plays)})
    lasts = sink.delays()
    if len(lasts) > 1:  # one frame is a picture, and has no delay
        delays.write_png(file, lasts)


def _webp(sink: AnimationSink, file: IO[bytes]) -> None:
    lasts = in_units(sink.delays(), 1000)
    codec = Codec("libwebp_anim", {"quality": str(sink.quality)}, "bgra")

    def timed() -> Iterator[Any]:
        for frame, start in zip(sink.frames(), itertools.accumulate(lasts, initial=0), strict=False):
            frame = frame.reformat(format="bgra")
            frame.pts, frame.time_base = start, Fraction(1, 1000)
            yield frame

    _encode(sink, file, timed(), codec, {"loop": str(sink.plays)}, Fraction(1, 1000))
    if len(lasts) > 1:
        delays.end_webp(file, sum(lasts))


def _encode(
    sink: AnimationSink,
    file: IO[bytes],
    frames: Iterable[Any],
    codec: Codec,
    options: dict[str, str],
    time_base: Fraction = UNIT,
) -> None:
    av = require_av()
    with av.open(file, "w", format=ANIMATIONS[sink.output.suffix.lower()], options=options) as result:
        stream = result.add_stream(codec.name, rate=1 / time_base, options=codec.options)
        stream.width, stream.height, stream.pix_fmt = sink.info.width, sink.info.height, codec.pixel_format
        stream.time_base = stream.codec_context.time_base = time_base
        for frame in itertools.chain(frames, [None]):
            for packet in stream.encode(frame):
                result.mux(packet)


def _palette(sink: AnimationSink) -> Any:
    """A frame of the 256 colours, one of them transparent, that suit all frames best."""
    graph = require_av().filter.Graph()
    source, palette, end = _buffer(sink, graph), graph.add("palettegen", "stats_mode=full"), graph.add("buffersink")
    source.link_to(palette)
    palette.link_to(end)
    graph.configure()
    (found,) = _filtered(sink, source, end)
    return found


def _with_palette(sink: AnimationSink, palette: Any) -> Iterator[Any]:
    """Frames in the colours of a palette."""
    graph = require_av().filter.Graph()
    source, end = _buffer(sink, graph), graph.add("buffersink")
    colors = graph.add_buffer(
        width=palette.width,
        height=palette.height,
        format=palette.format.name,
        time_base=UNIT,
        name="colors",
    )
    use = graph.add("paletteuse", f"dither={DITHER}:diff_mode=rectangle")
    source.link_to(use, 0, 0)
    colors.link_to(use, 0, 1)
    use.link_to(end)
    graph.configure()
    palette.pts, palette.time_base = 0, UNIT
    for frame in (palette, None):
        colors.push(frame)
    yield from _filtered(sink, source, end)


def _filtered(sink: AnimationSink, source: Any, end: Any) -> Iterator[Any]:
    """What comes out of a graph as all frames go in."""
    av = require_av()
    for frame in itertools.chain(sink.frames(), [None]):
        source.push(frame)
        with contextlib.suppress(av.error.BlockingIOError, av.error.EOFError):
            while True:  # until it wants more, even where nothing is to be had yet: what waits takes memory
                made = end.pull()
                made.time_base = UNIT
                yield made


def _buffer(sink: AnimationSink, graph: Any) -> Any:
    """Where frames go into a graph."""
    info, pixel_format = sink.info, sink.codec.pixel_format
    return graph.add_buffer(width=info.width, height=info.height, format=pixel_format, time_base=UNIT, name="frames")
