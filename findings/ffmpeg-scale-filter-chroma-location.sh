#!/usr/bin/env bash
# FFmpeg, by PyAV: the filter scale reads frames of H.264 as if their chroma were midway, whatever they say.
#
# Versions: PyAV 18.1.0 (FFmpeg 8.1.2), NumPy 2.4.6, Python 3.11.
# Expected: a frame that says where its chroma lies is converted to RGB by that: a bump of red comes out where it was
#           put. VideoFrame.reformat, the same scaler without the filter, does so.
# Seen:     scale without in_chroma_loc shows it half a pixel to the right; with in_chroma_loc=left it is right. The
#           frame's own chroma_location, which decoders of H.264 set, is not looked at.
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

WIDTH, HEIGHT = 128, 96
columns, rows = np.arange(0, WIDTH, 2) + 0.5, np.arange(0, HEIGHT, 2) + 1.0  # of chroma: left, and midway down
bump = np.exp(-((columns[None] - 64) ** 2 + (rows[:, None] - 48) ** 2) / 50)

stored = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
for k, plane in enumerate(stored.planes):
    values = np.full((plane.height, plane.line_size), 128, np.uint8)
    if k == 2:
        values[:, : plane.width] = np.rint(128 + 60 * bump)
    plane.update(values.tobytes())
stored.pts, stored.time_base = 0, Fraction(1, 25)

file = io.BytesIO()
with av.open(file, "w", format="matroska") as container:
    stream = container.add_stream("libx264", rate=25, options={"crf": "1", "chroma_sample_location": "left"})
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    container.mux(stream.encode(stored))
    container.mux(stream.encode(None))
file.seek(0)
with av.open(file) as container:
    frame = next(container.decode(video=0))


def middle(rgb):
    values = rgb[..., 0].astype(float) - rgb[..., 1]
    values[abs(values) < 6] = 0
    return float((values * (np.arange(WIDTH) + 0.5)).sum() / values.sum())


def filtered(**options):
    graph = av.filter.Graph()
    source = graph.add_buffer(width=WIDTH, height=HEIGHT, format="yuv420p", time_base=Fraction(1, 25))
    scale = graph.add("scale", flags="bicubic+accurate_rnd+full_chroma_int", **options)
    graph.link_nodes(source, scale, graph.add("format", pix_fmts="rgb24"), graph.add("buffersink")).configure()
    graph.vpush(frame)
    return middle(graph.vpull().to_ndarray())


how = av.video.reformatter.Interpolation
plain = middle(frame.reformat(format="rgb24", interpolation=how.BICUBIC | how.ACCURATE_RND | how.FULL_CHR_H_INT).to_ndarray())
silent, told = filtered(), filtered(in_chroma_loc="left")
print(f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}; the bump is at column 64")
print(f"reformat: {plain:.2f}; scale: {silent:.2f}; scale with in_chroma_loc=left: {told:.2f}")
if not (abs(plain - 64) < 0.1 and abs(told - 64) < 0.1 and 0.4 < silent - 64 < 0.6):
    raise SystemExit("this has changed")
print("as found: the filter does not look at what the frame says")
PYTHON
