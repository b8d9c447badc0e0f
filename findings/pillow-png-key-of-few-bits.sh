#!/usr/bin/env bash
# Pillow: the transparent grey of a PNG with 2 or 4 bits is not found again among its pixels.
#
# Versions: Pillow 13.0.0, NumPy 2.4.6, Python 3.11.
# Expected: a PNG of 4-bit grey whose tRNS says 3 is transparent where its pixels are 3 (W3C PNG, section 11.3.1.1).
# Seen:     Pillow stretches the pixels to 255, 3 to 51, but not the key: info["transparency"] is 3, and convert("RGBA")
#           makes every pixel opaque. Of 1 bit and of 8 it is right.
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


def grey(depth, key):
    """A PNG, one row of all levels in order, of which one is transparent."""
    count = min(2**depth, 16)
    bits = np.unpackbits(np.arange(count, dtype=np.uint8)[:, None], axis=1)[:, -depth:]
    header = struct.pack(">IIBBBBB", count, 1, depth, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join([
        chunk(b"IHDR", header), chunk(b"tRNS", struct.pack(">H", key)),
        chunk(b"IDAT", zlib.compress(b"\0" + np.packbits(bits).tobytes())), chunk(b"IEND", b""),
    ])


print(f"Pillow {PIL.__version__}")
found = {}
for depth in (1, 2, 4, 8):
    with Image.open(io.BytesIO(grey(depth, 1))) as image:
        key, alpha = image.info["transparency"], np.asarray(image.convert("RGBA"))[0, :, 3]
    found[depth] = np.flatnonzero(alpha == 0).tolist()
    print(f"{depth} bits, key 1: info {key}, transparent pixels {found[depth]}")
if found != {1: [1], 2: [], 4: [], 8: [1]}:
    raise SystemExit("this has changed")
print("as found: of 2 and 4 bits nothing is transparent")
PYTHON
