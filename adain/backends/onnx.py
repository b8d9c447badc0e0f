"""Running exported models by onnxruntime, without torch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from .. import defaults
from .._utils.errors import ImageError, InputError, MissingFileError, WeightsError, out_of_memory
from ..image import DEFAULT_MAX_PIXELS, PictureInput, open_source, with_alpha
from ..image.arrays import FloatArray, check_range, from_array
from ..image.source import check_least, input_name
from ..strengths import check_alpha, normalize_weights

if TYPE_CHECKING:
    import onnxruntime

FORMAT = "adain-onnx-1"
"""What the metadata of an exported graph says it is."""

STYLE_FILE, TRANSFER_FILE = "style.onnx", "transfer.onnx"


@dataclass(frozen=True, eq=False)
class OnnxStyle:
    """What an exported model needs to know of an artwork.

    Attributes:
        mean: ``(1, C, 1, 1)`` float32, or ``(B, C, 1, 1)`` for a batch of styles.
        std: likewise, > 0.
        name: where it came from, for people.
    """

    mean: FloatArray
    std: FloatArray
    name: str = ""

    def __repr__(self) -> str:
        return f"OnnxStyle({self.name or 'unnamed'!r}, channels={self.mean.shape[1]})"


class OnnxStylizer:
    """Stylises as :class:`~adain.Stylizer` does, by the graphs that :func:`adain.backends.export.export_onnx` wrote.

    Args:
        folder: holds ``style.onnx`` and ``transfer.onnx``.
        threads: of onnxruntime; None for one a core.
        providers: onnxruntime's names of what is to compute, such as ``["CUDAExecutionProvider"]``; None for all that
            it was built with, the fastest first.
        max_pixels: largest picture that will be opened, a guard against decompression bombs; None for any.

    Attributes:
        metadata: what the graphs say of the model: ``model``, ``licence``, ``origin``, ``precision``, ``version`` of
            adain, ``encoder_sha256`` and ``decoder_sha256`` where they are known.
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

    def encode_style(self, source: PictureInput, *, size: int = defaults.STYLE_SIZE, crop: bool = False) -> OnnxStyle:
        """The statistics of an artwork, to be reused for every photograph.

        Args:
            source: whatever :func:`~adain.image.read_image` takes, or a float array ``(B, 3, H, W)`` in ``[0, 1]``,
                which is taken as it is.
            size: shorter side in pixels the artwork is resized to; 0 keeps its own.
            crop: cut the central square out first.

        Raises:
            MissingFileError, ImageError: see :func:`adain.image.read_image`; also for pictures under 16 px a side.
        """
        pixels, _ = self._pixels(source, size, crop)
        mean, std = _run(self._style, image=pixels)
        return OnnxStyle(mean, std, input_name(source))

    def stylize(
        self,
        content: PictureInput,
        style: PictureInput | OnnxStyle | Sequence[PictureInput | OnnxStyle],
        *,
        alpha: float = defaults.ALPHA,
        weights: Sequence[float] | None = None,
        content_size: int = defaults.CONTENT_SIZE,
        style_size: int = defaults.STYLE_SIZE,
        crop: bool = False,
    ) -> Any:
        """The photograph in the style of the artwork, or in a blend of several.

        Args:
            content: whatever :func:`~adain.image.read_image` takes, or a float array ``(B, 3, H, W)`` in ``[0, 1]``.
            style: likewise, or what :meth:`encode_style` gave; or several.
            alpha: strength in ``[0, 1]``.
            weights: of several styles, ≥ 0, scaled to sum 1; equal by default.
            content_size: shorter side of the result in pixels; 0 keeps the content's size. Arrays
                ``(B, 3, H, W)`` keep theirs.
            style_size, crop: see :meth:`encode_style`; of styles that are not encoded yet.

        Returns:
            A float32 array for an array ``(B, 3, H, W)``, else a ``PIL.Image`` with the content's alpha channel if it
            had one.

        Raises:
            MissingFileError, ImageError: see :func:`adain.image.read_image`; also for pictures under 16 px a side.
            InputError: if alpha or a weight is out of range, counts differ, a style is another model's, or memory
                runs out: the whole picture is in it at once.
        """
        alpha = check_alpha(alpha)
        several = list(style) if isinstance(style, (list, tuple)) else [cast("PictureInput | OnnxStyle", style)]
        encoded = [s if isinstance(s, OnnxStyle) else self.encode_style(s, size=style_size, crop=crop) for s in several]
        target = blend(encoded, weights)
        pixels, opacity = self._pixels(content, content_size, crop)
        if target.mean.shape[1] != self.channels:
            raise InputError(
                f"the style has {target.mean.shape[1]} channels and the model {self.channels}: "
                "encode it with this model"
            )
        if target.mean.shape[0] not in (1, pixels.shape[0]):
            raise InputError(
                f"{target.mean.shape[0]} styles do not fit {pixels.shape[0]} photographs: give one, or as many"
            )
        strength = np.array(alpha, np.float32)
        (result,) = _run(self._transfer, image=pixels, mean=target.mean, std=target.std, alpha=strength)
        return result if _is_batch(content) else with_alpha(from_array(result), opacity)

    def _pixels(self, source: PictureInput, size: int, crop: bool) -> tuple[FloatArray, Image.Image | None]:
        if _is_batch(source):
            if source.shape[1] != 3 or source.dtype.kind != "f" or 0 in source.shape:
                raise ImageError(
                    f"image arrays must be floats (B, 3, H, W) in [0, 1], not {source.dtype} of shape {source.shape}"
                )
            check_range(float(source.min()), float(source.max()), "image arrays")
            check_least((source.shape[2], source.shape[3]), self._least, "")
            return np.ascontiguousarray(source, np.float32), None
        opened = open_source(source, size=size, crop=crop, max_pixels=self.max_pixels, least=self._least)
        return opened.to_array(), opened.opacity

    def __repr__(self) -> str:
        return f"OnnxStylizer({self.metadata['model']!r}, {self.metadata['precision']})"


