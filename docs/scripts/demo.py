"""The page without a server as a part of the site, where the runtime of browsers is at hand: by npm, or in RUNTIME."""

from __future__ import annotations

import functools
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from docstrings import ROOT

RUNTIME = "ADAIN_WEB_RUNTIME"
"""Name of the variable that names the package onnxruntime-web of npm, packed or unpacked."""

FOLDER = "demo"
LINK = f"**[Open the page]({FOLDER}/index.html)**, as `adain export --web` writes it."

_log = logging.getLogger("mkdocs.hooks.demo")


@functools.cache
def demo() -> dict[str, bytes]:
    """The files of the page by their paths; none where there is no runtime for it, which is no fault of the site."""
    runtime = os.environ.get(RUNTIME)
    if not runtime and shutil.which("npm") is None:
        _log.info("no page without a server: npm is not installed, and %s is not set", RUNTIME)
        return {}
    with tempfile.TemporaryDirectory(prefix="adain-") as folder:
        command = [sys.executable, "-m", "adain", "export", "--web", folder]
        command += ["--runtime", str(Path(runtime).resolve())] if runtime else []
        # In a process of its own, as nothing else here loads torch.
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
        if ran.returncode == 2 and not runtime:  # it says why: npm has no network, or onnxruntime is missing
            _log.info("no page without a server: %s", ran.stderr.strip())
            return {}
        if ran.returncode:
            raise RuntimeError(f"the page without a server could not be made: {ran.stderr.strip()}")
        paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return {f"{FOLDER}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in paths}
