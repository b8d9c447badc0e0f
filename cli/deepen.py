"""``adain stylize --refine N``: every result of the one pass optimised for N steps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adain import defaults
from adain._utils.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

    from adain.refinement import Progress
    from adain.stylizer.stylizer import Stylizer

    from .controls import Controls

Deepen = Callable[["Image.Image", Path, int], "Image.Image"]
"""A picture of the one pass, its photograph and the number of its look to the refined picture."""


def deepening(
    stylizer: Stylizer,
    steps: int,
    paths: Sequence[Path],
    controls: Controls,
    *,
    is_one: bool,
    weights: Sequence[float] | None,
    masks: Sequence[Any],
    content_size: int,
    style_size: int,
    crop: bool,
    quiet: bool = False,
) -> Deepen:
    """What refines a result under the same styles, regions and colours.

    Args:
        paths: the artworks.
        is_one: whether they all go into one result; else there is one for each.
        quiet: show no bar, as where several processes would share a terminal.

    Raises:
        InputError: if the result is a grid of blends, which is no picture of the photograph.
    """
    if controls.style_grid is not None:
        raise InputError("--refine works on a picture, not on a grid: leave out --style-grid")
    colors = controls.colors()
    common: dict[str, Any] = {
        "content_size": content_size,
        "style_size": style_size,
        "crop": crop,
        "color": colors[0] if len(colors) == 1 else colors or None,
        "mask_channel": controls.mask_channel,
        "feather": controls.feather,
    }
    together: dict[str, Any] = {"style": list(paths), "weights": weights, "style_masks": controls.style_mask_paths()}
    if masks:
        together |= {"masks": masks, "background": controls.background_style()}
    elif controls.gradient is not None:
        from adain.control.placement import Ramp

        is_ramp = controls.gradient in defaults.DIRECTIONS
        direction: Any = controls.gradient
        # The style that the first passes into is what its mask leaves.
        together |= {"style": [paths[0]], "background": paths[1]}
        together["masks"] = [Ramp(direction) if is_ramp else controls.gradient]
    parts = controls.style_mask_paths()

    def deepen(picture: Image.Image, content: Path, look: int) -> Image.Image:
        from PIL import Image
        from tqdm import tqdm

        from adain.refinement import refine

        own = together if is_one else {"style": [paths[look]], "style_masks": [parts[look]] if parts else None}
        hidden = quiet or not sys.stderr.isatty()
        with tqdm(total=steps, unit="step", leave=False, disable=hidden, file=sys.stderr) as bar:

            def watch(progress: Progress) -> None:
                bar.update(progress.step - bar.n)
                bar.set_postfix(total=f"{progress.total:.3g}", refresh=False)

            result = refine(picture, content=content, stylizer=stylizer, steps=steps, callback=watch, **own, **common)
        assert isinstance(result, Image.Image)  # files give pictures
        return result

    return deepen
