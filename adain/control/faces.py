"""Faces to protect, by the cascade of local binary patterns that scikit-image brings, for each photograph anew."""

from __future__ import annotations

import functools
import logging
import threading
import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from .._utils.arrays import device_of, moved
from .._utils.errors import InputError
from ..image.box import Box
from ..image.levels import painted
from ..image.stored import StoredPicture
from ..image.wrap import axes_of
from .masks import feather
from .protect import SOFTNESS, Protection
from .regions import cell_means

LONGEST = 512
"""Longer side in pixels at which a photograph is looked at."""

SMALLEST = 30
"""Side in pixels of the smallest face that is looked for in that: a seventeenth of it."""

NEIGHBOURS = 8
"""Windows about a face that must agree: of fewer, a tap or a bumper is one now and then."""

_ACROSS, _DOWN = 0.65, 0.85  # semi-axes of the ellipse about a face, in sides of the square that was found

_log = logging.getLogger(__name__)
_lock = threading.Lock()


def find_faces(picture: Image.Image) -> list[Box]:
    """The faces that look out of a picture, in its pixels, the largest first.

    Raises:
        InputError: if scikit-image is not installed.
    """
    small = picture.convert("RGB")
    small.thumbnail((LONGEST, LONGEST))
    if min(small.size) < SMALLEST:
        return []
    scale = picture.width / small.width
    with _lock:
        found = _cascade().detect_multi_scale(
            img=np.asarray(small), scale_factor=1.2, step_ratio=1, min_size=(SMALLEST, SMALLEST),
            max_size=(min(small.size),) * 2, min_neighbor_number=NEIGHBOURS,
        )  # fmt: skip
    boxes = [
        Box(*(round(scale * x) for x in (f["r"], f["c"], f["r"] + f["height"], f["c"] + f["width"]))) for f in found
    ]
    return sorted(boxes, key=lambda box: (-box.area, box))


def draw_faces(size: tuple[int, int], faces: list[Box]) -> npt.NDArray[np.float32]:
    """A mask ``(1, 1, H, W)``, white in an ellipse about each face."""
    mask = Image.new("L", size[::-1])
    draw = ImageDraw.Draw(mask)
    for top, left, bottom, right in faces:
        x, y, across, down = (left + right) / 2, (top + bottom) / 2, _ACROSS * (right - left), _DOWN * (bottom - top)
        draw.ellipse((x - across, y - down, x + across, y + down), fill=255)
    drawn: npt.NDArray[np.float32] = np.asarray(mask, np.float32)[None, None] / np.float32(255)
    return drawn


@dataclass(frozen=True, eq=False)
class Faces:
    """Protects the faces of whatever photograph it is given.

    Attributes:
        softness: see :meth:`~adain.control.protect.Protection.lay`.
        notes: takes ``faces``, how many were found; where there is none a line is logged, once, if there is no face.
    """

    softness: float = 0.0
    notes: dict[str, Any] | None = None
    _known: weakref.WeakKeyDictionary[Any, Protection] = field(default_factory=weakref.WeakKeyDictionary)
    _told: list[bool] = field(default_factory=list)

    def on(self, content: Any) -> Protection:
        """The mask for an encoded photograph."""
        known = self._known.get(content)
        if known is None:
            pictures = _pictures(content)
            faces = [find_faces(picture) for picture in pictures]
            if self.notes is not None:
                self.notes["faces"] = sum(map(len, faces))
            elif not any(faces) and not self._told:
                self._told.append(True)
                _log.warning("no face was found, and nothing is protected: give a mask in place of faces")
            drawn = [
                draw_faces(content.size, _scaled(each, picture, content.size))
                for each, picture in zip(faces, pictures, strict=True)
            ]
            mask = moved(np.concatenate(drawn), device_of(content.features))
            soft = feather(mask, self.softness or SOFTNESS, axes_of(content.wrap))
            known = self._known[content] = Protection(soft, cell_means(soft))
        return known


def _pictures(content: Any) -> list[Image.Image]:
    """The photographs, small ones where they are held as a picture."""
    held = None if content.tiles is None else content.tiles.picture
    if isinstance(held, Image.Image | StoredPicture):
        small = held.to_image() if isinstance(held, StoredPicture) else held.copy()
        small.thumbnail((LONGEST, LONGEST))
        return [small]
    pixels = moved(content.colors(), None)
    return [Image.fromarray(np.asarray(painted(pixels[k : k + 1]))) for k in range(len(pixels))]


def _scaled(faces: list[Box], picture: Image.Image, size: tuple[int, int]) -> list[Box]:
    by = size[1] / picture.width
    return [Box(*(round(by * x) for x in face)) for face in faces]


@functools.cache
def _cascade() -> Any:
    try:
        from skimage import data
        from skimage.feature import Cascade
    except ImportError:
        raise InputError(
            'finding faces needs scikit-image: pip install "adain[faces]", or give a mask in place of faces'
        ) from None
    return Cascade(data.lbp_frontal_face_cascade_filename())
