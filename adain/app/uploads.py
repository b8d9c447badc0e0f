from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute

if TYPE_CHECKING:
    from .site import Site


class AppPictures:
    def __init__(self, site: Site) -> None:
        self.site = site

    def styles(self) -> list[dict[str, Any]]:
        """What ``GET /styles`` lists."""
        return []


routes: list[BaseRoute] = []
