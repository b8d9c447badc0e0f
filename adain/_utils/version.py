"""The version of the library, where everything that writes it down can import it."""

from __future__ import annotations

__version__ = "0.1.0"
