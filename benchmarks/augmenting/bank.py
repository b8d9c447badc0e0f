"""A bank of styles that anybody can make: blends of the artworks that ship."""

from __future__ import annotations

from pathlib import Path

import torch

from adain import Style, Stylizer
from adain._utils.resources import sample_folder
from adain.augment import StyleBank

STYLES = 1000
"""In the bank."""

STYLE_SIZE = 256
"""Of the artworks, in px."""


def make_bank(path: Path) -> None:
    """Write one, always the same; most of its styles are nearer to one artwork than to the others."""
    stylizer = Stylizer.from_pretrained("fast", device="cpu")
    arts = [stylizer.encode_style(art, size=STYLE_SIZE) for art in sorted(sample_folder("style").glob("*.jpg"))]
    shares = torch.rand(STYLES, len(arts), generator=torch.Generator().manual_seed(0)) ** 4
    shares /= shares.sum(dim=1, keepdim=True)
    means, stds = (torch.cat([getattr(art, part) for art in arts]) for part in ("mean", "std"))
    mean, std = (torch.einsum("sa,achw->schw", shares, part) for part in (means, stds))
    StyleBank.save(path, [Style(mean, std, "a blend")], stylizer)
