from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

if TYPE_CHECKING:
    from .site import Site


class Jobs:
    def __init__(self, site: Site) -> None:
        self.site = site

    def stop(self) -> None:
        """Cancel all that wait or are at work."""


routes: list[BaseRoute] = []
