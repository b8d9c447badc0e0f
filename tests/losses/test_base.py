"""What all losses share: guides at the size of features, weights, layers, and how they move."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.losses import (
    CombinedImageLoss,
    ContentLoss,
    CovarianceLoss,
    GramLoss,
    Loss,
    SecondaryContentLoss,
    SlicedWassersteinLoss,
    StyleLoss,
    TotalVariationLoss,
    gram_matrix,
)
from adain.losses.base import guide_at, layer_weights

from . import SIZE, box_guide, ceil_size, feature_map, features, soft_guide

LOSSES: dict[str, Callable[..., Loss]] = {
    "content": lambda target, layers, guide=None: ContentLoss(target, 2.0, layers, guide),
    "secondary": lambda target, layers, guide=None: SecondaryContentLoss(target, 2.0, layers, guide),
    "combined": lambda target, layers, guide=None: CombinedImageLoss(target, 2.0, layers, guide),
    "gram": lambda target, layers, guide=None: GramLoss(target, 2.0, layers, guide),
    "mean-std": lambda target, layers, guide=None: StyleLoss(target, 2.0, layers, guide),
    "covariance": lambda target, layers, guide=None: CovarianceLoss(target, 2.0, layers, guide),
    "sliced": lambda target, layers, guide=None: SlicedWassersteinLoss(target, 2.0, layers, guide),
}
EACH = pytest.mark.parametrize("name", LOSSES)


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 70), width=st.integers(1, 70), poolings=st.integers(0, 4))
def test_guide_cells_average_the_pixels_under_them(height: int, width: int, poolings: int) -> None:
    guide = torch.rand(1, 1, height, width, dtype=torch.float64)
    cells = torch.zeros(1, 1, height, width)
    for _ in range(poolings):
        cells = F.max_pool2d(cells, 2, ceil_mode=True)
    got = guide_at(guide, cells.double(), "a")
    assert got is not None
    assert got.shape == cells.shape
    step = 2**poolings
    for row in range(cells.shape[2]):
        for column in range(cells.shape[3]):
            under = guide[0, 0, row * step : (row + 1) * step, column * step : (column + 1) * step]
            assert float(got[0, 0, row, column]) == pytest.approx(float(under.mean()))


def test_guide_of_other_strides_and_sizes() -> None:
    """A third of the size: cells of three pixels. An equal size: the guide itself, wider where it is half."""
    guide = torch.rand(1, 1, 12, 9)
    got = guide_at(guide, torch.zeros(1, 2, 4, 3), "a")
    assert got is not None
    torch.testing.assert_close(got, F.avg_pool2d(guide, 3))
    half = guide_at(guide.half(), torch.zeros(1, 2, 12, 9, dtype=torch.float16), "a")
    assert half is not None
    assert half.dtype == torch.float32
    assert torch.equal(half, guide.half().float())
    assert guide_at(None, torch.zeros(1, 2, 4, 3), "a") is None
    everywhere = guide_at(torch.ones(1, 1, 13, 9), torch.zeros(2, 2, 4, 3), "a")
    assert everywhere is not None
    assert bool(everywhere.eq(1).all())


@EACH
def test_guide_on_pooled_layers(name: str) -> None:
    """A hard mask along the cells of relu3_1 (4 pixels) gives the loss of the cells inside."""
    layer = "relu3_1"
    x, y = features(0)[layer], features(10)[layer]
    pixels = box_guide(4, 4, 9, 5)  # to the odd right and lower edges, where the last cells are one pixel wide
    assert x.shape[2:] == ceil_size(layer) == (4, 3)
    cells = (slice(None), slice(None), slice(1, None), slice(1, None))
    same_place = y[cells] if "con" in name or "comb" in name else y
    guided, cropped = LOSSES[name]({layer: y}, layer, pixels), LOSSES[name]({layer: same_place}, layer)
    torch.testing.assert_close(guided({layer: x}), cropped({layer: x[cells]}))


@EACH
def test_vanished_guide(name: str) -> None:
    x = feature_map(0)
    loss = LOSSES[name]({"a": x}, "a", torch.zeros(1, 1, *SIZE))
    with pytest.raises(InputError, match=r"^a guide covers nothing at a \(9x13 cells\): enlarge the region") as error:
        loss({"a": x})
    assert "\n" not in str(error.value)
    # One empty region in a batch is one too many.
    guides = soft_guide(b=2)
    guides[1] = 0.0
    with pytest.raises(InputError, match="covers nothing"):
        LOSSES[name]({"a": x}, "a", guides)({"a": feature_map(0, b=2)})


@EACH
def test_layers_of_other_networks(name: str) -> None:
    """Names with dots, as torchvision's feature extractors give them."""
    x, y = feature_map(0), feature_map(1)
    dotted = LOSSES[name]({"features.3": y, "features.8": y}, ["features.3", "features.8"])
    torch.testing.assert_close(dotted({"features.3": x, "features.8": x}), 2.0 * LOSSES[name]({"a": y}, "a")({"a": x}))


