"""A finished file: by the very path of ``adain stylize``, with progress, and an end in between where one is wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._utils.memory import give_back
from ..batch.folder import Folder
from ..batch.options import FolderOptions
from ..batch.sharded import plan_folder
from ..control.style import is_style_file
from ..options import PREVIEW_ALPHAS, PREVIEW_SIZES, Options
from ..stylizer.bounded import HALVINGS
from ..stylizer.content import TileProgress
from ..stylizer.sheets import grid_weights
from .errors import TooLong
from .memory import check_artwork

if TYPE_CHECKING:
    from .request import Ordered
    from .worker import Turn


class TilesDone:
    """How far the work is, of all its tiles.

    Attributes:
        phase: ``"encode"``, ``"correct"``, ``"decode"`` or ``"write"``.
        done, total: tiles of the phase, as far as they are known.
        fraction: of all phases, in ``[0, 1]``; it never falls.
    """

    def __init__(self, options: Options, styles: int) -> None:
        self.phase, self.done, self.total, self.fraction = "encode", 0, 0, 0.0
        tries = 1 if options.max_drift is None else 2 + HALVINGS
        self._decodings = pictures_of(options, styles) * tries
        self._rounds = options.correct
        self._passes = 0.0

    def tell(self, tile: TileProgress) -> None:
        """A tile is done. A round of correction is a decoder and an encoder."""
        weight = 2 if tile.phase == "correct" else 1
        self.phase, self.done, self.total = tile.phase, tile.done, tile.total
        self._passes += weight / tile.total
        passes = 1 + self._decodings * (1 + 2 * self._rounds)
        self.fraction = max(self.fraction, min(0.99, self._passes / passes))
        if self._passes > passes - 1e-6:
            self.phase, self.done, self.total = "write", 0, 1


def pictures_of(options: Options, styles: int) -> int:
    """How many pictures are decoded for a result of so many styles: of a sheet, all that are on it."""
    if options.preview:
        return len(PREVIEW_ALPHAS) * len(PREVIEW_SIZES)
    if options.grid is None:
        return 1
    return sum(each is not None for row in grid_weights(styles, options.grid) for each in row)


def make_file(
    model: Any, turn: Turn[Any], ordered: Ordered, target: Path, tell: Callable[[TileProgress], object], seconds: float
) -> Mapping[str, Any]:
    """Write what is ordered to a file, byte for byte what the command line writes.

    Args:
        model: of the turn.
        turn: says whether to go on.
        target: the file.
        tell: called after every tile.
        seconds: that it may take.

    Returns:
        What is to be said of it: ``width`` and ``height``, and what the options have found.

    Raises:
        AdainError: if anything in the order cannot be used.
        TooLong: if it takes longer.
    """

    def progress(tile: Any) -> None:
        turn.check()
        if isinstance(tile, TileProgress):
            tell(tile)

    late = TooLong(
        f"this picture took more than {seconds / 60:g} minutes: ask for a smaller content_size (--content-size), or "
        "start adain app with more --job-minutes"
    )
    alarm = threading.Timer(seconds, turn.give_up, [late])
    alarm.daemon = True
    alarm.start()
    try:
        check_artworks(model, ordered)
        job = planned(ordered, target, model)
        (result,) = job.results(progress)
        turn.check()
    finally:
        alarm.cancel()
        give_back()
    if result.error is not None:
        raise result.error
    return result.details


def planned(ordered: Ordered, target: Path, model: Any = None) -> Folder:
    """The work, as ``adain stylize`` plans it.

    Raises:
        AdainError: if options contradict each other, or a file is not there.
    """
    styles = [style.path for style in ordered.styles]
    return plan_folder([ordered.content.path], styles, target, FolderOptions.of(ordered.file, stylizer=model))


def check_artworks(model: Any, ordered: Ordered) -> None:
    """See that each artwork can be encoded; errors as of :func:`~adain.app.memory.check_artwork`."""
    options = ordered.options
    for size in PREVIEW_SIZES if options.preview else (options.style_size,):
        how = {"size": size, "fine_size": options.fine_style_size, "crop": options.crop}
        for upload in ordered.styles:
            if not is_style_file(upload.path):
                check_artwork(model, upload, how)
