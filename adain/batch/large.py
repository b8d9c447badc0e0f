"""Photographs too large to be held: which of them are read in strips, and what does not go with that."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .._utils.errors import ImageError
from ..image import DEFAULT_MAX_PIXELS, Page, Source, source_of
from ..image.io import over_limit, size_by_header
from ..image.strip_reader import INSTALL, can_read, has_vips, open_strips, require_vips
from ..image.strip_writer import check_strips_output
from ..nn.layers import MIN_SIZE
from .options import FolderOptions


def check_strips(options: FolderOptions) -> None:
    """Raise, before any work, where options say that strips or pyramids are wanted that cannot be made."""
    if options.strips == "on":
        for name in ("refine", "grid", "preview", "max_drift"):
            if name in options.given():
                options.refuse(f"{{{name}}} needs the whole picture: leave it out, or {{strips}} on")
        if options.tile == "off":
            options.refuse("{tile} off wants the whole picture at once: leave it out, or {strips} on")
    if options.strips == "on" or options.pyramid:
        require_vips()


def check_outputs(outputs: Iterable[Path], options: FolderOptions) -> None:
    """Raise, before any work, if a pyramid is wanted in a file that is no TIFF."""
    if options.pyramid:
        for suffix, output in {output.suffix.lower(): output for output in outputs}.items():
            if suffix not in (".tif", ".tiff"):
                options.refuse(f"{output}: {{pyramid}} is for TIFFs: name the result .tif, or give {{suffix}} .tif")
            check_strips_output(output, pyramid=True)


def is_large(content: Any, options: FolderOptions) -> bool:
    """Whether a photograph is to be read in strips.

    Where nobody says, that is what has more than :data:`~adain.image.DEFAULT_MAX_PIXELS` pixels and can be read that
    way; where pyvips is missing, only what ``max_pixels`` would refuse.
    """
    if options.strips == "off" or not isinstance(content, Path | Page):
        return False
    if options.strips == "on":
        return True
    height, width = size_by_header(content)
    pixels = height * width
    if pixels <= DEFAULT_MAX_PIXELS:
        return False
    is_allowed = options.max_pixels is not None and pixels <= options.max_pixels
    return can_read(content) and (has_vips() or not is_allowed)


def open_large(content: Path | Page, options: FolderOptions) -> Source:
    """A photograph that :func:`is_large`, in strips, or as a whole if it is small once it is resized.

    Raises:
        AdainError: see :func:`~adain.image.strip_reader.open_strips`; also without pyvips, and for refinement.
    """
    limit, is_asked = options.max_pixels, options.strips == "on"
    if not is_asked and not has_vips():
        more = f", or work in strips: {INSTALL}"
        raise over_limit(source_of(content), size_by_header(content), limit or DEFAULT_MAX_PIXELS, more)
    opened = open_strips(
        content, size=options.size, crop=options.crop, wrap=options.wrap, max_pixels=limit, least=MIN_SIZE,
        keep=0 if is_asked else DEFAULT_MAX_PIXELS,
    )  # fmt: skip
    if options.refine is not None and not opened.is_held:
        name = source_of(content)
        raise ImageError(f"{name} is too large to be refined: ask for a smaller content_size (--content-size)")
    return opened
