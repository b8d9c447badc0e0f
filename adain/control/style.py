"""A style: the statistics of an artwork's features, and the blending of several."""

from __future__ import annotations

import dataclasses
import functools
import json
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from .._utils.arrays import Device, FloatArray, device_of, moved
from .._utils.errors import InputError, MissingFileError
from .._utils.files import atomic_path
from ..options import normalize_weights as normalize_weights
from .change import Change, mixed

SUFFIX = ".safetensors"

FORMAT, SPECIAL_FORMAT = "adain-style-1", "adain-style-2"
"""What the metadata of a style's file says it is; the second with a change of the decoder, which older versions, that
would leave that out, are to refuse."""

_PARTS = ("mean", "std", "fine_std")


@dataclass(frozen=True, eq=False)
class Style:
    """What AdaIN needs to know of an artwork: mean and deviation of each channel of an encoder's features.

    They are of use to the model that made them alone, and to others with the same encoder. They are tensors, or arrays
    of NumPy if a model without torch made them, such as an exported one (:class:`~adain.OnnxStylizer`).

    Attributes:
        mean: ``(1, C, 1, 1)`` float32, or ``(B, C, 1, 1)`` for a batch of styles; C is 1536 of the base model,
            512 of the classic and 384 of the fast one: :mod:`adain.nn.layers`.
        std: likewise, > 0.
        name: where it came from, for people.
        fine_std: deviations for the fine texture alone, of the shape of ``std``, from the artwork at another size
            (see :mod:`adain.nn.bands`); None where ``std`` serves coarse and fine alike.
        change: of the decoder, made for this style by ``adain specialise``; None for the decoder as it is. A strength
            or a share of a blend is one of it, too.
    """

    mean: Any
    std: Any
    name: str = ""
    fine_std: Any = None
    change: Change | None = None

    def to(self, device: Device) -> Style:
        """The same style on another device; on None, of arrays."""
        fine = None if self.fine_std is None else moved(self.fine_std, device)
        return dataclasses.replace(self, mean=moved(self.mean, device), std=moved(self.std, device), fine_std=fine)

    @property
    def channels(self) -> int:
        """Of the features that these are the statistics of."""
        return int(self.mean.shape[1])

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the style to a ``.safetensors`` file, which appears complete or not at all; returns its path.

        Raises:
            InputError: if the name ends in anything else, or the file cannot be written.
        """
        if Path(path).suffix != SUFFIX:
            raise InputError(f"cannot write {path}: a style's file must end in {SUFFIX}")
        given = {key: getattr(self, key) for key in _PARTS}
        arrays = {key: np.ascontiguousarray(moved(part, None)) for key, part in given.items() if part is not None}
        metadata = {"format": FORMAT, "name": self.name}
        if self.change is not None:
            arrays |= self.change.tensors()
            metadata |= {"format": SPECIAL_FORMAT, "model": self.change.model, "weights": self.change.weights}
            metadata["shares"] = json.dumps(self.change.shares)
        with atomic_path(path) as temporary:
            temporary.write_bytes(_file_of(arrays, metadata))
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: Device = "cpu") -> Style:
        """The style that :meth:`save` wrote.

        Args:
            path: of the file.
            device: where its tensors come to lie; None for arrays.

        Raises:
            MissingFileError: if there is no such file.
            InputError: if it is damaged, or holds something else.
        """
        from safetensors import SafetensorError, safe_open

        if not Path(path).is_file():
            raise MissingFileError(f"cannot read {path}: there is no such file; check the path")
        try:
            with safe_open(path, framework="np") as file:
                metadata = file.metadata() or {}
                kinds = {key: _kinds(key) for key in file.keys() if _kinds(key)}  # noqa: SIM118
                # NumPy does not know every type there is.
                is_known = all(file.get_slice(key).get_dtype() in known for key, known in kinds.items())
                arrays = {key: file.get_tensor(key) for key in kinds} if is_known else {}
        except (SafetensorError, OSError) as error:
            raise InputError(f"cannot read {path}: it is damaged or no safetensors file ({error})") from None
        mean, std, fine = (arrays.pop(key, None) for key in _PARTS)
        known = metadata.get("format") in (FORMAT, SPECIAL_FORMAT)
        if not known or mean is None or std is None or not _is_usable(mean, std, fine):
            raise InputError(f"cannot read {path}: it holds no style; write one with Style.save")
        change = None
        if metadata["format"] == SPECIAL_FORMAT:
            try:
                shares, about = json.loads(metadata["shares"]), (metadata["model"], metadata["weights"])
                change = Change.of_tensors(arrays, shares, *about)
            except (ValueError, KeyError, TypeError, IndexError):
                raise InputError(
                    f"cannot read {path}: its change of the decoder is damaged; make it anew with adain specialise"
                ) from None
        return cls(mean, std, metadata.get("name", ""), fine, change).to(device)

    def __repr__(self) -> str:
        device = device_of(self.mean)
        where = "arrays" if device is None else f"device={device}"
        special = "" if self.change is None else f", specialised for {self.change.model}"
        return f"Style({self.name or 'unnamed'!r}, channels={self.channels}, {where}{special})"


def is_style_file(source: Any) -> TypeGuard[str | os.PathLike[str]]:
    """Whether what is given for an artwork is the name of a file of :meth:`Style.save`."""
    return isinstance(source, (str, os.PathLike)) and os.fspath(source).lower().endswith(SUFFIX)


def is_encoded(source: Any) -> bool:
    """Whether what is given for an artwork are its statistics, or a file of them."""
    return isinstance(source, Style) or is_style_file(source)


def stem_of(path: str | os.PathLike[str]) -> str:
    """What results in the style of a file are called after it: ``wave`` of ``wave.style.safetensors``."""
    stem = Path(path).stem
    return stem.removesuffix(".style") if is_style_file(path) else stem


def _kinds(key: str) -> tuple[str, ...]:
    """The types that a tensor of that name may have in a file; none if it is not for this."""
    if key in _PARTS:
        return ("F32",)
    return ("F16", "F32") if key.startswith("change.") else ()


def _file_of(arrays: Mapping[str, FloatArray], metadata: dict[str, str]) -> bytes:
    """The bytes of a safetensors file, the same ones for the same style."""
    from safetensors.numpy import save

    data = save(dict(arrays))
    # safetensors itself would write several entries in an order of chance.
    end = 8 + int.from_bytes(data[:8], "little")
    header = {"__metadata__": metadata, **json.loads(data[8:end])}
    # A name of a file that is no Unicode has surrogates for it, which no file can hold.
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]


def _is_usable(mean: FloatArray, std: FloatArray, fine: FloatArray | None) -> bool:
    """Whether statistics read from a file can be ones: of one shape, finite, deviations above 0."""
    arrays = [mean, std, *([] if fine is None else [fine])]
    if mean.ndim != 4 or mean.shape[2:] != (1, 1) or mean.size == 0:
        return False
    if any(part.shape != mean.shape or not np.isfinite(part).all() for part in arrays):
        return False
    return all(bool((part > 0).all()) for part in arrays[1:])


def check_encoded(style: Any) -> None:
    """InputError, if a style is not encoded."""
    if not isinstance(style, Style):
        raise InputError(f"an encoded Style is needed here, not {type(style).__name__}: Stylizer.encode_style makes it")


def blend(styles: Sequence[Style], weights: Sequence[float] | None = None) -> Style:
    r"""A style between several: the weighted mean of their statistics.

    AdaIN is linear in the style's mean and deviation, so this equals the interpolation of feature maps
    :math:`\sum_k w_k \mathrm{AdaIN}(c, s_k)` of Huang & Belongie 2017, eq. 15, at the price of one. The changes of
    specialised styles are added, each to its share.

    Args:
        styles: at least one.
        weights: one for each, ≥ 0, scaled to sum 1; equal by default.

    Returns:
        A style on the device of the first that has a part in it, or of arrays as that is.

    Raises:
        InputError: if there is no style, the counts differ, the weights are unusable, or the styles are of different
            models.
    """
    if not styles:
        raise InputError("a blend needs at least one style")
    for style in styles:
        check_encoded(style)
    shares = normalize_weights([1.0] * len(styles) if weights is None else weights)
    if len(shares) != len(styles):
        raise InputError(f"{len(styles)} styles need {len(styles)} weights, not {len(shares)}")
    channels = sorted({style.channels for style in styles})
    if len(channels) > 1:
        raise InputError(
            f"styles of {' and '.join(map(str, channels))} channels cannot be blended: encode all with the same encoder"
        )
    # A weight of exactly 1 gives that style's own bytes.
    kept = [(share, style) for share, style in zip(shares, styles, strict=True) if share > 0]
    if len(kept) == 1:
        return kept[0][1]
    device = device_of(kept[0][1].mean)

    def mean_of(values: Callable[[Style], Any]) -> Any:
        return functools.reduce(operator.add, [share * moved(values(style), device) for share, style in kept])

    has_fine = any(style.fine_std is not None for _, style in kept)
    fine = mean_of(lambda style: style.std if style.fine_std is None else style.fine_std) if has_fine else None
    name = " + ".join(f"{share:.3g} {style.name}" for share, style in kept)
    change = mixed([share for share, _ in kept], [style.change for _, style in kept])
    return Style(mean_of(lambda style: style.mean), mean_of(lambda style: style.std), name, fine, change)
