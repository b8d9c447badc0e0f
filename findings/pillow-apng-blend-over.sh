#!/usr/bin/env bash
# Pillow: an APNG whose frames are half transparent and laid over the frame before comes out less opaque than it is.
#
# Versions: Pillow 13.0.0, NumPy 2.4.6, Python 3.11.
# Expected: blend_op 1 lays a frame over what is there: an opaque ground stays opaque under whatever is laid on it, and
#           red of opacity 128 on white is (255, 127, 127, 255) (PNG, third edition, section 11.3.6.2; RFC 2083, alpha).
# Seen:     the opacity itself is blended, as if it were a colour: (255, 127, 127, 191). No error, no warning.
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
import zlib

import numpy as np
import PIL
from PIL import Image


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def apng(frames):
    """RGBA frames of one size; each but the first is laid over the one before."""
    height, width = frames[0].shape[:2]
    made = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    made += chunk(b"acTL", struct.pack(">II", len(frames), 0))
    number = 0
    for k, pixels in enumerate(frames):
        made += chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, 0, 0, 1, 10, 0, int(k > 0)))
        data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))
        made += chunk(b"fdAT", struct.pack(">I", number + 1) + data) if k else chunk(b"IDAT", data)
        number += 2 if k else 1
    return made + chunk(b"IEND", b"")


def plain(*color):
    return np.full((4, 4, 4), color, np.uint8)


print(f"Pillow {PIL.__version__}")
ground, glass = plain(255, 255, 255, 255), plain(255, 0, 0, 128)
with Image.open(io.BytesIO(apng([ground, glass]))) as image:
    image.seek(1)
    got = image.convert("RGBA").getpixel((1, 1))
expected = Image.alpha_composite(Image.fromarray(ground), Image.fromarray(glass)).getpixel((1, 1))
print(f"half transparent red over opaque white: {got}; by Image.alpha_composite: {expected}")
if got == expected or expected != (255, 127, 127, 255):
    raise SystemExit("this has changed")
print("as found: what is laid over an opaque ground makes it less opaque")
PYTHON
