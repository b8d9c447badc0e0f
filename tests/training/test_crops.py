from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from adain.training.cache import ImageCache
from adain.training.config import TrainingConfig
from adain.training.crops import (
    CONTENT_STREAM,
    STYLE_STREAM,
    Batch,
    BatchMaker,
    Prefetcher,
    draw_crop,
    draw_crops,
    draw_identity,
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
    with Prefetcher(make, 1, 12, workers=workers, depth=depth) as ahead:
        batches = list(ahead)
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


def test_errors_in_threads_reach_the_consumer() -> None:
    def make(step: int) -> int:
        if step == 3:
            raise OSError("disk on fire")
        return step

    with Prefetcher(make, 0, 10, workers=3) as ahead:
        values = iter(ahead)
        assert [next(values) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(OSError, match="disk on fire"):
            next(values)


def test_leaving_early_ends_the_threads() -> None:
    before = threading.active_count()
    made: list[int] = []

    def make(step: int) -> int:
        time.sleep(0.002)
        made.append(step)
        return step

    with Prefetcher(make, 0, 10_000, workers=4, depth=8) as ahead:
        for value in ahead:
            if value == 5:
                break
    assert threading.active_count() == before
    assert len(made) < 30  # the queue is bounded


def test_an_empty_range_gives_nothing() -> None:
    with Prefetcher(lambda step: step, 5, 5) as ahead:
        assert list(ahead) == []
