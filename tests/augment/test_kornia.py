from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch
from kornia.augmentation import AugmentationSequential, ImageSequential, RandomHorizontalFlip, VideoSequential
from torch import Tensor

from adain import InputError
from adain.augment import KorniaRandomStyle, RandomStyle
from tests.augment.made import samples, styles

pytestmark = pytest.mark.usefixtures("one_thread")


def augmentation(**changes: Any) -> KorniaRandomStyle:
    return KorniaRandomStyle(styles(9), **{"p": 1, "alpha": (0.2, 1), **changes})


def floats(count: int) -> Tensor:
    return samples(count).float() / 255


def test_parameters_make_the_same_again() -> None:
    augment = augmentation(p=0.5, blend=(0, 1))
    images = floats(8)
    made = augment(images)
    assert torch.equal(augment(images, params=augment._params), made)
    chosen = augment._params["batch_prob"] > 0.5
    assert 0 < int(chosen.sum()) < 8
    assert torch.equal(made[~chosen], images[~chosen])
    assert all(not torch.equal(a, b) for a, b in zip(made[chosen], images[chosen], strict=True))
    assert not torch.equal(augment(images), made)


def test_what_kornia_skips_reaches_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RandomStyle, "_stylise", pytest.fail)
    images = floats(3)
    assert torch.equal(augmentation(p=0)(images), images)
    assert torch.equal(augmentation(p_batch=0.0)(images), images)


def test_same_on_batch() -> None:
    images = floats(1).expand(4, -1, -1, -1)
    made = augmentation(same_on_batch=True)(images)
    assert all(torch.equal(each, made[0]) for each in made)
    made = augmentation()(images)
    assert not torch.equal(made[0], made[1])


def test_keepdim() -> None:
    image = floats(1)[0]
    assert augmentation(keepdim=True)(image).shape == image.shape
    assert augmentation()(image).shape == (1, *image.shape)
    grey = image[:1]
    assert augmentation(keepdim=True)(grey).shape == grey.shape


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_type_stays(dtype: torch.dtype) -> None:
    assert augmentation(p=0.5)(floats(4).to(dtype)).dtype == dtype


def test_boxes_masks_and_keypoints_pass_through() -> None:
    pipeline = AugmentationSequential(augmentation(p=0.5), data_keys=["input", "bbox_xyxy", "mask", "keypoints"])
    boxes = torch.tensor([[[1.0, 2.0, 9.0, 8.0]]]).repeat(4, 1, 1)
    masks = torch.randint(0, 2, (4, 1, 24, 24)).float()
    points = torch.rand(4, 5, 2) * 20
    images = floats(4)
    made = pipeline(images, boxes, masks, points)
    assert not torch.equal(made[0], images)
    for value, same in zip((boxes, masks, points), made[1:], strict=True):
        assert torch.equal(value, same)
    again = pipeline(images, boxes, masks, points, params=pipeline._params)
    assert torch.equal(again[0], made[0])


def test_in_a_row_with_others() -> None:
    pipeline = ImageSequential(RandomHorizontalFlip(p=0.5), augmentation(p=0.5), same_on_batch=False)
    images = floats(4)
    made = pipeline(images)
    assert torch.equal(pipeline(images, params=pipeline._params), made)


def test_frames_of_a_video_share_a_style() -> None:
    clips = floats(1).expand(2, 3, -1, -1, -1)
    pipeline = VideoSequential(augmentation(), data_format="BTCHW", same_on_frame=True)
    made = pipeline(clips)
    assert made.shape == clips.shape
    for clip in made:
        assert all(torch.equal(frame, clip[0]) for frame in clip)
    assert not torch.equal(made[0], made[1])


def test_torchs_seed_decides() -> None:
    augment, images = augmentation(p=0.5), floats(4)
    torch.manual_seed(5)
    made = augment(images)
    torch.manual_seed(5)
    assert torch.equal(pickle.loads(pickle.dumps(augment))(images), made)


def test_a_seed_is_refused() -> None:
    with pytest.raises(InputError, match=r"use torch\.manual_seed"):
        augmentation(seed=1)


def test_gradients_pass_if_asked_for() -> None:
    images = floats(2).requires_grad_()
    assert not augmentation()(images).requires_grad
    made = augmentation(differentiable=True, precision="fp32")(images)
    assert torch.autograd.grad(made.sum(), images)[0].shape == images.shape


def test_it_says_what_it_is() -> None:
    assert repr(augmentation()) == (
        "KorniaRandomStyle(<9 styles>, p=1.0, alpha=(0.2, 1.0), model='fast', p_batch=1.0, keepdim=False)"
    )