def blend(styles: Sequence[OnnxStyle], weights: Sequence[float] | None = None) -> OnnxStyle:
    """A style between several: the weighted mean of their statistics, as :func:`adain.blend` has it.

    Args:
        styles: at least one.
        weights: one for each, ≥ 0, scaled to sum 1; equal by default.

    Raises:
        InputError: if there is no style, the counts or models differ, or the weights are unusable.
    """
    if not styles:
        raise InputError("a blend needs at least one style")
    shares = normalize_weights([1.0] * len(styles) if weights is None else weights)
    if len(shares) != len(styles):
        raise InputError(f"{len(styles)} styles need {len(styles)} weights, not {len(shares)}")
    if len({style.mean.shape[1] for style in styles}) > 1:
        raise InputError("styles of different models cannot be blended: encode all with the same")
    kept = [(np.float32(share), style) for share, style in zip(shares, styles, strict=True) if share > 0]
    if len(kept) == 1:
        return kept[0][1]
    mean, std = (sum(share * getattr(style, part) for share, style in kept) for part in ("mean", "std"))
    return OnnxStyle(mean, std, " + ".join(f"{share:.3g} {style.name}" for share, style in kept))


def _is_batch(source: object) -> TypeGuard[npt.NDArray[Any]]:
    """Whether pixels are given as the networks take them, and wanted so."""
    return isinstance(source, np.ndarray) and source.ndim == 4


def import_onnxruntime() -> Any:
    """The module onnxruntime, or :class:`~adain.InputError` that says how to get it."""
    try:
        import onnxruntime
    except ImportError:
        raise InputError('running ONNX models needs onnxruntime: pip install "adain[onnx]"') from None
    return onnxruntime


def open_session(
    model: str | bytes, threads: int | None = None, providers: Sequence[str] | None = None
) -> onnxruntime.InferenceSession:
    """A model's file or bytes, ready to run; onnxruntime's errors are raised as they are.

    Raises:
        InputError: if onnxruntime is missing or has no such provider.
    """
    runtime = import_onnxruntime()
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
                "memory ran out: ask for a smaller content_size (--content-size), or stylise in tiles with "
                "adain stylize without --onnx"
            ) from None
        raise
