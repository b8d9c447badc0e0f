#!/usr/bin/env bash
# Pillow: an uncompressed TIFF of 16-bit RGB in separate planes is read as other pixels.
#
# Versions: Pillow 13.0.0, tifffile 2026.3.3, NumPy 2.4.6, Python 3.11.
# Expected: the upper bytes of the samples, as Pillow gives of the same picture in one plane, or compressed.
# Seen:     pixels that the picture has not, without an error: of each row the bytes are taken for samples of 8 bits. In
#           8 bits, and compressed in 16, planes are read right.
#
# Fails when that changes. Needs python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
"$folder/venv/bin/python" - "$folder/a.tif" <<'PYTHON'
import sys

import numpy as np
import PIL
import tifffile
from PIL import Image

path = sys.argv[1]
print(f"Pillow {PIL.__version__}")
right = {}
for kind in ("uint8", "uint16"):
    values = np.random.default_rng(0).integers(0, np.iinfo(kind).max, (6, 5, 3), kind)
    upper = values if kind == "uint8" else values >> 8
    for planes in ("contig", "separate"):
        for compression in (None, "zlib"):
            stored = values if planes == "contig" else np.moveaxis(values, 2, 0)
            tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planes, compression=compression)
            assert np.array_equal(tifffile.imread(path), stored)
            with Image.open(path) as image:
                right[kind, planes, compression] = np.array_equal(np.asarray(image), upper)
for what, is_right in right.items():
    print(*what, "right" if is_right else "wrong")
if [what for what, is_right in right.items() if not is_right] != [("uint16", "separate", None)]:
    raise SystemExit("this has changed")
print("as found: 16 bits in raw planes come as other pixels")
PYTHON
