"""Half-precision features of a large, saturated picture through the shipped encoder."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from adain.losses import ContentLoss, CovarianceLoss, GramLoss, Loss, SlicedWassersteinLoss, StyleLoss
from adain.nn.vgg import STYLE_LAYERS
from adain.stylizer.stylizer import Stylizer

SIDE = 1024

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkerboard(stylizer: Stylizer) -> dict[str, Tensor]:
    """Features in float32 of squares of 16 px in the strongest colours there are."""
    cell = torch.arange(SIDE) // 16
    parity = (cell[:, None] + cell[None, :]) % 2
    colours = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    image = colours[parity].permute(2, 0, 1)[None]
    with torch.inference_mode(False), torch.no_grad():
        return stylizer.encoder(image, STYLE_LAYERS)


LOSSES: dict[str, Callable[[dict[str, Tensor], str], Loss]] = {
    "content": lambda f, layer: ContentLoss(f, 1.0, layer),
    "content half-sum": lambda f, layer: ContentLoss(f, 1.0, layer, form="half-sum"),
    "gram": lambda f, layer: GramLoss(f, 1.0, layer),
    "mean-std": lambda f, layer: StyleLoss(f, 1.0, layer),
    "covariance": lambda f, layer: CovarianceLoss(f, 1.0, layer),
    "sliced": lambda f, layer: SlicedWassersteinLoss(f, 1.0, layer, count=4),
}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("layer", ["relu1_1", "relu4_1"])
@pytest.mark.parametrize("name", LOSSES)
def test_saturated_checkerboard(checkerboard: dict[str, Tensor], name: str, layer: str, dtype: torch.dtype) -> None:
    f = checkerboard[layer]
    side = min(f.shape[2], 128)
    target = {layer: (f.flip(1) if name.startswith("content") else f[..., :side, :side].flip(1)).to(dtype)}
    # As it comes, and at several hundred, as features of an encoder that is not normalised are.
    for scale in (1.0, 500.0 / float(f.max())):
        leaf = (scale * f).to(dtype).requires_grad_()
        loss = LOSSES[name](target, layer)
        value = loss({layer: leaf})
        assert value.dtype == torch.float32
        assert bool(value.isfinite())
        assert float(value.detach()) > 0.0
        value.backward()
        assert leaf.grad is not None
        assert bool(leaf.grad.isfinite().all())
