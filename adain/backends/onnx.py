"""Running exported models by onnxruntime, without torch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from .._utils.errors import ImageError, InputError, MissingFileError, WeightsError, out_of_memory
from .._utils.keywords import takes
from ..control.style import Style
from ..image import DEFAULT_MAX_PIXELS, PictureInput, Source, open_source, with_alpha
from ..image.arrays import FloatArray, check_range, from_array
from ..image.source import check_least, input_name
from ..options import Options, TileSize
from ..stylizer.looks import Look, Paint, listed

if TYPE_CHECKING:
    import onnxruntime

FORMAT = "adain-onnx-1"
"""What the metadata of an exported graph says it is."""

STYLE_FILE, TRANSFER_FILE = "style.onnx", "transfer.onnx"


@dataclass(frozen=True, eq=False)
class OnnxContent:
    """A photograph, ready to be rendered: an exported model encodes it anew for each style.

    Attributes:
        pixels: ``(B, 3, H, W)`` float32 in ``[0, 1]``.
        opacity: its alpha channel (mode ``L``) if it has one.
        is_tensor: whether the result is an array.
    """

    pixels: FloatArray
    opacity: Image.Image | None = None
    is_tensor: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[2], self.pixels.shape[3]


class OnnxStylizer:
    """Stylises as :class:`~adain.Stylizer` does, by the graphs that :func:`adain.backends.export.export_onnx` wrote.

    Args:
        folder: holds ``style.onnx`` and ``transfer.onnx``.
        threads: of onnxruntime; None for one a core.
        providers: onnxruntime's names of what is to compute, such as ``["CUDAExecutionProvider"]``; None for all that
            it was built with, the fastest first.
        max_pixels: largest picture that will be opened, a guard against decompression bombs; None for any.

    Attributes:
        metadata: what the graphs say of the model: ``model``, ``licence``, ``origin``, ``precision`` (how filters are
            stored), ``version`` of adain, ``encoder_sha256`` and ``decoder_sha256`` where they are known.
        channels: of a style.

    Raises:
        InputError: if onnxruntime is missing or has no such provider.
        MissingFileError: if a graph is missing.
        WeightsError: if one is damaged, of something else, or of another export than its fellow.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
        max_pixels: int | None = DEFAULT_MAX_PIXELS,
    ) -> None:
        self.max_pixels = max_pixels
        self._style = _open(Path(folder) / STYLE_FILE, threads, providers)
        self._transfer = _open(Path(folder) / TRANSFER_FILE, threads, providers)
        self.metadata: Mapping[str, str] = _metadata(self._transfer, Path(folder) / TRANSFER_FILE, "transfer")
        other = _metadata(self._style, Path(folder) / STYLE_FILE, "style")
        if other["networks"] != self.metadata["networks"]:
            raise WeightsError(f"{STYLE_FILE} and {TRANSFER_FILE} in {folder} are of different models: export again")
        self.channels = int(self.metadata["channels"])
        self._least = int(self.metadata["min_size"])

    def open(self, source: PictureInput | Source, *, size: int = 0, crop: bool = False) -> Source | FloatArray:
        """A picture of the size asked for, checked.

        Args:
            source: whatever :func:`~adain.read_image` takes, or a float array ``(B, 3, H, W)`` in ``[0, 1]``,
                which is taken as it is.
            size: shorter side in pixels the picture is resized to; 0 keeps its own.
            crop: cut the central square out first.

        Raises:
            MissingFileError, ImageError: see :func:`adain.read_image`; also for pictures under 16 px a side.
        """
        if not (isinstance(source, np.ndarray) and source.ndim == 4):
            return open_source(source, size=size, crop=crop, max_pixels=self.max_pixels, least=self._least)
        if source.shape[1] != 3 or source.dtype.kind != "f" or 0 in source.shape:
            raise ImageError(
                f"image arrays must be floats (B, 3, H, W) in [0, 1], not {source.dtype} of shape {source.shape}"
            )
        check_range(float(source.min()), float(source.max()), "image arrays")
        check_least((source.shape[2], source.shape[3]), self._least, "")
        return np.ascontiguousarray(source, np.float32)

    def encode_style(self, source: PictureInput, *, size: int = Options.style_size, crop: bool = False) -> Style:
        """The statistics of an artwork, as arrays, to be reused for every photograph; see :meth:`open`."""
        mean, std = _run(self._style, image=self.encode_content(source, size=size, crop=crop).pixels)
        return Style(mean, std, input_name(source))

    def encode_content(
        self,
        source: PictureInput | Source,
        *,
        size: int = 0,
        crop: bool = False,
        tile: TileSize = "auto",
        progress: Any = None,
    ) -> OnnxContent:
        """A photograph, ready to be rendered; ``tile`` and ``progress`` are for models that work in tiles."""
        opened = self.open(source, size=size, crop=crop)
        if isinstance(opened, np.ndarray):
            return OnnxContent(opened, is_tensor=True)
        return OnnxContent(opened.to_array(), opened.opacity)

    @takes(Options).method
    def stylize(self, content: PictureInput | OnnxContent, style: Any, options: Options) -> Any:
        """The photograph in the style of the artwork, or in a blend of several.

        Args:
            content: what :meth:`open` takes, or what :meth:`encode_content` gave.
            style: likewise, or what :meth:`encode_style` gave; or several.
            options: those of :class:`~adain.Options` that an exported model serves: strength, weights and sizes.

        Returns:
            A float32 array for an array, else a ``PIL.Image`` with the content's alpha channel if it had one.

        Raises:
            MissingFileError, ImageError: see :meth:`open`.
            InputError: if an option is out of range or not served, counts differ, a style is another model's, or
                memory runs out: the whole picture is in it at once.
        """
        options.require("onnx", name="an exported model", hint="use adain.Stylizer for that")
        look = Look(listed(style), options)
        if not isinstance(content, OnnxContent):
            content = self.encode_content(content, size=options.size, crop=options.crop)
        return look.render(self, content)

    def render(self, content: OnnxContent, paint: Paint) -> Any:
        """The picture of a photograph, or an array where the photograph was one."""
        target: Any = paint.target
        if target.channels != self.channels:
            raise InputError(
                f"the style has {target.channels} channels and the model {self.channels}: encode it with this model"
            )
        if target.mean.shape[0] not in (1, content.pixels.shape[0]):
            raise InputError(
                f"{target.mean.shape[0]} styles do not fit {content.pixels.shape[0]} photographs: give one, or as many"
            )
        strength = np.array(paint.alpha, np.float32)
        (result,) = _run(self._transfer, image=content.pixels, mean=target.mean, std=target.std, alpha=strength)
        return result if content.is_tensor else with_alpha(from_array(result), content.opacity)

    def overlap(self, content: OnnxContent) -> float:
        """Nothing is computed twice: there are no tiles."""
        return 0.0

    def identity(self) -> list[Any]:
        """All that decides what is computed, to be fingerprinted."""
        return [dict(self.metadata)]

    def __repr__(self) -> str:
        return f"OnnxStylizer({self.metadata['model']!r}, {self.metadata['precision']})"


