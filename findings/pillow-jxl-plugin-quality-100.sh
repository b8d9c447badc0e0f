#!/usr/bin/env bash
# pillow-jxl-plugin: no picture can be saved with quality=100.
#
# Versions: pillow-jxl-plugin 1.3.8, Pillow 13.0.0, Python 3.11.
# Expected: quality is "JPEG-style", as its page says, and so goes up to 100, which is the finest, with or without a loss.
# Seen:     RuntimeError ("The encoder API is used in an incorrect way") for any picture. 99 is taken, and so is
#           lossless=True, which sets the quality to 100 itself.
#
# Fails when that changes. Needs python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow-jxl-plugin==1.3.8 Pillow==13.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import io

import PIL
import pillow_jxl  # noqa: F401  # registers the format
from PIL import Image

print(f"Pillow {PIL.__version__}")
refused = []
for mode in ("L", "RGB", "RGBA"):
    for options in ({"quality": 95}, {"quality": 99}, {"quality": 100}, {"lossless": True}):
        data = io.BytesIO()
        try:
            Image.linear_gradient("L").convert(mode).save(data, "JXL", **options)
            found = f"{len(data.getvalue())} bytes"
        except RuntimeError as error:
            refused.append((mode, options))
            found = f"RuntimeError: {error}"
        print(f"{mode}, {options}: {found}")
if refused != [(mode, {"quality": 100}) for mode in ("L", "RGB", "RGBA")]:
    raise SystemExit("this has changed")
print("as found: quality=100 is refused")
PYTHON
