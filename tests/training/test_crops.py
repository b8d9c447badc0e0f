from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from adain._utils.prefetch import read_ahead
from adain.control.style import Style, blend
from adain.nn.adain import adaptive_instance_norm
from adain.nn.statistics import channel_mean_std
from adain.training.cache import ImageCache
from adain.training.config import TrainingConfig
from adain.training.crops import (
    CONTENT_STREAM,
    PLAIN,
    STYLE_STREAM,
    Batch,
    BatchMaker,
    Mix,
    draw_crop,
    draw_crops,
    draw_identity,
    draw_mix,
    to_images,
)

CONFIG = TrainingConfig(batch_size=3, crop=32, warmup_iter=2, warmup_crop=32)
CPU = torch.device("cpu")


def same(a: Batch, b: Batch) -> bool:
    return a.sides == b.sides and all(torch.equal(x, y) for x, y in zip(a[::2], b[::2], strict=True))


@given(
    seed=st.integers(0, 2**31),
    sizes=st.lists(st.tuples(st.integers(64, 700), st.integers(64, 700)), min_size=1, max_size=5),
    scale=st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)).map(lambda s: (min(s), max(s))),
)
def test_crops_lie_inside_their_image(seed: int, sizes: list[tuple[int, int]], scale: tuple[float, float]) -> None:
    crop = draw_crop(np.random.default_rng(seed), np.array(sizes, np.int64), scale)
    height, width = sizes[crop.image]
    assert 1 <= crop.side <= min(height, width)
    assert 0 <= crop.top <= height - crop.side
    assert 0 <= crop.left <= width - crop.side
    largest = min(height, width)
    assert scale[0] ** 0.5 * largest - 1 <= crop.side <= scale[1] ** 0.5 * largest + 1


def test_crops_reach_every_image_place_and_side() -> None:
    rng = np.random.default_rng(0)
    sizes = np.array([[100, 120], [90, 64]], np.int64)
    crops = [draw_crop(rng, sizes, (0.1, 1.0)) for _ in range(3000)]
    assert {c.image for c in crops} == {0, 1}
    assert abs(np.mean([c.flip for c in crops]) - 0.5) < 0.05
    areas = np.array([c.side**2 / min(sizes[c.image]) ** 2 for c in crops])
    assert abs(areas.mean() - 0.55) < 0.02  # uniform between 0.1 and 1
    assert any(c.left + c.side == 120 for c in crops)
    assert any(c.side == 64 for c in crops)


def test_crops_depend_on_seed_stream_step_and_rank_alone(contents: ImageCache) -> None:
    base = draw_crops(CONFIG, contents, CONTENT_STREAM, 5)
    assert draw_crops(CONFIG, contents, CONTENT_STREAM, 5) == base
    others = [
        draw_crops(CONFIG, contents, STYLE_STREAM, 5),
        draw_crops(CONFIG, contents, CONTENT_STREAM, 6),
        draw_crops(CONFIG, contents, CONTENT_STREAM, 5, rank=1),
        draw_crops(TrainingConfig(batch_size=3, seed=1), contents, CONTENT_STREAM, 5),
    ]
    assert base not in others


@pytest.mark.parametrize(("workers", "depth"), [(1, 1), (4, 9)])
def test_prefetching_changes_nothing(contents: ImageCache, styles: ImageCache, workers: int, depth: int) -> None:
    make = BatchMaker(CONFIG, contents, styles)
    batches = [batch.result() for _, batch in read_ahead(range(1, 12), make, threads=workers, ahead=depth)]
    assert len(batches) == 11
    assert all(same(batch, make(step)) for step, batch in enumerate(batches, start=1))


def test_warmup_batches_hold_contents_only(contents: ImageCache, styles: ImageCache) -> None:
    make = BatchMaker(CONFIG, contents, styles)
    assert [len(make(step).sides) for step in range(4)] == [3, 3, 6, 6]


