from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from adain import InputError
from adain.augment import AlbumentationsRandomStyle, RandomStyle
from tests.augment.made import samples, styles

A = pytest.importorskip("albumentations")
pytestmark = pytest.mark.usefixtures("one_thread")


def transform(**changes: Any) -> AlbumentationsRandomStyle:
    return AlbumentationsRandomStyle(styles(9), **{"p": 1, "alpha": (0.2, 1), **changes})


def pixels(count: int) -> list[npt.NDArray[np.uint8]]:
    return [np.ascontiguousarray(each.permute(1, 2, 0).numpy()) for each in samples(count)]


@pytest.mark.parametrize("kind", ["colour", "grey", "flat", "float"])
def test_kinds_of_images(kind: str) -> None:
    (image,) = pixels(1)
    given = {"colour": image, "grey": image[..., :1], "flat": image[..., 0], "float": np.float32(image) / 255}[kind]
    made = A.Compose([transform()], seed=1)(image=given)["image"]
    assert (made.shape, made.dtype) == (given.shape, given.dtype)
    assert not np.array_equal(made, given)


def test_it_is_the_plain_call() -> None:
    (image,) = pixels(1)
    made = A.Compose([transform(seed=3)])(image=image)["image"]
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    wanted = RandomStyle(styles(9), p=1, alpha=(0.2, 1), seed=3)(tensor)
    assert np.array_equal(made, wanted.permute(1, 2, 0).numpy())


def test_boxes_masks_and_keypoints_pass_through() -> None:
    (image,) = pixels(1)
    mask = np.random.default_rng(0).integers(0, 5, (24, 24), dtype=np.uint8)
    boxes, points = [[1.5, 2.25, 9.75, 8.5]], [[3.5, 4.25]]
    pipeline = A.Compose(
        [transform(), A.NoOp()],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["names"]),
        keypoint_params=A.KeypointParams("xy"),
        seed=1,
    )
    made = pipeline(image=image, mask=mask, bboxes=boxes, keypoints=points, names=["cat"])
    assert not np.array_equal(made["image"], image)
    assert made["mask"].tobytes() == mask.tobytes()
    assert made["names"] == ["cat"]
    bare = A.Compose([A.NoOp()], bbox_params=A.BboxParams("pascal_voc", label_fields=["names"]))
    same = bare(image=image, bboxes=boxes, names=["cat"])  # boxes go through Albumentations' own arithmetic
    assert np.array_equal(made["bboxes"], same["bboxes"])
    assert np.array_equal(made["keypoints"], points)


def test_composes_seed_decides() -> None:
    images = pixels(6)

    def made(seed: int) -> list[bytes]:
        pipeline = A.Compose([transform(p=0.5)], seed=seed)
        return [pipeline(image=image)["image"].tobytes() for image in images]

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_a_seed_of_its_own_draws_by_the_pixels() -> None:
    images = pixels(12)
    pipeline = A.Compose([transform(p=0.5, seed=3)])
    made = [pipeline(image=image)["image"] for image in images]
    again = A.Compose([transform(p=0.5, seed=3)])
    for image, wanted in [*zip(images, made, strict=True)][::-1]:
        assert np.array_equal(again(image=image)["image"], wanted)
    changed = sum(not np.array_equal(a, b) for a, b in zip(images, made, strict=True))
    assert 0 < changed < 12
    assert np.array_equal(A.Compose([transform(p=0, seed=3)])(image=images[0])["image"], images[0])


def test_without_any_seed_torchs_generators_decide() -> None:
    """Albumentations' own are copied into each worker of a DataLoader, and draw alike in all, epoch for epoch."""
    images = pixels(12)
    made = []
    for _ in range(2):
        torch.manual_seed(1)
        pipeline = A.Compose([transform(p=0.5)])
        made.append([pipeline(image=image)["image"] for image in images])
    assert all(np.array_equal(a, b) for a, b in zip(*made, strict=True))
    changed = sum(not np.array_equal(a, b) for a, b in zip(images, made[0], strict=True))
    assert 0 < changed < 12


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("composes", [None, 4])
def test_a_choice_that_is_made_above_it_is_kept(seed: int | None, composes: int | None) -> None:
    pipeline = A.Compose([A.OneOf([transform(p=0.01, seed=seed)], p=1)], seed=composes)
    for image in pixels(4):
        assert not np.array_equal(pipeline(image=image)["image"], image)


@pytest.mark.parametrize("seed", [None, 3])
def test_replay(seed: int | None) -> None:
    images = pixels(4)
    pipeline = A.ReplayCompose([A.HorizontalFlip(p=0.5), transform(p=0.5, blend=(0, 1), seed=seed)])
    for image in images:
        made = pipeline(image=image)
        again = A.ReplayCompose.replay(made["replay"], image=image)
        assert np.array_equal(made["image"], again["image"])


def test_images_of_a_sample_share_a_style() -> None:
    (image,) = pixels(1)
    made = A.Compose([transform()], seed=1)(images=np.stack([image, image, image]))["images"]
    assert made.shape == (3, 24, 24, 3)
    assert np.array_equal(made[0], made[2])
    assert not np.array_equal(made[0], image)


def test_it_is_written_and_read(tmp_path: Path) -> None:
    known = styles(1)[0].save(tmp_path / "a.safetensors")
    assert known.is_file()
    augment = transform(seed=3, blend=(0, 1))
    assert augment.get_transform_init_args_names() == ("bank", "p", "alpha", "blend", "seed", "model")
    described = A.from_dict(A.to_dict(augment))
    assert described.style.options == augment.style.options
    (image,) = pixels(1)
    assert np.array_equal(described(image=image)["image"], augment(image=image)["image"])
    written = pickle.loads(pickle.dumps(augment))
    assert np.array_equal(written(image=image)["image"], augment(image=image)["image"])


def test_without_albumentations_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "adain.augment.albumentations")
    monkeypatch.setitem(sys.modules, "albumentations.core.transforms_interface", None)
    with pytest.raises(InputError, match=r'pip install "adain\[augment\]"'):
        import adain.augment.albumentations  # noqa: F401
