"""Pixels that are not square: whether a file can say so."""

from __future__ import annotations

import contextlib
import dataclasses
import io

import numpy as np

from .encoder import Codec, PartEncoder
from .frames import VideoInfo, require_av

_SIDE = 128  # pixels, which every encoder takes


def keeps_aspect(codec: Codec, info: VideoInfo, container: str) -> bool:
    """Whether a result has pixels of the shape that is known of it, found by making one of a frame.

    Matroska and WebM have a place for that, which PyAV cannot fill: there only codecs say it, such as H.264.
    """
    if info.aspect == 1:
        return True
    av, file = require_av(), io.BytesIO()
    try:
        _write(file, codec, dataclasses.replace(info, width=_SIDE, height=_SIDE), container)
        with av.open(io.BytesIO(file.getvalue())) as made:
            aspect = made.streams.video[0].sample_aspect_ratio or 1
    except (av.error.FFmpegError, ValueError):
        return True  # what does not go together is refused where that is looked at
    return abs(float(aspect / info.aspect) - 1) < 0.01


def _write(file: io.BytesIO, codec: Codec, info: VideoInfo, container: str) -> None:
    av = require_av()
    with contextlib.closing(PartEncoder(codec, info)) as like:
        encoder = PartEncoder(codec, info)
        encoder.add(np.zeros((info.height, info.width, 3), np.uint8), 0)
        with av.open(io.BytesIO(encoder.finish())) as part, av.open(file, "w", format=container) as result:
            stream = result.add_stream_from_template(like.stream)
            for packet in part.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    result.mux(packet)
