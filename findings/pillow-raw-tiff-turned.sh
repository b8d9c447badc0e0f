#!/usr/bin/env bash
# Pillow: an uncompressed grey TIFF that is to be turned by 90 degrees comes out scrambled if it is opened by its name.
#
# Versions: Pillow 13.0.0, NumPy 2.4.6, Python 3.11.
# Expected: the picture of an orientation (TIFF 6.0, tag 274) of 5 to 8 is the stored one turned, whatever the compression
#           and however the file is opened.
# Seen:     the same bytes give the right picture from a file object, and another, of the stored size and with rows cut at
#           the wrong places, by name. No error, no warning. Orientations 1 to 4 are right, and so is any compression.
#
# Fails when that changes. Needs python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==13.0.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io

import numpy as np
import PIL
from PIL import Image, ImageOps

print(f"Pillow {PIL.__version__}")
stored = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40), dtype=np.uint8))
wrong = []
for compression in ("raw", "tiff_adobe_deflate"):
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        stored.save("a.tif", compression=compression, exif=exif)
        turned = stored.copy()
        turned.getexif()[274] = orientation
        expected = np.asarray(ImageOps.exif_transpose(turned))
        with open("a.tif", "rb") as file:
            data = file.read()
        for how, source in (("by name", "a.tif"), ("from bytes", io.BytesIO(data))):
            with Image.open(source) as image:
                image.load()  # turns it upright by itself
                if not np.array_equal(np.asarray(image), expected):
                    wrong.append((compression, orientation, how))
                    print(f"{compression}, orientation {orientation}, {how}: another picture, of {image.size}")
if wrong != [("raw", orientation, "by name") for orientation in (5, 6, 7, 8)]:
    raise SystemExit("this has changed")
print("as found: scrambled if uncompressed, turned by 90 degrees and opened by name")
PYTHON
