#!/usr/bin/env bash
# webdataset: a hidden member parts its sample in two if it lies in a folder, and is passed over if it does not.
#
# Versions: webdataset 1.0.2, NumPy 2.4.6, Python 3.11.
# Expected: one sample, "c/a" with jpg and cls. Members whose name begins with a dot have no key, as at the top of a
#           shard, where they are passed over. (The tar of macOS writes such a ._NAME before each file that has
#           attributes.)
# Seen:     in a folder the key of "c/._a.jpg" is "c/" and its ending "_a.jpg", so that four samples come where one is:
#           the picture in one, its label in another. Nothing is raised or warned of.
#
# Fails when that changes. Needs python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q webdataset==1.0.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io
import tarfile

import webdataset

print(f"webdataset {webdataset.__version__}")
found = {}
for where in ("", "c/"):
    with tarfile.open("shard.tar", "w") as file:
        for name in ("._a.jpg", "a.jpg", "._a.cls", "a.cls"):
            info = tarfile.TarInfo(where + name)
            info.size = 1
            file.addfile(info, io.BytesIO(b"7"))
    samples = webdataset.WebDataset("shard.tar", shardshuffle=False)
    found[where] = [(s["__key__"], sorted(key for key in s if not key.startswith("__"))) for s in samples]
    print(f"in {where or 'no folder'}: {found[where]}")
if found[""] != [("a", ["cls", "jpg"])] or found["c/"] != [
    ("c/", ["_a.jpg"]), ("c/a", ["jpg"]), ("c/", ["_a.cls"]), ("c/a", ["cls"])
]:
    raise SystemExit("this has changed")
print("as found: a hidden member in a folder parts its sample")
PYTHON
