#!/usr/bin/env bash
# Pillow: a GIF loses what a frame has drawn, if the frame before that was cleared.
#
# Versions: Pillow 13.0.0, NumPy 2.4.6, Python 3.11.
# Expected: disposal 2 clears the area of its own frame, disposal 0 clears nothing (GIF89a, section 23): of a green square
#           that is cleared, a red one that is not, and a blue one elsewhere, red and blue are seen in the end.
# Seen:     red is gone, as if it had been cleared, too. No error, no warning.
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
from PIL import Image

COLORS = {"white": (255, 255, 255), "red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 255, 0)}
NUMBERS = dict(zip(COLORS, range(4)))


def square(color, left, top, side, disposal, through="white"):
    """A frame of one colour."""
    made = b"\x21\xf9\x04" + struct.pack("<BHBB", disposal << 2 | 1, 10, NUMBERS[through], 0)
    made += b"," + struct.pack("<HHHHB", left, top, side, side, 0) + b"\x02"
    # Codes of three bits, begun anew (4) before they would need four, and the end (5).
    codes = [code for k in range(side * side) for code in ([4] if k % 2 == 0 else []) + [NUMBERS[color]]] + [5]
    bits = "".join(f"{code:03b}" for code in reversed(codes))
    data = int(bits, 2).to_bytes(len(bits) // 8 + 1, "little")
    return made + bytes([len(data)]) + data + b"\0"


print(f"Pillow {PIL.__version__}")
header = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x81, 0, 0) + bytes(sum(COLORS.values(), ()))
frames = [square("green", 1, 0, 2, 2), square("red", 0, 1, 3, 0), square("blue", 3, 0, 1, 0)]
with Image.open(io.BytesIO(header + b"".join(frames) + b";")) as image:
    seen = []
    for k in range(3):
        image.seek(k)
        seen.append(np.asarray(image.convert("RGBA")))
corner = [tuple(whole[2, 1].tolist()) for whole in seen]
print("where red is drawn, after each of three frames:", *corner)
assert corner[0][3] == 0 and corner[1] == (255, 0, 0, 255)
assert tuple(seen[2][0, 3]) == (0, 0, 255, 255)
if corner[2] == (255, 0, 0, 255):
    raise SystemExit("this has changed")
print("as found: red is gone with the third frame, which is elsewhere")
PYTHON
