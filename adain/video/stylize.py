"""The one call: a video in, a painted video out."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from .. import defaults
from .._utils.errors import AdainError, InputError
from .._utils.files import check_writable
from ..control.guidance import Regions
from ..control.masks import Channel, MaskInput
from ..control.placement import Guide
from ..image.resize import scaled
from ..stylizer.composition import ColorInput, StyleInput
from ..stylizer.stylizer import Stylizer
from . import codecs
from .encoder import Encoding
from .join import check_container
from .keys import Key
from .look import Look
from .reader import VideoReader
from .render import Callback, Painter, VideoResult, VideoStopped, run
from .resume import WorkFolder, digest, file_stamp
from .sequence import SequenceReader, SequenceWriter, is_sequence
from .sinks import PictureSink, Sink, VideoSink
from .steady import Steadier
from .timing import parse_rate, resample, resampled_info


def stylize_video(
    source: str | os.PathLike[str],
    style: StyleInput | Regions | Sequence[StyleInput] | None,
    output: str | os.PathLike[str],
    *,
    stylizer: Stylizer | None = None,
    keys: Sequence[Key] = (),
    stability: float = defaults.STABILITY,
    alpha: float | Sequence[float] = defaults.ALPHA,
    weights: Sequence[float] | None = None,
    masks: Sequence[Guide] | None = None,
    mask_channel: Channel = "luminance",
    style_masks: Sequence[MaskInput | None] | None = None,
    feather: float = defaults.FEATHER,
    background: StyleInput | None = None,
    color: ColorInput | Sequence[ColorInput] = None,
    content_size: int = defaults.CONTENT_SIZE,
    style_size: int = defaults.STYLE_SIZE,
    fine_style_size: int | None = None,
    fps: str | float | Fraction | None = None,
    audio: bool = True,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    pixel_format: str | None = None,
    quality: int = defaults.JPEG_QUALITY,
    save_every: int = defaults.SAVE_EVERY,
    restart: bool = False,
    callback: Callback | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> VideoResult:
    """Paint a video, or a folder of frames, in a style.

    Frames keep their times, sound and subtitles are copied as they are, rotation is applied. What is done so far
    lies in the folder ``OUTPUT.parts``; the same call goes on from there after any interruption. The output appears
    complete or not at all. Pictures of a sequence appear one by one.

    Args:
        source: a video file; or pictures, as a folder or a pattern such as ``frames/%05d.png``.
        style: as :meth:`adain.Stylizer.stylize` takes it; None with ``keys``.
        output: a file (.mp4, .m4v, .mov, .mkv, .webm); or pictures, as a folder or a pattern such as ``out/%05d.png``.
        stylizer: of :meth:`adain.Stylizer.from_pretrained` by default.
        keys: styles at moments, between which they pass into one another.
        stability: in ``[0, 1]``; see :class:`~adain.video.steady.Steadier`. 0 paints every frame for itself.
        alpha, weights, masks, mask_channel, style_masks, feather, background, color, content_size, style_size,
            fine_style_size: see :meth:`adain.Stylizer.stylize`; masks stay where they are. Artworks that take the
            video's colours do so anew for each shot.
        fps: frames a second: of pictures that come in (25 by default), or what a video is changed to.
        audio: whether sound and subtitles are copied.
        codec: an encoder of FFmpeg's, such as ``"libx265"`` or ``"h265"``; H.264 by default, VP9 for .webm.
        crf: its quality, lower is better; 18 for H.264 by default.
        preset: its speed, such as ``"slow"``.
        pixel_format: how it stores colours. ``"yuv420p"`` by default, which plays everywhere and needs even sizes: a
            frame of odd width or height has its last column or row doubled. ``"yuv444p"`` keeps odd sizes.
        quality: of JPEG and WebP pictures.
        save_every: frames between two points that an interrupted job can go on from.
        restart: begin anew even if there is something to go on from.
        callback: see :data:`~adain.video.render.Callback`.
        warn: told, in a line each, what is odd but no reason to stop.

    Raises:
        MissingFileError, InputError: if an input, an argument or their combination cannot be used, or the disk is full.
        VideoStopped: if the callback ended the job.
    """
    if not isinstance(save_every, int) or save_every < 1:
        raise InputError(f"save_every counts frames: 1 or more, not {save_every}")
    target, origin = Path(output), Path(source)
    as_pictures = is_sequence(output) or not target.suffix
    if not as_pictures:
        codecs.container_of(target)
        check_writable(target)
    if origin.exists() and target.exists() and origin.samefile(target):
        raise InputError(f"{output} is also the input and would be replaced: choose another -o")
    rate = None if fps is None else parse_rate(fps)
    steadier = Steadier(stability)
    stylizer = stylizer or Stylizer.from_pretrained()
    controls: dict[str, Any] = {
        "alpha": alpha,
        "weights": weights,
        "masks": masks,
        "mask_channel": mask_channel,
        "style_masks": style_masks,
        "feather": feather,
        "background": background,
        "color": color,
        "style_size": style_size,
        "fine_style_size": fine_style_size,
    }
    reader: VideoReader | SequenceReader
    if is_sequence(source):
        reader = SequenceReader(
            source, rate or parse_rate(defaults.VIDEO_FPS), warn=warn, max_pixels=stylizer.max_pixels
        )
    else:
        reader = VideoReader(source, warn=warn, max_pixels=stylizer.max_pixels)
    try:
        info = resampled_info(reader.info, rate) if rate is not None else reader.info
        look = Look(stylizer, style, keys, info.duration, controls)
        limit: dict[str, Any] = {"max_pixels": stylizer.max_pixels, "name": info.name, "option": "content_size"}
        size = scaled((info.width, info.height), content_size, **limit)
        settings = {
            "source": file_stamp(origin)
            if isinstance(reader, VideoReader)
            else digest(list(map(file_stamp, reader.paths))),
            "frame rate": str(rate),
            "style": digest([style, *keys]),
            "model": digest([stylizer.encoder, stylizer.decoder]),
            "content size": str(content_size),
            "stability": str(steadier.strength),
            "quality": str(quality),
        }
        settings |= {name.replace("_", " "): digest(value) for name, value in controls.items()}
        encoding = None
        streams: list[int] = []
        sound = origin if audio and isinstance(reader, VideoReader) else None
        if not as_pictures:
            chosen = codecs.choose_codec(codecs.container_of(target), codec, crf, preset, pixel_format)
            encoding = Encoding(chosen, size, info.rate, info.time_base, info.color, info.aspect)
            streams = check_container(encoding, target, sound, warn)
            settings |= {"encoding": str(dataclasses.astuple(chosen)), "sound": str(streams)}
        # A folder such as "." has a name only in full.
        work = WorkFolder(target if target.suffix else Path(os.path.abspath(target)), settings)
        sink: Sink
        if encoding is None:
            writer = SequenceWriter(target, quality)
            clash = writer.would_replace(reader.paths) if isinstance(reader, SequenceReader) else None
            if clash is not None:
                raise InputError(f"{clash} is also an input and would be replaced: choose another -o")
            sink = PictureSink(writer)
        else:
            sink = VideoSink(target, work, encoding, sound, streams, warn)
        state = work.open(restart=restart)
        painter = Painter(stylizer, look, steadier, content_size)
        try:
            frames = reader.frames()
            done, resumed, (skipped, damaged), seconds = run(
                resample(frames, reader.info, rate) if rate is not None else frames,
                info, painter, sink, work, state, save_every, lambda: (reader.skipped, reader.damaged), callback,
            )  # fmt: skip
            sink.finish()
        except VideoStopped:
            raise
        except AdainError as error:
            raise _with_hint(error, work) from error
        finally:
            sink.close()
            work.close()
        work.remove()
    finally:
        reader.close()
    shots = painter.shots or (state or {}).get("painter", {}).get("shots", 0)
    return VideoResult(target, done, shots, skipped, damaged, *size, resumed, seconds)


def _with_hint(error: AdainError, work: WorkFolder) -> AdainError:
    """The error, saying also what is not lost."""
    if not work.has_state:
        return error
    kind = type(error) if isinstance(error, InputError) else InputError
    return kind(f"{error} (what is done is kept in {work.folder}: the same command goes on from there)")
