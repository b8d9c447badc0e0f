"""From recipe and pictures to losses, against the losses computed by hand."""

from __future__ import annotations

import pytest
import torch

from adain._utils.errors import InputError
from adain.losses import combined_image, content_loss, gram_loss, gram_matrix, style_loss, total_variation
from adain.losses.moments import feature_stats
from adain.nn.backbones import find_architecture
from adain.refinement.objective import groups, layers_of
from adain.refinement.pictures import Pictures, StylePicture, blended
from adain.refinement.recipe import LossSpec

from .conftest import TinyNetwork, losses_of, pixels, plan


def only(name: str, **values: object) -> object:
    return plan(losses={name: {"weight": 2.0, **values}})


@pytest.fixture
def image() -> torch.Tensor:
    return pixels(48, 40, 5)


def test_layers() -> None:
    vgg = find_architecture("vgg19")
    assert layers_of("content", LossSpec(1.0), vgg) == {"relu4_2": 1.0}
    assert layers_of("gram", LossSpec(1.0), vgg) == dict.fromkeys(vgg.style_layers, 1.0)
    assert layers_of("gram", LossSpec(1.0, {"relu1_2": 0.5}), vgg) == {"relu1_2": 0.5}
    assert layers_of("secondary", LossSpec(1.0), find_architecture("resnet50")) == {"layer2.3": 1.0}
    assert layers_of("tv", LossSpec(1.0), vgg) == {}


def test_groups() -> None:
    names = ["content@1", "secondary@1", "gram@0.5", "sliced-wasserstein@1", "tv@1"]
    wanted = {"content@1": "content", "secondary@1": "content", "gram@0.5": "style", "sliced-wasserstein@1": "style"}
    assert groups(names) == wanted


def test_every_loss(network: TinyNetwork, pictures: Pictures, image: torch.Tensor) -> None:
    layers = ("fine", "coarse")
    found, content = network(image, layers), network(pictures.content, layers)
    style = network(pictures.styles[0].pixels, layers)
    combined = network(combined_image(pictures.content, pictures.styles[0].pixels, 0.3), layers)
    second = pixels(48, 40, 9)
    values = {
        "content": {"weight": 2.0, "layers": {"fine": 1.0, "coarse": 0.5}, "form": "half-sum"},
        "secondary": {"weight": 3.0},
        "combined": {"weight": 1.0, "share": 0.3},
        "gram": {"weight": 5.0, "layers": {"fine": 0.25}},
        "mean-std": {"weight": 7.0},
        "covariance": {"weight": 1.0},
        "sliced-wasserstein": {"weight": 1.0, "directions": 3},
        "tv": {"weight": 0.1, "form": "squared"},
    }
    recipe = plan(losses=values)
    terms = losses_of(recipe, network, Pictures(pictures.content, pictures.styles, second))(image)
    assert list(terms) == list(values)
    by_hand = {
        "content": 2.0
        * (
            content_loss(found["fine"], content["fine"], form="half-sum")
            + 0.5 * content_loss(found["coarse"], content["coarse"], form="half-sum")
        ),
        "secondary": 3.0 * content_loss(found["fine"], network(second, ("fine",))["fine"]),
        "combined": content_loss(found["fine"], combined["fine"]),
        "gram": 5.0 * 0.25 * gram_loss(gram_matrix(found["fine"]), gram_matrix(style["fine"])),
        "mean-std": 7.0 * style_loss(found, feature_stats(style)),
        "tv": 0.1 * total_variation(image, form="squared"),
    }
    for name, value in by_hand.items():
        torch.testing.assert_close(terms[name], value, msg=name)
    assert all(float(value) > 0 for value in terms.values())


def test_one_pass_of_the_network_over_each_picture(network: TinyNetwork, pictures: Pictures) -> None:
    recipe = plan(losses={"content": 1, "gram": 1, "mean-std": 1, "covariance": 1})
    losses = losses_of(recipe, network, pictures)
    assert network.calls == 2
    losses(pictures.content)
    assert network.calls == 3


def test_unknown_layers(network: TinyNetwork, pictures: Pictures) -> None:
    with pytest.raises((InputError, KeyError)):
        losses_of(only("gram", layers=["finest"]), network, pictures)


