from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from adain.image import center_crop_square, read_image, to_tensor
from adain.nn.decoder import MIRRORED
from adain.nn.vgg import CONTENT_LAYER, VGGEncoder
from adain.training.initialise import mirrored_decoder
from adain.training.objective import warmup_objective
from tests.conftest import sample


@pytest.fixture
def images() -> torch.Tensor:
    coarse = torch.rand(2, 3, 8, 8)
    return F.interpolate(coarse, size=(48, 48), mode="bilinear").clamp(0, 1)


def test_every_layer_starts_with_the_documented_mean_and_deviation(encoder: VGGEncoder, images: torch.Tensor) -> None:
    decoder = mirrored_decoder(encoder, images)
    seen: dict[str, torch.Tensor] = {}
    for spec in MIRRORED:
        decoder.get_submodule(spec.name).register_forward_hook(
            # A copy, because the ReLU behind it works in place.
            lambda _module, _args, output, name=spec.name: seen.update({name: output.clone()})
        )
    with torch.no_grad():
        output = decoder(encoder(images)[CONTENT_LAYER])
    for spec in MIRRORED[:-1]:
        torch.testing.assert_close(seen[spec.name].mean(dim=(0, 2, 3)), torch.zeros(spec.c_in), rtol=0, atol=1e-3)
        assert float(seen[spec.name].std(correction=0)) == pytest.approx(1, abs=1e-3)
    torch.testing.assert_close(output.mean(dim=(0, 2, 3)), torch.full((3,), 0.45), rtol=0, atol=1e-3)
    assert float(output.std(correction=0)) == pytest.approx(0.2, abs=1e-3)


def test_filters_are_the_mirrored_ones(encoder: VGGEncoder, images: torch.Tensor) -> None:
    decoder = mirrored_decoder(encoder, images)
    for spec in MIRRORED:
        mine = decoder.get_submodule(spec.name).get_parameter("weight")
        theirs = encoder.get_submodule(spec.name).get_parameter("weight")
        ratio = mine[1, 0, 0, 2] / theirs[0, 1, 2, 0]
        torch.testing.assert_close(mine, theirs.transpose(0, 1).flip(2, 3) * ratio, rtol=1e-3, atol=1e-6)
        assert ratio > 0


def test_it_learns_to_reconstruct_at_once(encoder: VGGEncoder) -> None:
    photos = (read_image(sample("content", name)) for name in ("astronaut", "chelsea", "montStMichel"))
    images = torch.cat([to_tensor(center_crop_square(p).resize((64, 64))) for p in photos])
    decoder = mirrored_decoder(encoder, images)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=5e-4)
    errors = []
    for _ in range(20):
        error = warmup_objective(encoder, decoder, images).total
        optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        errors.append(float(error.detach()))
    # A decoder whose units have died answers grey: the variance of the images.
    assert errors[-1] < 0.7 * float(images.var())


def test_it_is_deterministic_and_trainable(encoder: VGGEncoder, images: torch.Tensor) -> None:
    one, two = (mirrored_decoder(encoder, images).state_dict() for _ in range(2))
    assert all(torch.equal(one[k], two[k]) for k in one)
    assert all(p.requires_grad for p in mirrored_decoder(encoder, images).parameters())
