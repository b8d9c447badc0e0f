"""Where the installed package keeps its weights and sample pictures."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Literal


def weights_dir() -> Path:
    """The folder of the shipped weights."""
    return Path(str(resources.files("adain.weights")))


def sample_folder(kind: Literal["content", "style"]) -> Path:
    """The folder of the sample photographs or artworks that ship."""
    return Path(str(resources.files("adain.samples"))) / kind
