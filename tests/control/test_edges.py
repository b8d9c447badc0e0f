"""The photograph's edges: the guided filter, its closed forms, and that it is the same in parts."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from kornia.filters import box_blur, guided_blur

from adain import InputError
from adain.control import edges as module
from adain.control import keep_edges
from adain.image.wrap import FLAT
from adain.metrics import ssim


def pictures(height: int = 96, width: int = 120, batch: int = 1, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A photograph with an edge and texture, and strokes over another colour on each side of it."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand((batch, 3, height, width), generator=generator)
    side = (torch.arange(width) > width // 2).float().expand(batch, 3, height, width)
    photograph = 0.2 + 0.5 * side + 0.1 * noise
    strokes = 0.3 * torch.rand((batch, 3, height, width), generator=generator)
    tint = torch.tensor([0.6, 0.3, -0.4]).view(3, 1, 1)
    return (0.3 + tint * side + strokes).clamp(0, 1), photograph.clamp(0, 1)


def test_nothing_is_the_same_object() -> None:
    output, content = pictures()
    assert keep_edges(output, content, 0.0) is output


def test_filter_is_kornias(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of cells of one pixel it is the guided filter itself, on what the photograph's luma leaves.
    monkeypatch.setattr(module, "STRIDE", 1)
    monkeypatch.setattr(module, "RADIUS", 3.0)
    output, content = (x.double() for x in pictures(40, 44))
    light = module.luma(content)
    wanted = light + guided_blur(content, output - light, 7, module.EPS, border_type="reflect")
    got = keep_edges(output, content, 1.0)
    inside = (..., slice(7, -7), slice(7, -7))
    torch.testing.assert_close(got[inside], wanted.clamp(0, 1)[inside], atol=1e-6, rtol=0)


def test_flat_photograph_gives_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STRIDE", 1)
    monkeypatch.setattr(module, "RADIUS", 2.0)
    output, _ = pictures(30, 30)
    content = torch.full_like(output, 0.4)
    wanted = box_blur(box_blur(output, (5, 5)), (5, 5))
    got = keep_edges(output, content, 1.0)
    torch.testing.assert_close(got[..., 5:-5, 5:-5], wanted[..., 5:-5, 5:-5], atol=1e-5, rtol=0)


def test_affine_colours_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    # What is an affine map of the photograph's colours has no strokes to lose, as far as its edges are none of texture.
    monkeypatch.setattr(module, "EPS", 1e-7)
    _, content = pictures()
    output = 0.8 * content.flip(1) + 0.1
    torch.testing.assert_close(keep_edges(output, content, 1.0), output, atol=2e-3, rtol=0)


def test_colours_are_stretched_no_further_than_said() -> None:
    # A photograph of little contrast, and its colours four times as far apart: grain that would be seen.
    _, photograph = pictures()
    content = 0.4 + 0.1 * photograph
    output = 0.2 + 4.0 * (content - 0.4)
    got = keep_edges(output, content, 1.0)
    mean, wanted = output.mean((2, 3), keepdim=True), module.STRETCH * (content - content.mean((2, 3), keepdim=True))
    assert 0.95 < float((got - mean).norm() / wanted.norm()) < 1.0


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (3, 3), elements=st.floats(-4, 4)))
def test_held_back_by_the_largest_singular_value(whole: npt.NDArray[np.float64]) -> None:
    luma_row = np.asarray(module.LUMA)
    made = module._held_back(whole - luma_row) + luma_row
    largest = float(np.linalg.norm(whole, 2))
    assert float(np.linalg.norm(made, 2)) <= module.STRETCH + 1e-9
    share = min(1.0, module.STRETCH / largest) if largest else 1.0
    np.testing.assert_allclose(made, share * whole, atol=0.035 * share * largest + 1e-9)
    tensor = module._held_back(torch.from_numpy(whole - luma_row)).numpy()
    np.testing.assert_allclose(tensor + luma_row, made, atol=1e-9)


def test_grey_photograph_stays() -> None:
    _, content = pictures()
    grey = module.luma(content).expand(-1, 3, -1, -1)
    torch.testing.assert_close(keep_edges(grey, grey, 0.7), grey, atol=1e-6, rtol=0)


def test_rises_with_strength() -> None:
    output, content = pictures()
    scores = [float(ssim(keep_edges(output, content, k / 10), content)) for k in range(11)]
    assert all(b > a for a, b in itertools.pairwise(scores)), scores
    near = keep_edges(output, content, 0.5) - keep_edges(output, content, 0.502)
    assert 0 < float(near.abs().max()) < 0.005  # smooth: no step between radii


def test_arrays_are_tensors() -> None:
    output, content = pictures(67, 101, batch=2)
    tensor = keep_edges(output, content, 0.6)
    array = keep_edges(output.numpy(), content.numpy(), 0.6)
    assert isinstance(array, np.ndarray)
    np.testing.assert_allclose(array, tensor.numpy(), atol=5e-6)
    alone = keep_edges(output[1:], content[1:], 0.6)
    torch.testing.assert_close(tensor[1:], alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtypes(dtype: torch.dtype) -> None:
    output, content = pictures()
    got = keep_edges(output.to(dtype), content.to(dtype), 0.5)
    assert got.dtype == dtype
    torch.testing.assert_close(got.float(), keep_edges(output, content, 0.5), atol=0.02, rtol=0)


def test_gradients() -> None:
    output, content = (x.double().requires_grad_() for x in pictures(17, 19))
    keep_edges(output, content, 0.8).sum().backward()
    for each in (output, content):
        assert each.grad is not None
        assert each.grad.isfinite().all()
        assert each.grad.abs().sum() > 0
    small = [x[..., :9, :9].detach().mul(0.5).add(0.25).requires_grad_() for x in (output, content)]
    assert torch.autograd.gradcheck(lambda a, b: keep_edges(a, b, 0.5), small, atol=1e-4, fast_mode=True)


def test_a_batch_of_one_photograph() -> None:
    output, content = pictures(48, 48, batch=3)
    got = keep_edges(output, content[:1], 0.9)
    torch.testing.assert_close(got[2:], keep_edges(output[2:], content[:1], 0.9), atol=1e-6, rtol=0)


@pytest.mark.parametrize("wrap", ["x", "y", "xy"])
def test_sides_that_meet(wrap: str) -> None:
    output, content = (x * torch.linspace(0.4, 1.0, 64)[:, None] for x in pictures(64, 96))
    rolls = [(32 if "y" in wrap else 0), (48 if "x" in wrap else 0)]
    rolled = [x.roll(rolls, (2, 3)) for x in (output, content)]
    got = keep_edges(*rolled, 0.4, wrap=wrap).roll([-r for r in rolls], (2, 3))
    torch.testing.assert_close(got, keep_edges(output, content, 0.4, wrap=wrap), atol=1e-5, rtol=0)
    assert not torch.allclose(got, keep_edges(output, content, 0.4), atol=1e-3)


def test_rows_are_the_whole() -> None:
    output, content = pictures(400, 64)
    sums = module.cell_sums(output, content)
    strength, total = 0.7, sums.shape[2]
    by = module.reach(strength) + 1
    whole = module.rows_of_maps(sums, module.CellRows(0, total, total), strength, FLAT)
    for top, bottom in ((0, 9), (20, 28), (41, 50)):
        first, last = max(top - by, 0), min(bottom + by, total)
        rows = module.CellRows(top, bottom, total, first)
        got = module.rows_of_maps(sums[:, :, first:last], rows, strength, FLAT)
        torch.testing.assert_close(got, whole[:, :, top : bottom + 2], atol=1e-5, rtol=1e-5)


def test_refused() -> None:
    output, content = pictures(32, 32)
    with pytest.raises(InputError, match="keep_edges must be between 0 and 1"):
        keep_edges(output, content, 1.5)
    with pytest.raises(InputError, match="one size"):
        keep_edges(output, content[..., :-1], 0.5)
    for one, other in ((output, content.numpy()), ((output * 255).byte(), content), ([[1.0]], content)):
        with pytest.raises(InputError, match="both be tensors, or both arrays, of floats"):
            keep_edges(one, other, 0.5)
