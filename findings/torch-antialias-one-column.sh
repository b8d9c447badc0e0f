#!/usr/bin/env bash
# torch: F.interpolate(..., antialias=True) fills a result of one column with its first value.
#
# Versions: torch 2.14.1 (CPU), NumPy 2.4.6, Pillow 13.0.0, Python 3.11.
# Expected: a column of 8 pixels from 0 to 7 as one of 4 pixels runs from about 0.7 to about 6.3, as by Pillow's
#           BILINEAR, and as torch says of the same numbers in a row.
# Seen:     all 4 pixels are the first of these, in float32 and float64, with "bilinear" and "bicubic". It takes a result
#           of one column whose height changes, however wide the picture was.
#
# Fails when that changes. Needs python3 with venv, and about 6 GB of disk if the index has CUDA builds alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.14.1 numpy==2.4.6 pillow==13.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import PIL
import torch
import torch.nn.functional as F
from PIL import Image

print(f"torch {torch.__version__}, Pillow {PIL.__version__}")
column = torch.arange(8.0).reshape(1, 1, 8, 1)
resized = Image.fromarray(column[0, 0].numpy()).resize((1, 4), Image.Resampling.BILINEAR)
pillow = np.asarray(resized)[:, 0].tolist()
print(f"0 to 7 as 4 pixels, Pillow, in a column: {pillow}")
found = []
for mode in ("bilinear", "bicubic"):
    how = {"mode": mode, "antialias": True, "align_corners": False}
    for kind in (torch.float32, torch.float64):
        for width in (1, 3):
            picture = column.to(kind).expand(1, 1, 8, width).contiguous()
            down = F.interpolate(picture, (4, 1), **how).flatten().tolist()
            across = F.interpolate(picture.mT.contiguous(), (1, 4), **how).flatten().tolist()
            print(f"torch, {mode}, {kind}, of {width}: in a column {down}, in a row {across}")
            found.append(len(set(down)) == 1 and down[0] < 1.0 and across[0] < 1.0 and across[-1] > 6.0)
if not all(found) or not (pillow[0] < 1.0 and pillow[-1] > 6.0):
    raise SystemExit("this has changed")
print("as found: the column has its first value throughout")
PYTHON
