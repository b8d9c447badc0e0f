"""Where the styles of a random style come from: artworks of a bank or of a list, or a bank's Gaussian."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import torch
from torch import Tensor

from .._utils.arrays import moved
from .._utils.errors import InputError
from ..control.style import SUFFIX, Style
from ..options import plural
from .networks import DEFAULT_MODEL, stylizer_of
from .options import RandomStyleOptions

if TYPE_CHECKING:
    from ..image import ImageInput
    from ..stylizer.stylizer import Stylizer
    from .bank import StyleBank

BankInput: TypeAlias = "str | os.PathLike[str] | StyleBank | Style | Sequence[Style | ImageInput]"
"""A bank, or its file, or ``"shipped"``; or styles and pictures of artworks in a list."""

SHIPPED = "shipped"
_SEEDS = 2**53
"""So many numbers a float64 in [0, 1) can tell apart."""


class StyleSource(Protocol):
    """Styles by number."""

    channels: int

    @property
    def model(self) -> str | None:
        """The shipped model whose encoder they are of, where that is known."""

    def numbers(self, uniforms: Tensor) -> Tensor:
        """Numbers ``(N,)`` int64 of styles, of numbers ``(N,)`` float64 that are even in ``[0, 1)``."""

    def statistics(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Mean and deviation, ``(N, C, 1, 1)`` float32 each, of the styles of those numbers."""

    def check(self, stylizer: Stylizer) -> None:
        """InputError, unless they are of that model's encoder, as far as can be told."""


class ListedStyles:
    """Styles that are held in memory, ``(S, C, 1, 1)``."""

    def __init__(self, means: Tensor, stds: Tensor) -> None:
        self.means, self.stds = means, stds
        self.channels: int = means.shape[1]
        self.model: str | None = None

    def numbers(self, uniforms: Tensor) -> Tensor:
        return _even(uniforms, len(self.means))

    def statistics(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        return self.means[list(numbers)], self.stds[list(numbers)]

    def check(self, stylizer: Stylizer) -> None:
        if self.channels != stylizer.channels:
            raise InputError(
                f"the styles have {self.channels} channels and the model's features {stylizer.channels}: name the "
                "model that encoded them (model=)"
            )

    def __repr__(self) -> str:
        return f"<{len(self.means)} styles>"


class BankStyles:
    """The artworks of a bank, which is read where it lies."""

    def __init__(self, bank: StyleBank) -> None:
        self.bank, self.channels, self.model = bank, bank.channels, bank.model

    def numbers(self, uniforms: Tensor) -> Tensor:
        return _even(uniforms, len(self.bank))

    def statistics(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        return _tensors(self.bank.batch(list(numbers)))

    def check(self, stylizer: Stylizer) -> None:
        self.bank.check(stylizer)


class GaussianStyles:
    """Styles that no artwork has, from a bank's Gaussian; a style's number is the seed it is drawn by."""

    def __init__(self, bank: StyleBank, spread: float) -> None:
        self.bank, self.spread = bank, spread
        self.channels, self.model = bank.channels, bank.model

    def numbers(self, uniforms: Tensor) -> Tensor:
        return (uniforms * _SEEDS).long()

    def statistics(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        drawn = [_tensors(self.bank.random_style(1, number, self.spread)) for number in numbers]
        means, stds = zip(*drawn, strict=True)
        return torch.cat(means), torch.cat(stds)

    def check(self, stylizer: Stylizer) -> None:
        self.bank.check(stylizer)


def open_source(bank: Any, options: RandomStyleOptions) -> StyleSource:
    """The styles that samples are given.

    Raises:
        MissingFileError, ImageError: if a bank's or an artwork's file is missing or damaged.
        InputError: if there is no style, or a bank's are of another model.
    """
    if isinstance(bank, ListedStyles):
        return bank
    from .bank import StyleBank

    if isinstance(bank, str | os.PathLike):
        bank = StyleBank.shipped(options.model or DEFAULT_MODEL) if bank == SHIPPED else StyleBank.open(bank)
    if isinstance(bank, StyleBank):
        return _of_bank(bank, options)
    if options.spread is not None:
        options.refuse("{spread} is of a bank's Gaussian: give a StyleBank, or leave it out")
    return _of_list([bank] if isinstance(bank, Style) else bank, options)


def _of_bank(bank: StyleBank, options: RandomStyleOptions) -> StyleSource:
    if options.spread is not None or len(bank) == 0:
        if not bank.has_distribution and len(bank) < 2:
            raise InputError(f"{bank.path.name} has no distribution and {plural(len(bank), 'style')} to fit one to")
        return GaussianStyles(bank, 1.0 if options.spread is None else options.spread)
    return BankStyles(bank)


def _of_list(given: Any, options: RandomStyleOptions) -> StyleSource:
    if not isinstance(given, Sequence):
        raise InputError(f"styles come from a StyleBank, its file, or a list, not from a {type(given).__name__}")
    styles = [each if isinstance(each, Style) else _encoded(each, options) for each in given]
    if not styles:
        raise InputError("no style given: at least one is needed")
    if any(style.fine_std is not None for style in styles):
        raise InputError("a style of two sizes cannot be drawn at random: encode it without fine_size")
    if any(style.change is not None for style in styles):
        raise InputError("a specialised style has a decoder of its own, and a batch one for all: give its artwork")
    if len(channels := sorted({style.channels for style in styles})) > 1:
        raise InputError(f"styles of {' and '.join(map(str, channels))} channels: encode all with the same encoder")
    means, stds = zip(*map(_tensors, styles), strict=True)
    return ListedStyles(torch.cat(means), torch.cat(stds))


def _encoded(picture: Any, options: RandomStyleOptions) -> Style:
    if isinstance(picture, str | os.PathLike) and os.fspath(picture).endswith(SUFFIX):
        return Style.load(picture)
    # In float32, whatever samples are computed in and the caller is about: it is done once.
    stylizer = stylizer_of(options.change(precision="fp32"), torch.device("cpu"))
    with torch.inference_mode(False), torch.no_grad(), torch.autocast("cpu", enabled=False):
        return stylizer.encode_style(picture)


def _tensors(style: Style) -> tuple[Tensor, Tensor]:
    mean, std = (moved(part, "cpu").detach().float() for part in (style.mean, style.std))
    return mean, std


def _even(uniforms: Tensor, count: int) -> Tensor:
    return (uniforms * count).long().clamp_(max=count - 1)
