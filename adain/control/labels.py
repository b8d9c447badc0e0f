"""Label maps: one file that says of every pixel which region it belongs to, as segmentation tools write it.

A label is a whole number: the palette index in a palette image, the value in a grey image of any integers, and the
colour ``0xRRGGBB``, written ``#rrggbb``, in a colour image.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .._utils.arrays import is_tensor, moved, namespace
from .._utils.errors import ImageError, InputError
from ..image import DEFAULT_MAX_PIXELS, ImageInput
from ..image.io import read_stored
from ..image.samples import Samples
from ..options import Options, Unfit
from .masks import as_plane

if TYPE_CHECKING:
    from torch import Tensor

LabelMapInput: TypeAlias = ImageInput
LabelMap: TypeAlias = "Tensor | npt.NDArray[np.int64]"
"""The label of every pixel, ``(H, W)`` int64."""

Label = int | str

UNLABELLED = -1
"""The label of transparent pixels of a colour or grey map: they belong to no region and need no style."""

_LAST = 0xFFFFFF  # the largest label that is a colour
_LARGEST = 0xFFFFFFFF  # the largest number: of grey maps of 32 bits
_SHOWN = 12


def parse_label(text: Label) -> int:
    """``"1"`` as 1 and ``"#ff0000"`` or ``"#f00"`` as ``0xff0000``; a number from 0 to ``0xffffffff`` passes."""
    written = str(text).strip()
    if re.fullmatch(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", written):
        digits = written[1:] if len(written) == 7 else "".join(2 * digit for digit in written[1:])
        return int(digits, 16)
    # Not every digit of Unicode, nor more of them than any label has.
    if re.fullmatch(r"[0-9]{1,10}", written) and int(written) <= _LARGEST:
        return int(written)
    raise InputError(f"a label is a number, such as 1, or a colour, such as #ff0000, not {written!r}")


def read_label_map(
    source: LabelMapInput, *, colors: bool = False, max_pixels: int | None = DEFAULT_MAX_PIXELS
) -> Tensor:
    """The label of every pixel, upright by the EXIF orientation, from the very numbers stored.

    Args:
        source: a path, the bytes of a file or an open one, a ``PIL.Image``, an array of integers ``(H, W)`` or of
            colours ``(H, W, 3)``, or an integer tensor ``(H, W)``, ``(1, H, W)`` or ``(1, 1, H, W)``.
        colors: take palette and grey images by their colours too, as labels written ``#rrggbb`` mean them.
        max_pixels: see :func:`adain.read_image`.

    Returns:
        ``(H, W)`` int64; :data:`UNLABELLED` where a colour or grey map is more than half transparent.

    Raises:
        InputError: if a tensor has another shape or type.
        ImageError: if the image is of another kind, or as :func:`adain.read_image`.
        MissingFileError: if there is no such file.
    """
    labels = open_label_map(source, colors=colors, max_pixels=max_pixels)
    tensor: Tensor = labels if is_tensor(labels) else moved(labels, "cpu")
    return tensor


def open_label_map(
    source: LabelMapInput, *, colors: bool = False, max_pixels: int | None = DEFAULT_MAX_PIXELS
) -> LabelMap:
    """:func:`read_label_map` without torch: an array of whatever is no tensor."""
    if is_tensor(source):
        return _check_tensor(source)
    if isinstance(source, np.ndarray) and source.ndim == 2 and source.dtype.kind in "iu" and source.dtype.itemsize > 2:
        return np.ascontiguousarray(source, np.int64)
    stored = read_stored(source, max_pixels=max_pixels)
    if stored.indices is not None and not colors:
        # 1 bit is 0 and 1, as a map of two labels means it, and not 0 and 255.
        return np.ascontiguousarray(stored.indices, np.int64)
    values = stored.values
    if stored.mode == "RGB" or (colors and stored.mode == "L" and stored.white == 255):
        red, green, blue = np.moveaxis(_colors(stored), 2, 0)
        labels = red << 16 | green << 8 | blue
    elif stored.mode == "L" and not colors and values.dtype.kind in "iu":
        labels = values.astype(np.int64)
    else:
        kind = f'mode "{stored.mode}" and {values.dtype}'
        raise ImageError(f"a label map is a palette, grey or RGB image, not one of {kind}: save it as PNG")
    if stored.alpha is not None:
        labels = np.where(stored.alpha < 0.5, UNLABELLED, labels)
    return np.ascontiguousarray(labels)


def _colors(stored: Samples) -> npt.NDArray[np.int64]:
    """``(H, W, 3)`` of 8 bits, if that is what they are; those of 16 bits must have such an equal."""
    if stored.mode == "L":
        return np.asarray(stored.to_image().convert("RGB"), np.int64)
    if stored.white == 255:
        return stored.values.astype(np.int64)
    if stored.values.dtype != np.uint16 or (stored.values % 257).any():
        raise ImageError(
            "a label map in colours has 8 bits, as #rrggbb does, and this one has colours between those: "
            "save it as an RGB PNG of 8 bits, or its labels as numbers, in grey"
        )
    return stored.values.astype(np.int64) // 257


def present_labels(label_map: LabelMap) -> list[int]:
    """The labels of a map in ascending order, without :data:`UNLABELLED`."""
    values: Any = label_map
    if not is_tensor(values) and values.min() >= UNLABELLED and values.max() <= _LAST:
        held = np.zeros(_LAST + 2, bool)  # several times as fast as sorting them; the one at the end is for UNLABELLED
        held[values] = True
        return np.flatnonzero(held[:-1]).tolist()
    return [label for label in namespace(values).unique(values).tolist() if label != UNLABELLED]


def label_masks(label_map: LabelMap, labels: Sequence[Label]) -> list[Any]:
    """The hard mask of each label: ``(1, 1, H, W)`` float32, 1 where the map of :func:`read_label_map` holds it.

    They are tensors of a tensor and arrays of an array.

    Raises:
        InputError: if a label is not in the map, with those that are, or is none.
    """
    wanted = [parse_label(label) for label in labels]
    present = present_labels(label_map)
    hexadecimal = _in_colors(labels, present)
    for label in wanted:
        if label not in present:
            raise InputError(
                f"the label map has no label {_show(label, hexadecimal)}: it holds {_list(present, hexadecimal)}"
            )
    values: Any = label_map
    held = [(values == label)[None, None] for label in wanted]
    return [mask.float() if is_tensor(mask) else mask.astype(np.float32) for mask in held]


def unstyled_labels(label_map: LabelMap, labels: Sequence[Label]) -> list[int]:
    """The labels of the map that ``labels`` does not name, in ascending order."""
    named = {parse_label(label) for label in labels}
    return [label for label in present_labels(label_map) if label not in named]


def check_labels(label_map: LabelMap, labels: Sequence[Label], *, background: Iterable[Label] = ()) -> None:
    """See that each label of the map has a style, or is said to keep the photograph.

    No label is background by itself, not even 0: that is the sky in one tool's maps and "unlabelled" in another's,
    and a forgotten region is seen only in the result.

    Args:
        label_map: ``(H, W)`` of :func:`read_label_map`.
        labels: those that have a style.
        background: those kept as the photograph; they need not be in the map.

    Raises:
        InputError: if a label of the map is in neither, or one is in both or in ``labels`` twice.
    """
    kept = [*background]
    hexadecimal = _in_colors([*labels, *kept], present_labels(label_map))
    seen = {parse_label(label) for label in kept}
    for label in map(parse_label, labels):
        if label in seen:
            raise InputError(f"label {_show(label, hexadecimal)} is given twice: give each label one style")
        seen.add(label)
    left = unstyled_labels(label_map, [*labels, *kept])
    if left:
        verb = "label has" if len(left) == 1 else "labels have"
        raise InputError(
            f"{len(left)} {verb} no style, {_list(left, hexadecimal)}: give each a style or name it as background"
        )


def region_masks(options: Options, *, max_pixels: int | None = DEFAULT_MAX_PIXELS) -> list[Any]:
    """The mask of each label of ``options.labels`` in ``options.label_map``; arrays, unless that is a tensor.

    Raises as :func:`read_label_map` and :func:`label_masks`; and as :func:`check_labels` if nothing is said of a
    background.
    """
    assert options.label_map is not None
    assert options.labels is not None
    labels = options.labels
    colors = {_is_color(label) for label in labels}
    if len(colors) > 1:
        options.refuse(f"{{labels}} are all numbers or all colours, not both: {', '.join(map(str, labels))}")
    label_map = open_label_map(options.label_map, colors=True in colors, max_pixels=max_pixels)
    # Whoever says what becomes of the rest has not forgotten it.
    rest = unstyled_labels(label_map, labels) if options.background is not None else []
    masks = label_masks(label_map, labels)  # first, as a mistyped label leaves another without a style
    try:
        check_labels(label_map, labels, background=rest)
    except InputError as error:
        text = str(error).replace("name it as background", "say {background} keep")
        raise Unfit(text, options.declared()["background"]) from None
    return masks


def _in_colors(labels: Iterable[Label], present: Sequence[int]) -> bool:
    """Whether labels are shown as colours: if they were given so, or are too large for anything else."""
    return any(map(_is_color, labels)) or 0xFFFF < max(present, default=0) <= _LAST


def _is_color(label: Label) -> bool:
    return str(label).lstrip().startswith("#")


def _show(label: int, hexadecimal: bool) -> str:
    return f"#{label:06x}" if hexadecimal else str(label)


def _list(labels: Sequence[int], hexadecimal: bool) -> str:
    shown = ", ".join(_show(label, hexadecimal) for label in labels[:_SHOWN])
    more = len(labels) - _SHOWN
    # Nothing else makes so many: compression and smooth resizing mix new colours at every edge.
    return f"{shown} and {more} more (was it saved as JPEG, or resized?)" if more > 0 else shown or "none"


def _check_tensor(labels: Tensor) -> Tensor:
    labels = as_plane(labels, "a label map tensor")
    if labels.is_floating_point() or labels.is_complex():
        raise InputError(f"a label map tensor must hold integers, not {labels.dtype}: use .long()")
    return labels.long()
