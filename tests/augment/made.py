"""Styles and samples for these tests; importable by workers."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from adain import Style, Stylizer


@functools.cache
def styles(count: int) -> list[Style]:
    """Styles of the fast model, of artworks that differ in colour and in grain."""
    model = Stylizer.from_pretrained("fast", device="cpu", precision="fp32")
    g = torch.Generator().manual_seed(5)
    made = []
    for k in range(count):
        side = 3 + 5 * (k % 7)
        coarse = torch.rand(1, 3, side, side, generator=g) * 0.6 + 0.4 * torch.rand(1, 3, 1, 1, generator=g)
        picture = torch.nn.functional.interpolate(coarse, (64, 64), mode="bicubic").clamp(0, 1)
        made.append(dataclasses.replace(model.encode_style(picture, size=0), name=f"s{k}"))
    return made


def samples(count: int, side: int = 24, channels: int = 3, width: int | None = None) -> Tensor:
    """``(N, C, H, W)`` uint8, smooth and all different."""
    g = torch.Generator().manual_seed(count)
    coarse = torch.rand(count, channels, 5, 5, generator=g)
    fine = torch.nn.functional.interpolate(coarse, (side, width or side), mode="bicubic").clamp(0, 1)
    return (fine * 255).round().byte()


class Pictures(Dataset[Any]):
    """Samples with labels, brightened at random by torch's generator if that is asked for."""

    def __init__(self, count: int, *, is_random: bool = False) -> None:
        self.pictures, self.is_random = samples(count), is_random

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = self.pictures[index].float() / 255
        return picture * torch.rand(()) if self.is_random else picture, index


class OnPicture:
    """A transform of samples with labels, made of one of pictures."""

    def __init__(self, of_picture: Any) -> None:
        self.of_picture = of_picture

    def __call__(self, sample: tuple[Tensor, int]) -> tuple[Tensor, int]:
        return self.of_picture(sample[0]), sample[1]