@EACH
def test_moves(name: str) -> None:
    x, y = feature_map(0).float(), feature_map(1).float()
    loss = LOSSES[name]({"a": y}, "a", soft_guide().float())
    assert not loss.state_dict()  # targets belong to a picture, not to a checkpoint
    assert not list(loss.parameters())
    value = loss({"a": x})
    exact = loss.double()({"a": x.double()})
    assert exact.dtype == torch.float64
    torch.testing.assert_close(exact.float(), value)
    assert all(buffer.dtype == torch.float64 for buffer in loss.buffers())
    loss.float().to(torch.float16)
    assert all(buffer.dtype == torch.float32 for buffer in loss.buffers())
    torch.testing.assert_close(loss({"a": x}), value)
    loss.to("meta")
    assert len(list(loss.buffers())) > 1
    assert all(buffer.is_meta for buffer in loss.buffers())


def test_half_targets_do_not_overflow() -> None:
    loss = GramLoss({"a": 400.0 * feature_map(0).float()}, 1.0, "a").half()
    assert bool(loss.get_buffer("gram_a").isfinite().all())
    # What was given in half precision stays in it: nothing is gained by widening.
    assert ContentLoss(feature_map(0).half()).half().get_buffer("target_relu4_1").dtype == torch.float16


@EACH
def test_targets_have_no_graph(name: str) -> None:
    y = feature_map(1).requires_grad_()
    loss = LOSSES[name]({"a": y}, "a")
    assert not any(buffer.requires_grad for buffer in loss.buffers())
    assert not loss({"a": feature_map(0)}).requires_grad


def test_autocast_keeps_gram_in_float32() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        big = feature_map(0).bfloat16()
        assert gram_matrix(big).dtype == torch.float32
        torch.testing.assert_close(gram_matrix(big), gram_matrix(big.double()).float())


def test_layer_weights() -> None:
    assert layer_weights("relu1_1") == {"relu1_1": 1.0}
    assert layer_weights(("a", "b")) == {"a": 1.0, "b": 1.0}
    assert layer_weights({"a": 2}) == {"a": 2.0}
    with pytest.raises(InputError, match="at least one layer"):
        layer_weights(())
    for bad in (-1.0, math.inf, math.nan):
        with pytest.raises(InputError, match="the weight of a must be a number from 0 up"):
            layer_weights({"a": bad})
        with pytest.raises(InputError, match="the weight of a loss must be a number from 0 up"):
            TotalVariationLoss(bad)


def test_bad_guides() -> None:
    for shape in ((13, 9), (1, 3, 13, 9)):
        with pytest.raises(InputError, match=r"a guide must be \(B, 1, H, W\)"):
            TotalVariationLoss(1.0, torch.zeros(shape))
    for value in (-0.1, 1.1, math.nan):
        with pytest.raises(InputError, match="between 0 and 1 everywhere"):
            TotalVariationLoss(1.0, torch.full((1, 1, 13, 9), value))
    with pytest.raises(InputError, match="a guide for 2 pictures does not fit 3 at a"):
        GramLoss({"a": feature_map(0)}, 1.0, "a", soft_guide(b=2))({"a": feature_map(0, b=3)})


def test_the_base_measures_nothing() -> None:
    with pytest.raises(NotImplementedError):
        Loss(1.0, "a")({"a": feature_map(0)})
