#!/usr/bin/env bash
# pillow-jxl-plugin: an animated JPEG XL opens as its last frame.
#
# Versions: pillow-jxl-plugin 1.3.8, Pillow 12.2.0, imagecodecs 2026.3.6 (libjxl 0.11.2), NumPy 2.4.6, Python 3.11.
# Expected: of a file of three frames the first, as of every other animation that Pillow opens; n_frames 3, or 1.
# Seen:     the last frame; n_frames is 1, so that the others cannot be reached. Without an error or a warning.
#
# Fails when that changes. Needs python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==12.2.0 pillow-jxl-plugin==1.3.8 imagecodecs==2026.3.6 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io

import imagecodecs
import numpy as np
import pillow_jxl  # noqa: F401
from PIL import Image

greys = (200, 100, 50)
frames = np.stack([np.full((20, 30, 3), grey, np.uint8) for grey in greys])
data = imagecodecs.jpegxl_encode(frames, lossless=True)
held = imagecodecs.jpegxl_decode(data)[:, 3, 3, 0].tolist()
assert held == [*greys], held
with Image.open(io.BytesIO(data)) as image:
    found, count = image.getpixel((3, 3)), image.n_frames
print(f"frames of {held} in the file; opened: {found}, n_frames {count}")
if found != (50, 50, 50) or count != 1:
    raise SystemExit("this has changed")
print("as found: the last frame, and no other")
PYTHON
