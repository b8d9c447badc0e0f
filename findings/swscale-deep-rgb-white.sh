#!/usr/bin/env bash
# FFmpeg's libswscale: white of more than 8 bits is no white as full-range RGB.
#
# Versions: PyAV 18.1.0 (libswscale 9.5.102), NumPy 2.4.6, Python 3.11.
# Expected: Y'CbCr of 10 bits and limited range, Y' = 940 and Cb = Cr = 512, is white (Rec. ITU-T H.273, section 8.3), so
#           that RGB of 16 bits and full range is 65535, as yuv420p with 235 is 255 in rgb24, and 1023 in gbrp10le.
# Seen:     65283 and 1020, 255/256 of it, whichever scaling flags; and the other way 65535 becomes 943, above white. In
#           PQ that part in 256 is 3 % of the light.
#
# Fails when that changes. Needs python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q av==18.1.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

FULL, LIMITED = ColorRange.JPEG, ColorRange.MPEG
FLAGS = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


def flat(name, levels, kind):
    frame = av.VideoFrame(64, 64, name)
    for plane, level in zip(frame.planes, levels, strict=True):
        plane.update(np.full(plane.buffer_size // kind().itemsize, level, kind).tobytes())
    return frame


def converted(frame, name, before, after):
    return frame.reformat(
        format=name, src_colorspace=Colorspace.ITU709, dst_colorspace=Colorspace.ITU709, src_color_range=before,
        dst_color_range=after, interpolation=FLAGS,
    )


print(f"PyAV {av.__version__}, libswscale {'.'.join(map(str, av.library_versions['libswscale']))}")
shallow, deep = flat("yuv420p", (235, 128, 128), np.uint8), flat("yuv420p10le", (940, 512, 512), np.uint16)
found = {
    "yuv420p to rgb24": converted(shallow, "rgb24", LIMITED, FULL).to_ndarray()[32, 32, 1],
    "yuv420p10le to rgb48le": converted(deep, "rgb48le", LIMITED, FULL).to_ndarray()[32, 32, 1],
    "yuv420p10le to gbrp10le": converted(deep, "gbrp10le", LIMITED, FULL).to_ndarray()[32, 32, 1],
}
white = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 65535, np.uint16), format="rgb48le")
back = converted(white, "yuv420p10le", FULL, LIMITED)
found["rgb48le to yuv420p10le"] = np.frombuffer(back.planes[0], np.uint16)[0]
for name, level in found.items():
    print(f"white, {name}: {level}")
if [int(level) for level in found.values()] != [255, 65283, 1020, 943]:
    raise SystemExit("this has changed")
print("as found: of more than 8 bits, white becomes 255/256 of white")
PYTHON
