"""What of a site an order needs, without a server: uploads by their ids, and the models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any


@dataclass(frozen=True)
class Kept:
    id: str
    name: str
    path: Path
    width: int = 64
    height: int = 48
    source: str = "upload"

    @property
    def kind(self) -> str:
        return {"c": "content", "s": "style", "m": "mask"}[self.id[0]]


class Shelf:
    """Uploads by their ids: those that begin with c are photographs, with s artworks, with m masks."""

    def __init__(self, **names: str) -> None:
        self.kept = {id: Kept(id, name, Path("/held", id, name)) for id, name in names.items()}

    def content(self, id: str) -> Any:
        return self._find(id, "c")

    def style(self, id: str) -> Any:
        return self._find(id, "s")

    def mask(self, id: str) -> Any:
        return self._find(id, "m")

    def _find(self, id: str, kind: str) -> Kept:
        if id not in self.kept or id[0] != kind:
            raise KeyError(id)
        return self.kept[id]


def site_of(**names: str) -> Any:
    """A site with uploads of these names."""
    options = SimpleNamespace(model="vgg19", preview_model="fast", max_pixels=None)
    return SimpleNamespace(pictures=Shelf(**names), options=options)


NAMES = {f"s{k}": f"art {k}.png" for k in range(20)} | {f"m{k}": f"mask-{k}.png" for k in range(20)}
SITE = site_of(c="photo.jpg", **NAMES)
BODY: dict[str, Any] = {"content": "c", "styles": ["s1"]}
