"""A network of two small layers, so that an optimisation takes milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adain.losses import PyramidLoss
from adain.refinement.descent import Descent
from adain.refinement.objective import objective
from adain.refinement.pictures import Pictures, StylePicture
from adain.refinement.recipe import Recipe, from_mapping
from adain.refinement.report import Progress
from tests.conftest import noise_image

LOSSES = {"content": {"weight": 1.0, "layers": ["fine"]}, "gram": {"weight": 1e3, "layers": ["fine", "coarse"]}}


class TinyNetwork(nn.Module):
    """Named layers ``fine`` and ``coarse``, the second at half the size."""

    name = "tiny"
    layer_names = ("fine", "coarse")
    content_layer = "fine"
    style_layers = ("fine", "coarse")

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.register_buffer("first", torch.randn(8, 3, 3, 3, generator=generator) / 3)
        self.register_buffer("second", torch.randn(8, 8, 3, 3, generator=generator) / 6)
        self.calls = 0

    def forward(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        self.calls += 1
        fine = F.relu(F.conv2d(image - 0.5, self.get_buffer("first"), padding=1))
        coarse = F.relu(F.conv2d(F.avg_pool2d(fine, 2, ceil_mode=True), self.get_buffer("second"), padding=1))
        found = {"fine": fine, "coarse": coarse}
        return {layer: found[layer] for layer in layers}


@pytest.fixture(autouse=True, scope="module")
def _quick(one_thread: None) -> None:
    """All tests of refinement run so."""


@pytest.fixture
def network() -> TinyNetwork:
    return TinyNetwork()


def pixels(width: int, height: int, seed: int) -> Tensor:
    data = torch.frombuffer(bytearray(noise_image(width, height, seed).tobytes()), dtype=torch.uint8)
    return (data.view(1, height, width, 3).permute(0, 3, 1, 2) / 255).contiguous()


@pytest.fixture
def pictures() -> Pictures:
    return Pictures(pixels(48, 40, 1), (StylePicture(pixels(44, 52, 2)),))


def plan(**values: Any) -> Recipe:
    return from_mapping({"losses": LOSSES, "steps": 5, **values}, None, "")


Optimise = Callable[..., tuple[Tensor, list[Progress]]]


@pytest.fixture
def optimise(network: TinyNetwork, pictures: Pictures) -> Optimise:
    """``optimise(recipe, start)`` gives the result and every progress; keywords ``pictures`` and ``callback``."""

    def run(
        recipe: Recipe,
        start: Tensor | None = None,
        *,
        of: Pictures = pictures,
        callback: Callable[[Progress], object] = lambda _: None,
    ) -> tuple[Tensor, list[Progress]]:
        seen: list[Progress] = []

        def watch(progress: Progress) -> object:
            seen.append(progress)
            return callback(progress)

        descent = Descent(recipe, lambda p: losses_of(recipe, network, p), of, watch)
        return descent.run(of.content if start is None else start), seen

    return run


def losses_of(recipe: Recipe, network: Any, pictures: Pictures) -> PyramidLoss:
    return objective(recipe, network, network, pictures)
