"""The artworks and photographs of a page without a server: their pictures, and the artworks' statistics."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._utils.arrays import FloatArray
from ..._utils.errors import AdainError, InputError, first_line
from ...control.style import Style
from ...image import read_image
from ...stylizer import Stylizer
from ..display import shown, shown_style
from ..gallery import AppGallery
from ..held import Held
from ..kinds import Upload

_log = logging.getLogger(__name__)

FOLDER = "gallery"

THUMB = 160
"""Shorter side of thumbnails in px: that of the page on screens of two pixels for one."""

LARGEST = 1024
"""Shorter side in px, at most, of the pictures of artworks that do not ship, which are written without metadata."""

_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png"}


@dataclass(frozen=True)
class Offered:
    """What a page offers from the start.

    Attributes:
        files: by their paths in the site: thumbnails, pictures, ``gallery.json`` and ``statistics.bin``.
        styles, contents: what the page is told of them.
        skipped: artworks that are left out, each with the reason.
    """

    files: dict[str, bytes]
    styles: list[dict[str, Any]]
    contents: list[dict[str, Any]]
    skipped: list[str]


def offered(model: Stylizer, artworks: str | os.PathLike[str] | None = None) -> Offered:
    """The pictures that ship, and the artworks of a folder.

    ``gallery.json`` lists the artworks, in the order in which ``statistics.bin`` has their mean and deviation: float32
    of ``(n, 2, C)``, little-endian. ``size`` is the shorter side in px that they were encoded at, 0 of saved styles,
    which have no ``picture``.

    Args:
        model: whose encoder the page has.
        artworks: folder of more of them.

    Raises:
        MissingFileError, ImageError: if the folder is not there, cannot be listed or holds no artworks.
    """
    gallery = AppGallery(artworks, Held(1))
    made = Offered({}, [], [], [])
    statistics: list[FloatArray] = []
    entries: list[dict[str, Any]] = []
    for upload in _found(gallery, "style"):
        try:
            style = _encoded(model, upload)
            entry = {**_told(upload), **_pictures(made.files, upload, style)}
        except AdainError as error:
            _log.warning("%s", error)
            made.skipped.append(first_line(error))
            continue
        made.styles.append({key: entry[key] for key in ("id", "name", "title", "author", "source")})
        entries.append(entry)
        statistics.append(np.stack([_plain(style.mean), _plain(style.std)]))
    for upload in _found(gallery, "content"):
        made.contents.append({**_told(upload), "has_alpha": upload.has_alpha, **_pictures(made.files, upload, None)})
    made.files[f"{FOLDER}/statistics.bin"] = np.stack(statistics).astype("<f4").tobytes()
    made.files[f"{FOLDER}/gallery.json"] = json.dumps(entries, ensure_ascii=False, indent=1).encode()
    return made


def _found(gallery: AppGallery, kind: Any) -> Iterator[Upload]:
    for each in gallery.listed(kind):
        upload = gallery.find(kind, each["id"])
        if upload is not None:
            yield upload


def _told(upload: Upload) -> dict[str, Any]:
    keys = ("id", "name", "title", "author", "source", "width", "height")
    return {key: getattr(upload, key) for key in keys}


def _encoded(model: Stylizer, upload: Upload) -> Style:
    """The statistics of an artwork, as a page can use them."""
    style = model.encode_style(upload.path)
    if style.channels != model.encoder.feature_channels:
        raise InputError(
            f"{upload.name} is a style of {style.channels} channels, and the page's model has "
            f"{model.encoder.feature_channels}: encode the artwork with that model, or give its picture"
        )
    if style.change is not None or style.fine_std is not None:
        raise InputError(
            f"{upload.name} was specialised, or has a fine size, which the page cannot serve: give a picture"
        )
    return style


def _plain(values: Any) -> FloatArray:
    return np.asarray(values.detach().cpu(), np.float32).ravel()


def _pictures(files: dict[str, bytes], upload: Upload, style: Style | None) -> dict[str, Any]:
    """The paths of an upload's thumbnail and picture, which are put among the files."""
    from ...options import Options

    if not upload.is_picture:
        assert style is not None
        thumb, mime = shown_style(style.to(None))
        return {"thumb": _put(files, f"{upload.id}-thumb", thumb, mime), "picture": None, "size": 0}
    picture = read_image(upload.path)
    small = _put(files, f"{upload.id}-thumb", *shown(picture, THUMB))
    if upload.source == "gallery":
        whole = _put(files, upload.id, upload.path.read_bytes(), upload.mime)
    else:
        whole = _put(files, upload.id, *shown(picture, LARGEST))
    return {"thumb": small, "picture": whole, "size": Options.style_size}


def _put(files: dict[str, bytes], name: str, data: bytes, mime: str) -> str:
    path = f"{FOLDER}/{name}{_SUFFIXES[mime]}"
    files[path] = data
    return path
