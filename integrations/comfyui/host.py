"""What ComfyUI offers a node that runs in it, taken from the modules that are loaded there; nothing where none is.

A node is always run by a ComfyUI that has loaded these, so they need not be imported, and tests need no ComfyUI.
"""

from __future__ import annotations

import os
import sys
from typing import Any

STYLES = "adain_styles"
"""The folder among ComfyUI's models that keeps saved styles."""


def stop_if_asked() -> None:
    """Raise what ends the workflow, if the user has pressed Cancel."""
    management = sys.modules.get("comfy.model_management")
    if management is not None:
        management.throw_exception_if_processing_interrupted()


def device() -> str:
    """Where ``auto`` computes: the CPU, if that is what ComfyUI was started for, and else what the library finds."""
    management = sys.modules.get("comfy.model_management")
    if management is not None and management.get_torch_device().type == "cpu":
        return "cpu"
    return "auto"


class Progress:
    """The bar below the node that runs, in thousandths, and the place where a run is interrupted.

    Args:
        pictures: of the batch.
        phases: that each goes through: encoding, rounds of correction, decoding.
    """

    def __init__(self, pictures: int, phases: int) -> None:
        self._share, self._phases, self._picture = 1000 / pictures, phases, 0
        self._phase, self._known = 0, ""
        utils = sys.modules.get("comfy.utils")
        self._bar: Any = None if utils is None else utils.ProgressBar(1000)

    def start(self, picture: int) -> None:
        """The picture of that index is begun."""
        self._picture, self._phase, self._known = picture, 0, ""
        self._show(0.0)

    def encoded(self) -> None:
        """The first phase is done, which only tiles tell by themselves."""
        self._show(1 / self._phases)

    def __call__(self, tiles: Any) -> None:
        """After each tile, told by a :class:`adain.stylizer.TileProgress`."""
        # A round of correction has the name of the one before, and begins with its first tile again.
        if tiles.phase != self._known or tiles.done == 1:
            self._phase, self._known = self._phase + (self._known != ""), tiles.phase
        self._show(min(1.0, (self._phase + tiles.done / tiles.total) / self._phases))

    def end(self) -> None:
        """The whole batch is done."""
        self._picture += 1
        self._show(0.0)

    def _show(self, part: float) -> None:
        stop_if_asked()
        if self._bar is not None:
            self._bar.update_absolute(round((self._picture + part) * self._share), 1000)


def offer_folder() -> None:
    """Have ComfyUI know the folder of saved styles."""
    paths = sys.modules.get("folder_paths")
    if paths is not None:
        paths.add_model_folder_path(STYLES, os.path.join(paths.models_dir, STYLES))


def saved_styles() -> list[str]:
    """The names of the files in it."""
    paths = sys.modules.get("folder_paths")
    names = [] if paths is None else paths.get_filename_list(STYLES)
    return [name for name in names if name.lower().endswith(".safetensors")]


def saved_style(name: str) -> str:
    """The path of one of them; MissingFileError, if there is none of that name."""
    from adain import MissingFileError

    paths = sys.modules.get("folder_paths")
    path = None if paths is None else paths.get_full_path(STYLES, name)
    if path is None:
        raise MissingFileError(f"there is no style {name} in models/{STYLES}: put the file there, and refresh the page")
    return str(path)
