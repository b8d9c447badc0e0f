from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .site import Site


class Models:
    def __init__(self, site: Site) -> None:
        self.site = site

    def stop(self) -> None:
        """End all threads; what they are doing is broken off."""
