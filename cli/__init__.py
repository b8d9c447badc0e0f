"""The ``adain`` command: thin, it parses, calls the library and reports."""

from .main import main

__all__ = ["main"]