def test_images_are_the_resized_and_flipped_crops(contents: ImageCache, styles: ImageCache) -> None:
    make = BatchMaker(CONFIG, contents, styles)
    images, _ = to_images(make(7), 32, CPU)
    assert images.shape == (6, 3, 32, 32)
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert float(images.min()) >= 0
    assert float(images.max()) <= 1 + 1e-6
    drawn = draw_crops(CONFIG, contents, CONTENT_STREAM, 7) + draw_crops(CONFIG, styles, STYLE_STREAM, 7)
    for k, (index, top, left, side, flip) in enumerate(drawn):
        pixels = (contents if k < 3 else styles).image(index)[top : top + side, left : left + side]
        wanted = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
        wanted = F.interpolate(wanted, size=(32, 32), mode="bilinear", antialias=True)
        torch.testing.assert_close(images[k : k + 1], wanted.flip(3) if flip else wanted)


def test_identity_pairs_are_their_own_style(contents: ImageCache, styles: ImageCache) -> None:
    config = TrainingConfig(batch_size=4, crop=32, warmup_iter=0, identity_share=0.5)
    images, identity = to_images(BatchMaker(config, contents, styles)(3), 32, CPU)
    content, style = images.chunk(2)
    assert identity.flatten().tolist() == [1, 1, 0, 0]
    assert torch.equal(content[:2], style[:2])
    assert not torch.equal(content[2:], style[2:])


def test_identity_share_holds_on_average() -> None:
    config = TrainingConfig(batch_size=3, identity_share=0.1)
    counts = [sum(draw_identity(config, step)) for step in range(2000)]
    assert set(counts) == {0, 1}
    assert abs(np.mean(counts) - 0.3) < 0.04


PAIRS = 3


def stats(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.rand((PAIRS, 5, 1, 1), generator=generator) + 0.1 for _ in range(2))  # type: ignore[return-value]


def test_plain_changes_nothing() -> None:
    known = {"a": stats(0)}
    assert PLAIN.blended(known) is known
    assert PLAIN.softened({"a": stats(1)}, known) is known


def test_a_blend_is_that_of_two_styles() -> None:
    mean, std = stats(2)
    share = torch.tensor([0.25, 1.0, 0.6]).view(-1, 1, 1, 1)
    found = Mix(share=share).blended({"a": (mean, std)})["a"]
    for k in range(PAIRS):
        styles = [Style(mean[j : j + 1], std[j : j + 1]) for j in (k, (k - 1) % PAIRS)]
        wanted = blend(styles, [float(share[k]), 1.0 - float(share[k])])
        torch.testing.assert_close(found[0][k : k + 1], wanted.mean)
        torch.testing.assert_close(found[1][k : k + 1], wanted.std)


def test_soft_statistics_are_those_of_the_soft_features() -> None:
    content = torch.rand(PAIRS, 5, 9, 7)
    styles, alpha = stats(3), torch.tensor([0.0, 0.4, 1.0]).view(-1, 1, 1, 1)
    soft = torch.lerp(content, adaptive_instance_norm(content, *styles), alpha)
    found = Mix(alpha=alpha).softened({"a": channel_mean_std(content)}, {"a": styles})["a"]
    for own, wanted in zip(found, channel_mean_std(soft), strict=True):
        torch.testing.assert_close(own, wanted, rtol=1e-3, atol=1e-4)


def test_draws_are_a_function_of_seed_step_and_rank() -> None:
    config = TrainingConfig(batch_size=64, alpha_low=0.5, blend_share=0.25, seed=7)
    identity = torch.zeros(64, 1, 1, 1)
    identity[:8] = 1.0
    one, again = draw_mix(config, 3, 1, identity), draw_mix(config, 3, 1, identity)
    assert one.alpha is not None
    assert one.share is not None
    assert again.alpha is not None
    assert torch.equal(one.alpha, again.alpha)
    for step, rank in ((4, 1), (3, 0)):
        other = draw_mix(config, step, rank, identity)
        assert other.alpha is not None
        assert not torch.equal(one.alpha, other.alpha)
    assert bool((one.alpha[:8] == 1).all() and (one.share[:8] == 1).all())  # to come back unchanged
    assert float(one.alpha.min()) >= 0.5
    assert float(one.alpha[8:].max()) < 1.0
    assert 4 <= int((one.share < 1).sum()) <= 28


def test_defaults_draw_nothing() -> None:
    assert draw_mix(TrainingConfig(batch_size=2), 0, 0, torch.zeros(2, 1, 1, 1)) == Mix(None, None)
