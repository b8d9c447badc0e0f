"""What a label map holds: its labels, how much of the picture each is, and the colour to show it in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..control.labels import UNLABELLED, open_label_map
from ..image import read_image
from ..image.io import read_stored

MOST = 256
"""Labels that are listed, the largest first: nobody gives more of them a style."""

_MOST_COUNTED = 0xFFFFFF  # the largest label that is a colour


def held_labels(path: Path, max_pixels: int) -> dict[str, Any]:
    """The labels of a map, the largest first.

    Returns:
        ``labels``: of each its ``value``, a number or the colour ``#rrggbb``, as :attr:`adain.Options.labels` takes it,
        its ``share`` of all pixels, and the ``color`` that it has in the picture. ``total``: how many there are, of
        which at most :data:`MOST` are listed; ``unlabelled``: the share of transparent pixels.

    Raises:
        ImageError: if the picture is of a kind that no label map is.
    """
    labels: Any = open_label_map(path, max_pixels=max_pixels)
    stored = read_stored(path, max_pixels=max_pixels)
    is_colored = stored.indices is None and stored.mode == "RGB"
    values, counts = _counted(labels.ravel())
    kept = values != UNLABELLED
    order = np.argsort(-counts[kept], kind="stable")[:MOST]
    picture = None if is_colored else read_image(path, max_pixels=max_pixels).convert("RGB")
    listed = []
    for value, count in zip(values[kept][order], counts[kept][order], strict=True):
        if picture is None:
            color = f"#{value:06x}"
        else:
            row, column = divmod(int(np.argmax(labels == value)), labels.shape[1])
            color = "#{:02x}{:02x}{:02x}".format(*picture.getpixel((column, row)))  # type: ignore[misc]
        written = color if is_colored else int(value)
        listed.append({"value": written, "share": round(int(count) / labels.size, 6), "color": color})
    unlabelled = int(counts[~kept].sum()) / labels.size
    return {"labels": listed, "total": int(kept.sum()), "unlabelled": round(unlabelled, 6)}


def _counted(labels: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The labels that there are, in ascending order, and how often each is there."""
    if labels.max() > _MOST_COUNTED:
        return np.unique(labels, return_counts=True)
    counts = np.bincount(labels - UNLABELLED)  # many times as fast as sorting them
    found = np.flatnonzero(counts)
    return found + UNLABELLED, counts[found]
