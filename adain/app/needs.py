"""What serves the page and is no part of the core."""

from __future__ import annotations

import importlib.util

from .._utils.errors import InputError

PACKAGES = {"starlette": "starlette", "uvicorn": "uvicorn", "python_multipart": "python-multipart"}
"""The packages of the extra, by what is imported."""


def require() -> None:
    """InputError, if one of them is missing."""
    missing = [package for name, package in PACKAGES.items() if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f'the page needs {" and ".join(missing)}: pip install "adain[app]"')
