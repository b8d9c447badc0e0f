"""The page without a server as a part of the site."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from pathlib import Path

from docstrings import ROOT

FOLDER = "demo"
LINK = f"**[Open the page]({FOLDER}/index.html)**, as `adain export --web` writes it."


@functools.cache
def demo() -> dict[str, bytes]:
    """The files of the page by their paths."""
    with tempfile.TemporaryDirectory(prefix="adain-") as folder:
        # In a process of its own, as nothing else here loads torch.
        both = ["--model", "vgg19", "--preview-model", "fast"]
        command = [sys.executable, "-m", "adain", "export", "--web", folder, *both]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
        if ran.returncode:
            raise RuntimeError(f"the page without a server could not be made: {ran.stderr.strip()}")
        paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return {f"{FOLDER}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in paths}
