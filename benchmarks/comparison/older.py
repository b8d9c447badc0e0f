"""Having a process import another build of this library; a module of its own, as it must import nothing of any."""

from __future__ import annotations

import sys
from pathlib import Path


def prefer(folder: str) -> None:
    """Look for modules there first.

    Raises:
        ImportError: if this library is not there, or was imported before.
    """
    sys.path.insert(0, folder)
    import adain

    if not Path(adain.__file__).is_relative_to(folder):
        raise ImportError(f"there is no adain in {folder}: {adain.__file__} was found")