def test_several_artworks_weigh_their_share(network: TinyNetwork, pictures: Pictures, image: torch.Tensor) -> None:
    a, b = pixels(40, 40, 2), pixels(44, 40, 3)

    def gram(*styles: StylePicture) -> float:
        return float(losses_of(only("gram"), network, Pictures(pictures.content, styles))(image)["gram"])

    mixed = gram(StylePicture(a, 0.75), StylePicture(b, 0.25))
    assert mixed == pytest.approx(0.75 * gram(StylePicture(a)) + 0.25 * gram(StylePicture(b)), rel=1e-5)
    assert gram(StylePicture(a), StylePicture(b, 0.0)) == gram(StylePicture(a))


@pytest.mark.parametrize("name", ["gram", "mean-std", "covariance", "sliced-wasserstein"])
def test_guides(network: TinyNetwork, pictures: Pictures, image: torch.Tensor, name: str) -> None:
    a, b = pixels(40, 40, 2), pixels(44, 40, 3)

    def loss(*styles: StylePicture, of: torch.Tensor = image) -> float:
        return float(losses_of(only(name), network, Pictures(pictures.content, styles))(of)[name])

    full = torch.ones(1, 1, 40, 48)
    assert loss(StylePicture(a, 1.0, full)) == pytest.approx(loss(StylePicture(a)), rel=1e-4)
    assert loss(StylePicture(a, 1.0, None, torch.ones(1, 1, 40, 40))) == pytest.approx(loss(StylePicture(a)), rel=1e-4)
    left = torch.zeros(1, 1, 40, 48)
    left[..., :24] = 1.0
    one, other = StylePicture(a, 1.0, left), StylePicture(b, 1.0, 1 - left)
    assert loss(one, other) == pytest.approx(loss(one) + loss(other), rel=1e-5)
    # What lies outside a region has no say in its loss.
    changed = image.clone()
    changed[..., 32:] = 0.0
    assert loss(one, of=changed) == pytest.approx(loss(one), rel=1e-4)
    assert loss(other, of=changed) != pytest.approx(loss(other), rel=1e-2)
    half = torch.zeros(1, 1, 40, 40)
    half[..., :20, :] = 1.0
    assert loss(StylePicture(a, 1.0, None, half)) != pytest.approx(loss(StylePicture(a)), rel=1e-3)


def test_scales(network: TinyNetwork, pictures: Pictures, image: torch.Tensor) -> None:
    guide = torch.zeros(1, 1, 40, 48)
    guide[..., :23] = 1.0
    source = torch.ones(1, 1, *pictures.styles[0].pixels.shape[2:])
    guided = Pictures(pictures.content, (StylePicture(pictures.styles[0].pixels, 1.0, guide, source),), image)
    recipe = plan(scales=[1, 0.5, 0.3], scale_weights=[2, 1, 1], losses={"secondary": 1, "gram": 1, "tv": 1})
    terms = losses_of(recipe, network, guided)(image)
    assert list(terms) == [f"{name}@{scale}" for scale in ("1", "0.5", "0.3") for name in ("secondary", "gram", "tv")]
    # The target of a smaller scale is reduced exactly as the picture is.
    assert all(float(terms[f"secondary@{scale}"]) == 0.0 for scale in ("1", "0.5", "0.3"))


def test_blended(pictures: Pictures) -> None:
    a, b = pixels(48, 40, 2), pixels(48, 40, 3)
    content = pictures.content
    torch.testing.assert_close(blended(content, (StylePicture(a),), 0.3), content + 0.3 * (a - content))
    mixed = blended(content, (StylePicture(a, 0.75), StylePicture(b, 0.25)), 0.4)
    torch.testing.assert_close(mixed, 0.6 * content + 0.4 * (0.75 * a + 0.25 * b))
    left = torch.zeros(1, 1, 40, 48)
    left[..., :24] = 1.0
    parts = blended(content, (StylePicture(a, 1.0, left), StylePicture(b, 1.0, 1 - left)), 1.0)
    torch.testing.assert_close(parts, left * a + (1 - left) * b)
    assert torch.equal(blended(content, (StylePicture(a),), 0.0), content)
