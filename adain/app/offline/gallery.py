"""The artworks and photographs of a page without a server: their pictures, and the artworks' statistics."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

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


def offered(
    model: Stylizer, finishing: Stylizer | None = None, *, artworks: str | os.PathLike[str] | None = None
) -> Offered:
    """The pictures that ship, and the artworks of a folder.

    ``gallery.json`` lists the artworks, in the order in which ``statistics.bin`` has their mean and deviation: float32
    of ``(n, 2, C)``, little-endian. ``size`` is the shorter side in px that they were encoded at, 0 of saved styles,
    which have no ``picture``. ``finish.bin`` has those of another model, of pictures alone.

    Args:
        model: whose encoder the page has.
        finishing: another one that it has.
        artworks: folder of more of them.

    Raises:
        MissingFileError, ImageError: if the folder is not there, cannot be listed or holds no artworks.
    """
    gallery = AppGallery(artworks, Held(1))
    made = Offered({}, [], [], [])
    statistics: list[FloatArray] = []
    others: list[FloatArray] = []
    entries: list[dict[str, Any]] = []
    for upload in _found(gallery, "style"):
        files: dict[str, bytes] = {}
        try:
            if upload.is_picture:
                entry = {**_told(upload), **_pictures(files, upload)}
                # As visitors get it, who may encode it again.
                picture = read_image(io.BytesIO(files[entry["picture"]]))
                styles = [_encoded(each, upload, picture) for each in (model, finishing) if each is not None]
            else:
                styles = [_encoded(model, upload, upload.path)]
                entry = {**_told(upload), **_statistics(files, upload, styles[0])}
        except AdainError as error:
            _log.warning("%s", error)
            made.skipped.append(first_line(error))
            continue
        made.styles.append({key: entry[key] for key in ("id", "name", "title", "author", "source")})
        made.files.update(files)
        entries.append(entry)
        statistics.append(_rows(styles[0]))
        others += map(_rows, styles[1:])
    for upload in _found(gallery, "content"):
        made.contents.append({**_told(upload), "has_alpha": upload.has_alpha, **_pictures(made.files, upload)})
    made.files[f"{FOLDER}/statistics.bin"] = np.stack(statistics).astype("<f4").tobytes()
    if finishing is not None:
        made.files[f"{FOLDER}/finish.bin"] = np.stack(others).astype("<f4").tobytes()
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


def _encoded(model: Stylizer, upload: Upload, source: Path | Image.Image) -> Style:
    """The statistics of an artwork, as a page can use them."""
    style = model.encode_style(source)
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


def _rows(style: Style) -> FloatArray:
    """Mean and deviation."""
    return np.stack([np.asarray(each.detach().cpu(), np.float32).ravel() for each in (style.mean, style.std)])


def _statistics(files: dict[str, bytes], upload: Upload, style: Style) -> dict[str, Any]:
    """The path of a saved style's thumbnail, which is put among the files."""
    thumb, mime = shown_style(style.to(None))
    return {"thumb": _put(files, f"{upload.id}-thumb", thumb, mime), "picture": None, "size": 0}


def _pictures(files: dict[str, bytes], upload: Upload) -> dict[str, Any]:
    """The paths of an upload's thumbnail and picture, which are put among the files."""
    from ...options import Options

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
