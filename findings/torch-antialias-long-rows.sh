#!/usr/bin/env bash
# torch: F.interpolate(..., antialias=True) of float32 loses the places of pixels in long rows.
#
# Versions: torch 2.14.1 (CPU), NumPy 2.4.6, Pillow 13.0.0, Python 3.11.
# Expected: a row of 1,000,000 pixels as one of 1,000,016, each the sum of its neighbours by the cubic filter, to the
#           digits of float32, about 1e-7: as Pillow's BICUBIC of mode F, and as torch itself of the same numbers in
#           float64.
# Seen:     of float32, a wave of 5 pixels a period comes out up to 0.03 off, of 1, at the far end; near the beginning it
#           is right. Places are counted in float32, which knows sixteenths of a pixel there. Nothing is said of it.
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
length, wanted = 1_000_000, 1_000_016
row = (0.5 + 0.5 * np.sin(np.arange(length) * 2 * np.pi / 5)).astype(np.float32)
picture = np.stack([row, row])


def resized(values):
    return F.interpolate(values[None, None], (2, wanted), mode="bicubic", antialias=True)[0, 0, 0].double().numpy()


exact = resized(torch.from_numpy(picture).double())
single = resized(torch.from_numpy(picture))
pillow = np.asarray(Image.fromarray(picture).resize((wanted, 2), Image.Resampling.BICUBIC))[0]
errors = {}
for name, found in (("float32", single), ("Pillow", pillow)):
    off = np.abs(found - exact)
    errors[name] = float(off[:1000].max()), float(off[-1000:].max())
    print(f"{name}: up to {errors[name][0]:.1g} off in the first 1000 pixels, {errors[name][1]:.1g} in the last 1000")
if not (max(errors["Pillow"]) < 1e-6 and errors["float32"][0] < 1e-4 and errors["float32"][1] > 0.01):
    raise SystemExit("this has changed")
print("as found: places are lost in float32")
PYTHON
