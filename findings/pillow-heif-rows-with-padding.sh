#!/usr/bin/env bash
# pillow-heif: NumPy gets sheared rows of a picture whose rows are padded.
#
# Versions: pillow-heif 1.8.1, Pillow 12.2.0, NumPy 2.4.6, Python 3.11.
# Expected: with remove_stride=False, rows of HeifImage begin where the picture's do, or NumPy refuses the array.
# Seen:     the array has 208 // 3 = 69 columns for rows of 208 bytes, so that each begins a byte before the one above:
#           all rows but the first are wrong, without an error. Where the bytes of a row are a multiple of the channels,
#           and with remove_stride=True, the default, all is well.
#
# Fails when that changes. Needs python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==12.2.0 pillow-heif==1.8.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io

import numpy as np
import pillow_heif
from PIL import Image

picture = np.random.default_rng(0).integers(0, 256, (46, 66, 3), dtype=np.uint8)
file = io.BytesIO()
pillow_heif.from_pillow(Image.fromarray(picture)).save(file, quality=-1, chroma=444, matrix_coefficients=0)
right = {}
for removed in (True, False):
    image = pillow_heif.HeifFile(file, remove_stride=removed)[0]
    found = np.asarray(image)
    right[removed] = int((found[:, :66] == picture).all(axis=(1, 2)).sum())
    print(f"remove_stride={removed}: rows of {image.stride} bytes, an array {found.shape}, {right[removed]} rows of 46 right")
if right != {True: 46, False: 1}:
    raise SystemExit("this has changed")
print("as found: all but the first row are sheared")
PYTHON
