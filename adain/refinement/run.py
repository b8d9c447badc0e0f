"""Refining: the picture itself optimised under the losses, the slow and best way (Gatys et al. 2016)."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from .._utils.errors import RefinementError
from .._utils.keywords import takes
from ..backends.models import open_model
from ..control.edges import keep_edges
from ..control.regions import Canvas, guides_of
from ..image import ImageInput, Page, with_alpha
from ..image.levels import Levels, Painted, painted
from ..image.source import input_name
from ..nn.backbones import check_layers, find_architecture
from ..nn.vgg import LAYERS
from .artworks import Artworks, finish
from .descent import Descent
from .objective import LossNetwork
from .options import RefineOptions
from .pictures import Pictures, check_size, make_start, one_pass
from .recipe import Recipe, from_mapping, load_recipe

F = TypeVar("F", bound=Callable[..., Any])


def _with_old_form(function: F) -> F:
    """As version 0.1 was called, ``refine(start, content=..., style=..., callback=...)``, for one release."""

    @functools.wraps(function)
    def call(*things: Any, **changes: Any) -> Any:
        if "content" in changes and "style" in changes:
            text = "refine(start, content=..., style=...) is refine(content, style, start=...) now"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            changes.update(zip(("start",), things, strict=False))
            if "callback" in changes:
                changes["progress"] = changes.pop("callback")
            things = (changes.pop("content"), changes.pop("style"))
        return function(*things, **changes)

    return cast(F, call)


@_with_old_form
@takes(RefineOptions, rest="settings").two
@torch.inference_mode(False)  # whatever the caller's mode: the picture needs a gradient
def refine(content: ImageInput, style: ImageInput | Sequence[ImageInput], options: RefineOptions) -> Painted | Tensor:
    """Optimise a picture until content and style losses are low.

    >>> out = stylizer.stylize("photo.jpg", "great-wave.jpg")
    >>> out = adain.refine("photo.jpg", "great-wave.jpg", start=out, steps=200)

    Args:
        content: path, ``PIL.Image`` or ``(B, 3, H, W)`` tensor in ``[0, 1]``; pictures of a batch are optimised one
            after the other.
        style: an artwork, or several: blended by ``weights``, or each in its region, whose style loss is that of the
            region (guided Gram). What no mask covers is held by the content loss alone.
        options: a :class:`~adain.refinement.RefineOptions` object; its fields are the keywords, too, and so are the
            settings of a :class:`~adain.refinement.Recipe`, such as ``optimizer="adam"``. ``alpha`` and ``correct``
            are of the one pass, where that is the start or a target.

    Returns:
        A tensor for a tensor, else a ``PIL.Image`` of the content's size, with its alpha channel if it had one; with
        ``bits=16``, which Pillow has no colours of, a uint16 array ``(H, W, 3)`` or ``(H, W, 4)`` in its place.
        No gradient runs from the result to the pictures that were given.

    Raises:
        InputError: for a recipe, loss, layer, weight or mask that cannot be used; the message says what can.
        MissingFileError, ImageError: see :func:`adain.read_image`; also for pictures under 32 px a side.
        RefinementError: if the loss stops being finite; it carries the last good picture.
    """
    options.require("refine", name="refinement", hint="leave it out")
    plan, levels = _plan(options), Levels.of(options)
    stylizer = options.stylizer or open_model(options)
    # A start of the user's own is taken as it is.
    start = plan.start if options.start is None else options.start
    is_own = options.start is not None and not (isinstance(start, str) and start == plan.start)
    start_share = 1.0 if is_own else plan.start_share
    network = LossNetwork(plan, torch.device(stylizer.tensor_device), options.backbone_weights)
    content = _at_page(content, options)
    opened = stylizer.open(content, size=options.size, crop=options.crop)
    check_size(opened.size, input_name(content) or "the photograph")
    pixels = opened.to_tensor(stylizer.tensor_device).detach()
    artworks = Artworks(stylizer, style, options)
    guides = guides_of(options, max_pixels=stylizer.max_pixels)
    regions = None
    if guides:
        canvas, limit = Canvas(opened.size, opened.uncropped, pixels.device), stylizer.max_pixels
        regions = canvas.lay(guides, options.feather, channel=options.mask_channel, max_pixels=limit)
    results = []
    for index in range(pixels.shape[0]):
        photo = pixels[index : index + 1].contiguous()
        styles = artworks.beside(photo, index, regions)
        begin = make_start(start, plan.blend_share, stylizer, photo, styles, options, index)
        begin = begin if start_share == 1.0 else torch.lerp(photo, begin, start_share)
        secondary = one_pass(stylizer, photo, styles, options) if "secondary" in plan.losses else None
        network.calibrate(photo)
        pictures = Pictures(photo, styles, secondary)
        try:
            result = Descent(plan, network, pictures, options.progress).run(begin)
        except RefinementError as error:
            error.image = finish(keep_edges(error.image, photo, options.keep_edges), photo, styles)
            raise
        results.append(finish(keep_edges(result, photo, options.keep_edges), photo, styles))
    result = torch.cat(results)
    if isinstance(opened.image, Tensor):
        return result[0] if opened.is_single else result
    return with_alpha(painted(result, levels), opened.opacity)


def _at_page(content: ImageInput, options: RefineOptions) -> ImageInput:
    """The page of a file that is meant; what is one already, or the first, as it is."""
    if options.page == 1 or isinstance(content, Page):
        return content
    if not isinstance(options.page, int):
        options.refuse("{page} all makes a picture of each page: give the number of one")
    if not (isinstance(content, (str, os.PathLike, bytes)) or hasattr(content, "read")):
        options.refuse("{page} is for files of several pages: leave it out")
    return Page(content, options.page)


def _plan(options: RefineOptions) -> Recipe:
    """The recipe that is meant, with its changes, and layers and a pooling that its network has."""
    recipe, changes = options.recipe, dict(options.settings or {})
    if options.steps is not None:
        changes["steps"] = options.steps
    if isinstance(recipe, Recipe):
        plan = recipe
    elif isinstance(recipe, Mapping):
        plan = from_mapping(recipe, None, "")
    else:
        plan = load_recipe(os.fspath(recipe))
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
