"""From what is asked for to networks that run: torch, or an exported model without it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..options import ModelOptions
from ..stylizer.looks import Model

if TYPE_CHECKING:
    from ..stylizer.stylizer import Stylizer


def open_model(options: ModelOptions, *, share: int = 1) -> Model:
    """What the options name, ready to stylise.

    Args:
        options: see :class:`~adain.options.ModelOptions`.
        share: processes that share the cores.

    Raises:
        MissingFileError: if a file is missing.
        WeightsError: if a file is damaged, or there is no such model.
        InputError: if there is no such device or precision, or a package is missing.
    """
    if options.onnx is not None:
        from ..image import DEFAULT_MAX_PIXELS
        from .onnx import OnnxStylizer

        threads = None if share == 1 else max(1, (os.cpu_count() or 1) // share)
        return OnnxStylizer(options.onnx, threads=threads, max_pixels=options.max_pixels or DEFAULT_MAX_PIXELS)
    return open_stylizer(options, share=share)


def open_stylizer(options: ModelOptions, *, share: int = 1) -> Stylizer:
    """:func:`open_model` on torch, which alone can be trained with, measured and refined by."""
    from ..image import DEFAULT_MAX_PIXELS
    from ..nn.shipped import DEFAULT_MODEL
    from ..stylizer.stylizer import Stylizer

    if share > 1:
        import torch

        torch.set_num_threads(max(1, torch.get_num_threads() // share))
    return Stylizer.from_pretrained(
        options.model or DEFAULT_MODEL,
        device=options.device,
        encoder=options.encoder,
        decoder=options.decoder,
        max_pixels=options.max_pixels or DEFAULT_MAX_PIXELS,
        precision=options.precision,
        style_cache=options.style_cache,
    )


def weights_of(options: ModelOptions) -> list[Any]:
    """What a model computes with, to be fingerprinted: the checksums of shipped weights, or files."""
    if options.onnx is not None:
        return sorted(Path(options.onnx).glob("*.onnx"))
    from ..nn.shipped import DEFAULT_MODEL, find_model

    shipped = None
    if options.encoder is None or options.decoder is None:
        shipped = find_model(options.model or DEFAULT_MODEL)
    own = [(part, getattr(options, part)) for part in ("encoder", "decoder")]
    return [getattr(shipped, part).sha256 if path is None else Path(path) for part, path in own]
