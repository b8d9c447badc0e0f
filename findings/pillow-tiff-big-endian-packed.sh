#!/usr/bin/env bash
# Pillow: compressed TIFFs in big-endian order give floats and signed integers with their bytes swapped.
#
# Versions: Pillow 13.0.0, tifffile 2026.3.3, NumPy 2.4.6, Python 3.11.
# Expected: the numbers that were written, in either byte order, compressed or not, as tifffile reads them.
# Seen:     right in little-endian order, and in big-endian order without compression. With Deflate or LZW in big-endian
#           order, 1.0 in float32 becomes 4.6e-41, and 1 in int16 256, without an error. uint16 is right in all of them.
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

path, wrong = sys.argv[1], []
print(f"Pillow {PIL.__version__}")
for kind in ("uint16", "int16", "int32", "float32"):
    written = np.array([[1, 2, 3]], kind)
    for order in "<>":
        for compression in (None, "zlib"):
            tifffile.imwrite(path, written, byteorder=order, compression=compression)
            assert np.array_equal(tifffile.imread(path), written)
            with Image.open(path) as image:
                read = np.asarray(image)
            if not np.array_equal(read, written):
                wrong.append((kind, order, compression))
                assert np.array_equal(read.astype(kind), written.byteswap()), read
            print(f"{kind} {order} {compression}: {read.tolist()[0]}")
if wrong != [(kind, ">", "zlib") for kind in ("int16", "int32", "float32")]:
    raise SystemExit(f"this has changed: {wrong}")
print("as found: packed big-endian floats and signed integers come byte-swapped")
PYTHON
