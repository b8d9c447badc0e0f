"""Refining: the picture itself optimised under the losses, the slow and best way (Gatys et al. 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from .. import defaults
from .._utils.errors import ImageError
from ..control.masks import MaskInput
from ..control.regions import Guide, lay_masks
from ..image import io as images
from ..image.inputs import input_name
from ..image.io import ImageInput
from ..nn.backbones import check_layers, find_architecture
from ..nn.vgg import LAYERS
from ..options import Channel
from ..stylizer.stylizer import Stylizer
from .artworks import Artworks, ColorChoice
from .descent import Descent
from .objective import LossNetwork
from .pictures import Pictures, check_size, make_start, one_pass
from .progress import Callback, RefinementError
from .recipe import DEFAULT_RECIPE, Recipe, from_mapping, load_recipe


@torch.inference_mode(False)  # whatever the caller's mode: the picture needs a gradient
def refine(
    start: ImageInput | None = None,
    *,
    content: ImageInput,
    style: ImageInput | Sequence[ImageInput],
    recipe: str | Path | Recipe | Mapping[str, Any] = DEFAULT_RECIPE,
    steps: int | None = None,
    weights: Sequence[float] | None = None,
    masks: Sequence[Guide] | None = None,
    style_masks: Sequence[MaskInput | None] | None = None,
    mask_channel: Channel = "luminance",
    background: ImageInput | None = None,
    feather: float = 0.0,
    color: ColorChoice | Sequence[ColorChoice] = None,
    alpha: float = defaults.ALPHA,
    content_size: int = defaults.CONTENT_SIZE,
    style_size: int = defaults.STYLE_SIZE,
    crop: bool = False,
    seed: int = 0,
    callback: Callback | None = None,
    stylizer: Stylizer | None = None,
    backbone_weights: str | Path | None = None,
    device: str | torch.device = "auto",
    **changes: Any,
) -> Image.Image | Tensor:
    """Optimise a picture until content and style losses are low.

    >>> out = stylizer.stylize("photo.jpg", "great-wave.jpg")
    >>> out = adain.refine(out, content="photo.jpg", style="great-wave.jpg", steps=200)

    Args:
        start: picture to start from, or ``"adain"`` (the one pass), ``"content"``, ``"noise"`` or ``"blend"``;
            that of the recipe by default.
        content: path, ``PIL.Image`` or ``(B, 3, H, W)`` tensor in ``[0, 1]``; pictures of a batch are optimised one
            after the other.
        style: an artwork, or several: blended by ``weights``, or one for each of ``masks``.
        recipe: name of one that ships (:func:`adain.refinement.recipe_names`), path of a ``.toml`` or ``.json`` file,
            a :class:`~adain.refinement.Recipe`, or a mapping laid out as a recipe file.
        steps: evaluations of the losses in all; the recipe's by default.
        weights: one for each style, ≥ 0; scaled to sum 1, or to mean 1 where each style has its own region.
        masks: one for each style, of the photograph's shape and any size; its style loss is that of the region
            (guided Gram). What no mask covers is held by the content loss alone.
        style_masks: one for each style, or None in its place: the part of the artwork to take the style from.
        mask_channel: what of masks is read, ``"luminance"`` or ``"alpha"``.
        background: an artwork for what no mask covers.
        feather: softening of the masks' edges in pixels.
        color: what keeps the photograph's colours: a mode, a :class:`~adain.ColorPreservation`, or one for each style.
        alpha: strength of the one pass, where that is the start or a target.
        content_size: shorter side of the result in pixels; 0 keeps the content's size.
        style_size: shorter side the artworks are scaled to, 0 keeps their sizes. Larger means coarser strokes.
        crop: use the central squares.
        seed: of the noise.
        callback: see :data:`~adain.refinement.Callback`; a way to watch, and to stop early.
        stylizer: makes the one pass; also says the device. The shipped one by default.
        backbone_weights: file of the loss network, needed for any but the shipped VGG-19.
        device: where to compute, without a stylizer.
        changes: other settings of the recipe, by the names of :class:`~adain.refinement.Recipe`.

    Returns:
        A tensor for a tensor, else a ``PIL.Image`` of the content's size, with its alpha channel if it had one.
        No gradient runs from the result to the pictures that were given.

    Raises:
        InputError: for a recipe, loss, layer, weight or mask that cannot be used; the message says what can.
        MissingFileError, ImageError: see :func:`adain.image.io.read_image`; also for pictures under 32 px a side.
        RefinementError: if the loss stops being finite; it carries the last good picture.
    """
    plan = _plan(recipe, changes if steps is None else {**changes, "steps": steps})
    if stylizer is None:
        stylizer = Stylizer.from_pretrained(device=device)
    # A start of the user's own is taken as it is.
    own_start = isinstance(start, str) and start == plan.start
    start_share = plan.start_share if start is None or own_start else 1.0
    if start is None:
        start = plan.start
    network = LossNetwork(plan, stylizer.device, backbone_weights)
    pixels, opacity, uncropped = stylizer.picture(content, size=content_size, crop=crop)
    check_size((pixels.shape[2], pixels.shape[3]), input_name(content) or "the photograph")
    if not bool(pixels.isfinite().all()):
        raise ImageError("the photograph holds values that are not finite numbers: it has to lie in [0, 1]")
    pixels = pixels.detach()
    artworks = Artworks(stylizer, style, weights, masks, style_masks, mask_channel, background, color, style_size, crop)
    regions = None
    if masks is not None:
        size = (pixels.shape[2], pixels.shape[3])
        laid: dict[str, Any] = {"uncropped": uncropped, "feather": feather, "channel": mask_channel}
        regions = lay_masks(masks, size, device=pixels.device, max_pixels=stylizer.max_pixels, **laid)
    results = []
    for index in range(pixels.shape[0]):
        photo = pixels[index : index + 1].contiguous()
        styles, colors = artworks.beside(photo, index, regions)
        begin = make_start(start, plan.blend_share, stylizer, photo, styles, alpha, crop, index, seed)
        begin = begin if start_share == 1.0 else torch.lerp(photo, begin, start_share)
        secondary = one_pass(stylizer, photo, styles, alpha) if "secondary" in plan.losses else None
        network.calibrate(photo)
        pictures = Pictures(photo, styles, secondary)
        try:
            result = Descent(plan, network, pictures, callback).run(begin)
        except RefinementError as error:
            error.image = colors.finish(error.image, photo)
            raise
        results.append(colors.finish(result, photo))
    result = torch.cat(results)
    if isinstance(content, Tensor):
        return result
    picture = images.to_pil(result)
    return picture if opacity is None else images.with_alpha(picture, opacity)


def _plan(recipe: str | Path | Recipe | Mapping[str, Any], changes: Mapping[str, Any]) -> Recipe:
    """The recipe that is meant, with its changes, and layers and a pooling that its network has."""
    if isinstance(recipe, Recipe):
        plan = recipe
    elif isinstance(recipe, Mapping):
        plan = from_mapping(recipe, None, "")
    else:
        plan = load_recipe(recipe)
    plan = plan.change(**changes)
    known = find_architecture(plan.backbone).layers
    # Recipes name layers of VGG-19; another network that has none of that name takes its own choice.
    elsewhere = {spec.relu for spec in LAYERS} - set(known)
    losses = {
        name: replace(spec, layers={}) if spec.layers and set(spec.layers) <= elsewhere else spec
        for name, spec in plan.losses.items()
    }
    for spec in losses.values():
        if spec.layers:
            check_layers(plan.backbone, spec.layers)
    # The same goes for the pooling: ResNet-50 pools in one way.
    pool = "max" if plan.backbone == "resnet50" else plan.pool
    return replace(plan, losses=losses, pool=pool)
