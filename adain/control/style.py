"""A style: the statistics of an artwork's features, and the blending of several; free of torch until one is saved."""

from __future__ import annotations

import functools
import operator
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._utils.errors import InputError, MissingFileError
from .._utils.files import atomic_path
from ..options import normalize_weights as normalize_weights

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SUFFIX = ".safetensors"

FORMAT = "adain-style-1"
"""What the metadata of a style's file says it is."""


@dataclass(frozen=True, eq=False)
class Style:
    """What AdaIN needs to know of an artwork: mean and deviation of each channel of an encoder's features.

    They are of use to the model that made them alone, and to others with the same encoder. Those that an exported model
    made (:class:`~adain.OnnxStylizer`) are arrays of NumPy.

    Attributes:
        mean: ``(1, C, 1, 1)`` float32, or ``(B, C, 1, 1)`` for a batch of styles; C is 512 of the base model
            (relu4_1), 384 of the fast one (:class:`~adain.nn.fast.FastEncoder`).
        std: likewise, > 0.
        name: where it came from, for people.
        fine_std: deviations for the fine texture alone, of the shape of ``std``, from the artwork at another size
            (see :mod:`adain.nn.bands`); None where ``std`` serves coarse and fine alike.
    """

    mean: Tensor
    std: Tensor
    name: str = ""
    fine_std: Tensor | None = None

    def to(self, device: torch.device | str) -> Style:
        """The same style on another device."""
        fine = None if self.fine_std is None else _moved(self.fine_std, device)
        return Style(_moved(self.mean, device), _moved(self.std, device), self.name, fine)

    @property
    def channels(self) -> int:
        """Of the features that these are the statistics of."""
        return int(self.mean.shape[1])

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the statistics to a ``.safetensors`` file, which appears complete or not at all; returns its path.

        Raises:
            InputError: if the name ends in anything else, or the file cannot be written.
        """
        import torch
        from safetensors.torch import save_file

        if Path(path).suffix != SUFFIX:
            raise InputError(f"cannot write {path}: a style's file must end in {SUFFIX}")
        tensors = {"mean": self.mean, "std": self.std} | ({} if self.fine_std is None else {"fine_std": self.fine_std})
        tensors = {key: torch.as_tensor(tensor).detach().cpu().contiguous() for key, tensor in tensors.items()}
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata={"format": FORMAT, "name": self.name})
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Style:
        """The style that :meth:`save` wrote, on the CPU.

        Raises:
            MissingFileError: if there is no such file.
            InputError: if it is damaged, or holds something else.
        """
        from safetensors import SafetensorError, safe_open

        if not Path(path).is_file():
            raise MissingFileError(f"cannot read {path}: there is no such file; check the path")
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise InputError(f"cannot read {path}: it is damaged or no safetensors file ({error})") from None
        mean, std, fine = (tensors.get(key) for key in ("mean", "std", "fine_std"))
        if metadata.get("format") != FORMAT or mean is None or std is None or not _is_usable(mean, std, fine):
            raise InputError(f"cannot read {path}: it holds no style; write one with Style.save")
        return cls(mean, std, metadata.get("name", ""), fine)

    def __repr__(self) -> str:
        device = getattr(self.mean, "device", "cpu")
        return f"Style({self.name or 'unnamed'!r}, channels={self.channels}, device={device})"


def _moved(tensor: Tensor, device: torch.device | str) -> Tensor:
    return tensor.to(device) if hasattr(tensor, "to") else tensor


def _is_usable(mean: Tensor, std: Tensor, fine: Tensor | None) -> bool:
    """Whether statistics read from a file can be ones: of one shape, finite, deviations above 0."""
    import torch

    tensors = [mean, std, *([] if fine is None else [fine])]
    if mean.ndim != 4 or mean.shape[2:] != (1, 1) or mean.numel() == 0:
        return False
    if any(t.dtype != torch.float32 or t.shape != mean.shape or not bool(t.isfinite().all()) for t in tensors):
        return False
    return all(bool((t > 0).all()) for t in tensors[1:])


def check_encoded(style: Any) -> None:
    """InputError, if a style is not encoded."""
    if not isinstance(style, Style):
        raise InputError(f"an encoded Style is needed here, not {type(style).__name__}: Stylizer.encode_style makes it")


def blend(styles: Sequence[Style], weights: Sequence[float] | None = None) -> Style:
    r"""A style between several: the weighted mean of their statistics.

    AdaIN is linear in the style's mean and deviation, so this equals the interpolation of feature maps
    :math:`\sum_k w_k \mathrm{AdaIN}(c, s_k)` of Huang & Belongie 2017, eq. 15, at the price of one.

    Args:
        styles: at least one.
        weights: one for each, ≥ 0, scaled to sum 1; equal by default.

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
    device: Any = getattr(kept[0][1].mean, "device", "cpu")

    def mean_of(values: Callable[[Style], Tensor]) -> Tensor:
        return functools.reduce(operator.add, [share * _moved(values(style), device) for share, style in kept])

    has_fine = any(style.fine_std is not None for _, style in kept)
    fine = mean_of(lambda style: style.std if style.fine_std is None else style.fine_std) if has_fine else None
    name = " + ".join(f"{share:.3g} {style.name}" for share, style in kept)
    return Style(mean_of(lambda style: style.mean), mean_of(lambda style: style.std), name, fine)
