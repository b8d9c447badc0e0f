from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2

from adain import ImageError, InputError
from adain.augment import RandomStyle, TorchvisionRandomStyle
from tests.augment.made import samples, styles
from tests.conftest import noise_image

pytestmark = pytest.mark.usefixtures("one_thread")


def transform(**changes: Any) -> TorchvisionRandomStyle:
    return TorchvisionRandomStyle(styles(9), **{"p": 1, **changes})


def sample(image: Any) -> dict[str, Any]:
    """A sample of a detection data set."""
    canvas = {"canvas_size": (24, 24)}
    return {
        "image": image,
        "boxes": tv_tensors.BoundingBoxes(torch.rand(3, 4) * 20, format="XYXY", **canvas),
        "keypoints": tv_tensors.KeyPoints(torch.rand(5, 2) * 20, **canvas),
        "masks": tv_tensors.Mask(torch.randint(0, 2, (3, 24, 24), dtype=torch.uint8)),
        "labels": torch.tensor([1, 2, 3]),
        "scores": torch.rand(3, 24, 24),
        "name": "a.jpg",
    }


@pytest.mark.parametrize("kind", ["tensor", "picture", "batch"])
def test_all_but_the_image_passes_through_as_it_is(kind: str) -> None:
    images = samples(2)
    image: Any = {
        "tensor": tv_tensors.Image(images[0]),
        "picture": noise_image(24, 24),
        "batch": tv_tensors.Image(images),
    }[kind]
    given = sample(image)
    made = transform()(given)
    assert type(made["image"]) is type(image)
    for name, value in given.items():
        if name != "image":
            assert made[name] is value
    assert not np.array_equal(np.asarray(made["image"]), np.asarray(image))


def test_a_bare_tensor_is_an_image_where_there_is_no_other() -> None:
    image, label = samples(1)[0], torch.rand(3, 24, 24)
    made, same = transform()(image, label)
    assert same is label
    assert not torch.equal(made, image)
    same, made = transform()(image, tv_tensors.Image(image))
    assert same is image
    assert not torch.equal(made, image)
    assert transform()({"labels": "cat"}) == {"labels": "cat"}


def test_each_sample_of_a_batch_has_its_own_style() -> None:
    images = samples(1).expand(6, -1, -1, -1)
    made = transform()(tv_tensors.Image(images))
    assert len({each.numpy().tobytes() for each in made}) > 1
    params = transform().make_params([images])
    assert params["draw"].first.shape == (6,)


def test_parameters_can_be_used_again_and_images_of_a_sample_share_them() -> None:
    left, right = (tv_tensors.Image(each) for each in samples(2))
    augment = transform(alpha=(0, 1))
    params = augment.make_params([left, right])
    made = [augment.transform(each, params) for each in (left, right)]
    plain = RandomStyle(styles(9))
    for each, image in zip(made, (left, right), strict=True):
        assert torch.equal(each, plain.apply(image.as_subclass(torch.Tensor), params["draw"]))


def test_images_beside_a_batch() -> None:
    augment = transform()
    batch, alone = tv_tensors.Image(samples(4)), tv_tensors.Image(samples(1)[0])
    made = augment(alone, batch)
    assert made[0].shape == alone.shape
    assert made[1].shape == batch.shape
    with pytest.raises(InputError, match="images of 2 and 4 samples"):
        augment(batch, tv_tensors.Image(samples(2)))


def test_frames_of_a_video_share_a_style() -> None:
    frames = samples(1).expand(5, -1, -1, -1)
    video = tv_tensors.Video(torch.stack([frames, frames]))
    made = transform(alpha=(0, 1))(video)
    assert type(made) is tv_tensors.Video
    assert made.shape == video.shape
    for clip in made:
        assert all(torch.equal(frame, clip[0]) for frame in clip)
    assert not torch.equal(made[0], made[1])


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "CMYK"])
def test_pictures_keep_their_mode(mode: str) -> None:
    picture = noise_image(20, 17).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((20, 17)))
    picture = picture.convert("RGB").convert(mode) if mode == "P" else picture.convert(mode)
    made = transform()(picture)
    assert made.size == picture.size
    assert made.mode == {"P": "RGB", "1": "L", "CMYK": "RGB"}.get(mode, mode)
    if mode.endswith("A"):
        assert made.getchannel("A").tobytes() == picture.getchannel("A").tobytes()
    same = transform(p=0)(picture)
    assert same is picture


def test_a_picture_is_stylised_as_its_tensor() -> None:
    picture = noise_image(20, 17)
    tensor = v2.functional.pil_to_tensor(picture)
    augment = transform(seed=3)
    assert torch.equal(v2.functional.pil_to_tensor(augment(picture)), augment(tensor))


def test_deep_pictures_are_refused() -> None:
    with pytest.raises(ImageError, match="more than 8 bits"):
        transform()(Image.fromarray(np.zeros((20, 20), np.uint16)))


def test_in_a_pipeline() -> None:
    pipeline = v2.Compose(
        [v2.ToImage(), v2.RandomHorizontalFlip(), transform(p=0.5), v2.ToDtype(torch.float32, scale=True)]
    )
    torch.manual_seed(1)
    first = pipeline(noise_image(24, 24), torch.tensor([3]))
    torch.manual_seed(1)
    again = pickle.loads(pickle.dumps(pipeline))(noise_image(24, 24), torch.tensor([3]))
    assert torch.equal(first[0], again[0])
    assert "p=1, " not in repr(pipeline)
    assert "TorchvisionRandomStyle(<9 styles>, model='fast')" in repr(pipeline)


def test_normalised_behind_normalize() -> None:
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    floats = tv_tensors.Image(samples(2).float() / 255)
    seeded = {"seed": 1, "precision": "fp32"}
    before = v2.Normalize(mean, std)(transform(**seeded)(floats))
    behind = transform(mean=mean, std=std, **seeded)(v2.Normalize(mean, std)(floats))
    torch.testing.assert_close(before, behind, atol=1e-4, rtol=0)
