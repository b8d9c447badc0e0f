"""The colours of a video: what its tags mean, and frames as they are painted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from .._utils.errors import InputError
from ..image.colorspace import Colorspace
from ..image.hdr import curve_of
from .chroma import location_of, to_rgb
from .deep import DeepReader
from .frames import BT709, Color, Pixels
from .hdr import BT2020_CODE, DynamicRange

BT601 = 6
UNSPECIFIED = 2  # how FFmpeg says that a matrix is not known, beside 0
HD_HEIGHT = 720  # from here on, a video that does not say is taken as BT.709, as players do

_NOT_LUMA = (14, 15)  # ICtCp and IPT-C2, whose matrices work on cones and not on R, G and B

_WIDE = (9, 11, 12)  # BT.2020 and P3; other primaries are so near to those of BT.709 that players show them alike

Wanted: TypeAlias = Literal["tagged", "srgb", "kept"]
"""Of standard range the numbers as they are stored, under their tags; or in sRGB, as pictures have them, and pixels
square, as theirs are; of high dynamic range tone-mapped both times, unless its numbers are kept."""


@dataclass(frozen=True, eq=False)
class Conversion:
    """From decoded frames to pixels.

    Attributes:
        convert: makes pixels of a frame, not upright yet.
        color: what the pixels mean.
        range: of pixels of high dynamic range; None for standard.
        notes: what is to be said of it.
    """

    convert: Callable[[Any], Pixels]
    color: Color
    range: DynamicRange | None = None
    notes: tuple[str, ...] = ()


def color_of(raw: Any) -> Color:
    """The tags of a frame, with the matrix that is meant where they leave it open."""
    matrix = int(raw.colorspace)
    if matrix in (0, UNSPECIFIED):
        matrix = BT709 if min(raw.width, raw.height) >= HD_HEIGHT else BT601
        matrix = matrix if curve_of(int(raw.color_trc)) is None else BT2020_CODE
    return Color(matrix, int(raw.color_primaries), int(raw.color_trc))


def conversion(raw: Any, stream: Any, wanted: Wanted, size: tuple[int, int]) -> Conversion:
    """For frames such as this, to that width and height; InputError for colours that cannot be read."""
    color, location = color_of(raw), location_of(raw, stream)
    if color.matrix in _NOT_LUMA:
        raise InputError("its colours are ICtCp, which cannot be read: convert it, to BT.2020 with luma for example")
    if (found := DynamicRange.of_frame(raw)) is None:
        scaler = to_rgb(raw, size, color, location)
        notes = ("is of standard range: there is nothing for --hdr keep to keep",) if wanted == "kept" else ()
        space = Colorspace.of_codes(color.primaries, color.transfer) if color.primaries in _WIDE else None
        if wanted != "srgb" or space is None:
            return Conversion(lambda frame: scaler(frame).to_ndarray(), color, None, notes)
        return Conversion(lambda frame: space.to_srgb(scaler(frame).to_ndarray()), Color())
    reader = DeepReader(raw, size, color, location)
    if wanted == "kept":
        notes = ("has tone mappings of its own (Dolby Vision, HDR10+), which are left out",) if found.is_dynamic else ()
        return Conversion(reader, found.color, found, notes)
    what = f"{found.curve} of up to {found.peak:g} cd/m²"
    return Conversion(
        lambda frame: found.tone_mapped(reader(frame)), Color(), None,
        (f"is of high dynamic range, {what}, and is tone-mapped to standard: --hdr keep keeps it",),
    )  # fmt: skip