def open_session(
    model: str | bytes, threads: int | None = None, providers: Sequence[str] | None = None
) -> onnxruntime.InferenceSession:
    """A model's file or bytes, ready to run; onnxruntime's errors are raised as they are.

    Raises:
        InputError: if onnxruntime is missing or has no such provider.
    """
    try:
        import onnxruntime as runtime
    except ImportError:
        raise InputError('running ONNX models needs onnxruntime: pip install "adain[onnx]"') from None
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # its warnings are about how it places nodes
    options.intra_op_num_threads = threads or 0
    available = runtime.get_available_providers()
    unknown = [provider for provider in providers or () if provider not in available]
    if unknown:
        raise InputError(f"onnxruntime has no {', '.join(unknown)} here: choose of {', '.join(available)}")
    return runtime.InferenceSession(model, options, providers=list(providers or available))


def _open(path: Path, threads: int | None, providers: Sequence[str] | None) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise MissingFileError(
            f"cannot read {path}: there is no such file; write it with adain export -o {path.parent}"
        )
    try:
        return open_session(os.fspath(path), threads, providers)
    except InputError:
        raise
    except Exception as error:  # onnxruntime has a class of its own for every way to fail
        raise WeightsError(f"{path} is damaged or no ONNX model: write it anew with adain export ({error})") from None


def _metadata(session: onnxruntime.InferenceSession, path: Path, part: str) -> Mapping[str, str]:
    found: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
    if found.get("format") != FORMAT or found.get("part") != part:
        raise WeightsError(f"{path} is not the {part} graph of an exported model: write one with adain export")
    return found


def _run(session: onnxruntime.InferenceSession, **inputs: Any) -> list[Any]:
    try:
        return list(session.run(None, inputs))
    except Exception as error:  # see above
        if out_of_memory(error) or "Failed to allocate" in str(error) or "bad_alloc" in str(error):
            raise InputError(
                "memory ran out: ask for a smaller size, or stylise in tiles with adain stylize without --onnx"
            ) from None
        raise
