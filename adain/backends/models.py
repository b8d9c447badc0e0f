"""From what is asked for to networks that run: by torch, or by ncnn or onnxruntime without it."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .._utils.threads import count_threads
from ..options import Backend, ModelOptions
from .machine import has_gpu, is_fast_cpu

if TYPE_CHECKING:
    from ..stylizer.base import BaseStylizer
    from ..stylizer.stylizer import Stylizer


_log = logging.getLogger(__name__)


def open_model(options: ModelOptions, *, share: int = 1) -> BaseStylizer:
    """What the options name, ready to stylise.

    Args:
        options: see :class:`~adain.options.ModelOptions`. The back end ``"auto"`` is what :func:`choose_backend` says.
        share: processes that share the cores.

    Raises:
        MissingFileError: if a file is missing.
        WeightsError: if a file is damaged, or there is no such model.
        InputError: if there is no such device or precision, a package is missing, or options contradict each other.
    """
    backend = choose_backend(options)
    if backend == "torch":
        return open_stylizer(options, share=share)
    from ..image import DEFAULT_MAX_PIXELS

    threads = count_threads(share)
    how: dict[str, Any] = {"threads": threads, "max_pixels": options.max_pixels or DEFAULT_MAX_PIXELS}
    if backend == "onnx":
        from .onnx import OnnxStylizer

        return OnnxStylizer(cast(str, options.onnx), style_cache=options.style_cache, **how)
    from .ncnn import NcnnStylizer

    device = "cpu" if options.device == "auto" else options.device
    how |= {
        "device": device,
        "encoder": options.encoder,
        "decoder": options.decoder,
        "style_cache": options.style_cache,
    }
    return NcnnStylizer(options.model, **how)


def choose_backend(options: ModelOptions) -> Backend:
    """The back end that options name.

    ``"auto"`` is onnxruntime for an exported model; torch where there is a GPU for it, or another precision than
    float32 is asked for; and else ncnn, if that is installed and made for a CPU like this one.

    Raises:
        InputError: if options contradict each other.
    """
    backend, given = options.backend, options.given()
    if options.onnx is not None or backend == "onnx":
        if options.onnx is None:
            options.refuse("{backend} onnx runs a model that was exported: name its folder by {onnx}")
        others: list[str] = [name for name in ("model", "encoder", "decoder", "device", "precision") if name in given]
        if backend not in ("auto", "onnx"):
            others.append("backend")
        if others:
            options.refuse(f"{' and '.join(f'{{{name}}}' for name in others)} do not go with {{onnx}}: leave out one")
        return "onnx"
    is_vulkan = options.device.partition(":")[0] == "vulkan"
    if is_vulkan and backend == "torch":
        options.refuse("{device} vulkan goes with {backend} ncnn, not with torch: leave out one")
    wants_torch = [
        *(["device"] if options.device not in ("auto", "cpu") and not is_vulkan else []),
        *(["precision"] if options.precision not in ("auto", "fp32") else []),
    ]
    if wants_torch and (backend == "ncnn" or is_vulkan):
        options.refuse(
            f"ncnn computes in fp32, on cpu or vulkan: leave out {' and '.join(f'{{{name}}}' for name in wants_torch)}"
        )
    if backend != "auto":
        return backend
    if wants_torch or is_vulkan:
        return "torch" if wants_torch else "ncnn"
    if options.device == "auto" and has_gpu():
        return "torch"
    if importlib.util.find_spec("ncnn") is None:
        _log.warning("ncnn is not installed, so torch computes, in twice the time: pip install ncnn")
        return "torch"
    return "ncnn" if is_fast_cpu() else "torch"


def open_stylizer(options: ModelOptions, *, share: int = 1) -> Stylizer:
    """:func:`open_model` on torch, which alone can be trained, measured and exported."""
    from ..image import DEFAULT_MAX_PIXELS
    from ..nn.shipped import DEFAULT_MODEL, find_model
    from ..stylizer.stylizer import Stylizer

    if options.encoder is None or options.decoder is None:
        find_model(options.model or DEFAULT_MODEL)  # nothing else, as an address would be downloaded
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
