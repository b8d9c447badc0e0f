#!/usr/bin/env bash
# littlecms: a grey picture of 8 bits with a linear profile comes out up to 10 levels too dark.
#
# Versions: Pillow 13.0.0 with Little CMS 2.19, NumPy 2.4.6, Python 3.11.
# Expected: a profile "GRAY" whose curve is the identity, to sRGB, is the curve of IEC 61966-2-1: level 2 of 255 is 22.
#           There are 256 levels, so that a table of them would be exact.
# Seen:     12. By default the transform is sampled at few points with straight lines between them, which the steep
#           curve of dark colours is not; HIGHRESPRECALC takes more points and makes it 15. NOOPTIMIZE makes it 22, and
#           so does the same profile for R, G and B, which is computed by another way.
#
# Fails when that changes. Needs python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==13.0.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io
import struct

import numpy as np
import PIL
from PIL import Image, ImageCms, features

FLAGS = ImageCms.Flags


def profile(space, tags):
    """An ICC profile of version 2, relative to the white of D50."""
    white = struct.pack(">3i", *(round(65536 * v) for v in (0.9642, 1, 0.8249)))
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": b"XYZ " + bytes(4) + white,
        **tags,
    }
    table, body = struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        data += bytes(-len(data) % 4)
        table += tag + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data
    head = struct.pack(">I4sI", 128 + len(table) + len(body), bytes(4), 0x02100000)
    head += b"mntr" + space + b"XYZ " + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + white
    return ImageCms.ImageCmsProfile(io.BytesIO(head.ljust(128, b"\0") + table + body))


linear = b"curv" + bytes(8)  # without entries: the identity
grey = profile(b"GRAY", {b"kTRC": linear})
# The primaries of sRGB, adapted to D50.
columns = {b"r": (0.4361, 0.2225, 0.0139), b"g": (0.3851, 0.7169, 0.0971), b"b": (0.1431, 0.0606, 0.7141)}
tags = {c + b"TRC": linear for c in columns}
for name, column in columns.items():
    tags[name + b"XYZ"] = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(65536 * v) for v in column))
rgb = profile(b"RGB ", tags)
srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

levels = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
x = np.arange(256) / 255
exact = 255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
print(f"Pillow {PIL.__version__}, Little CMS {features.version('littlecms2')}")
found = []
for name, source, picture, flags in (
    ("grey", grey, levels, 0),
    ("grey, HIGHRESPRECALC", grey, levels, FLAGS.HIGHRESPRECALC),
    ("grey, NOOPTIMIZE", grey, levels, FLAGS.NOOPTIMIZE),
    ("RGB", rgb, levels.convert("RGB"), 0),
):
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    made = ImageCms.ImageCmsTransform(source, srgb, picture.mode, "RGB", intent, flags=flags).apply(picture)
    green = np.asarray(made)[0, :, 1].astype(float)
    found.append(int(green[2]))
    off = abs(green - exact).max()
    print(f"{name}: level 2 becomes {green[2]:.0f}, {exact[2]:.1f} is right; off by {off:.1f} at most")
if found != [12, 15, 22, 22]:
    raise SystemExit("this has changed")
print("as found: grey is too dark unless NOOPTIMIZE is set")
PYTHON
