#!/usr/bin/env bash
# PyAV: ProRes 4444 that is copied by add_stream_from_template says that it is ProRes HQ.
#
# Versions: PyAV 18.1.0 (FFmpeg 8.1.2), NumPy 2.4.6, Python 3.11.
# Expected: packets copied from one MOV to another, by the stream that they were in, keep their profile, 4444.
# Seen:     the copy has the tag apch, and its profile is "HQ", which is of 4:2:2; the source has ap4h and "4444". The
#           packets are the same. The template's tag is left out, and the muxer takes the first that it has for ProRes.
#
# Fails when that changes. Needs python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q av==18.1.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io
from fractions import Fraction

import av
import numpy as np


def about(file):
    file.seek(0)
    with av.open(file) as container:
        stream = container.streams.video[0]
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
        return stream.codec_context.codec_tag, stream.profile, packets


source, copy = io.BytesIO(), io.BytesIO()
with av.open(source, "w", format="mov") as container:
    stream = container.add_stream("prores_ks", rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva444p10le"
    frame = av.VideoFrame.from_ndarray(np.full((48, 64, 4), 120, np.uint8), format="rgba").reformat(format="yuva444p10le")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
source.seek(0)
with av.open(source) as container, av.open(copy, "w", format="mov") as result:
    stream = container.streams.video[0]
    copied = result.add_stream_from_template(stream, opaque=True)
    for packet in container.demux(stream):
        if packet.size:
            packet.stream = copied
            result.mux(packet)

before, after = about(source), about(copy)
print(f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}")
print(f"source: {before[:2]}; copy: {after[:2]}; the same packets: {before[2] == after[2]}")
if before[:2] != ("ap4h", "4444") or after[:2] != ("apch", "HQ") or before[2] != after[2]:
    raise SystemExit("this has changed")
print("as found: the copy calls itself HQ")
PYTHON
