#!/usr/bin/env bash
# PyAV: add_stream_from_template does not take a stream of AV1 unless it is told that it is opaque.
#
# Versions: PyAV 18.1.0 (FFmpeg 8.1.2), NumPy 2.4.6, Python 3.11.
# Expected: a stream of AV1 is copied from one MP4 to another as one of H.264 is, without being encoded.
# Seen:     UnknownCodecError: libdav1d. The name of the template's decoder is looked up among encoders; that of H.264,
#           h264, happens to be one. With opaque=True, meant for data, it works.
#
# Fails when that changes. Needs python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q av==18.1.0 numpy==2.4.6
SVT_LOG=1 "$folder/venv/bin/python" - <<'PYTHON'
import io
from fractions import Fraction

import av
import numpy as np


def video(codec):
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for k in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file.seek(0)
    return file


def copied(file, **how):
    result = io.BytesIO()
    file.seek(0)
    with av.open(file) as container, av.open(result, "w", format="mp4") as copy:
        stream = container.streams.video[0]
        target = copy.add_stream_from_template(stream, **how)
        for packet in container.demux(stream):
            if packet.size:
                packet.stream = target
                copy.mux(packet)
    result.seek(0)
    with av.open(result) as container:
        return sum(1 for _ in container.decode(video=0))


print(f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}")
h264, av1 = video("libx264"), video("libsvtav1")
plain, opaque = copied(h264), copied(av1, opaque=True)
try:
    found = str(copied(av1))
except ValueError as error:
    found = f"{type(error).__name__}: {error}"
print(f"H.264: {plain} frames; AV1: {found}; AV1 with opaque=True: {opaque} frames")
if (plain, opaque, found) != (3, 3, "UnknownCodecError: libdav1d"):
    raise SystemExit("this has changed")
print("as found: AV1 is refused")
PYTHON
