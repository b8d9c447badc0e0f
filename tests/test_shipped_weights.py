"""The shipped weights still give the pictures that were looked at when they were shipped."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from PIL import Image

from adain import metrics
from adain.images import to_tensor
from adain.pretrained import registry
from adain.stylizer import Stylizer
from adain.vgg import STYLE_LAYERS
from tests.conftest import sample
from tests.data.make_reference import REFERENCE, render


def test_reference_picture(stylizer: Stylizer) -> None:
    got = np.asarray(render(stylizer), dtype=float)
    with Image.open(REFERENCE) as image:
        expected = np.asarray(image.convert("RGB"), dtype=float)
    assert got.shape == expected.shape
    gap = np.abs(got - expected)
    # Other processors sum in another order; a different decoder or encoder differs by tens.
    assert gap.mean() <= 0.5
    assert gap.max() <= 6


def test_residual_falls_with_alpha(stylizer: Stylizer) -> None:
    pairs = (
        ("astronaut", "hokusai_great_wave"),
        ("montStMichel", "renoir_moulin_galette"),
        ("chelsea", "cassatt_summertime"),
    )
    with torch.inference_mode():
        for content_name, style_name in pairs:
            content = stylizer.encode_content(sample("content", content_name), size=192, crop=True)
            style = stylizer.encode_style(sample("style", style_name), size=192, crop=True)
            photo = stylizer.decode(content, style, alpha=0.0)
            with Image.open(sample("style", style_name)) as image:
                side = min(image.size)
                left, top = (image.width - side) // 2, (image.height - side) // 2
                art = to_tensor(image.crop((left, top, left + side, top + side)).resize((192, 192)))
            plain = stylizer.encoder(photo, STYLE_LAYERS)
            wanted = stylizer.encoder(art, STYLE_LAYERS)
            residuals = [
                float(
                    metrics.style_residual(
                        stylizer.encoder(stylizer.decode(content, style, alpha=a), STYLE_LAYERS),
                        plain,
                        wanted,
                    )
                )
                for a in (0.0, 0.5, 1.0)
            ]
            assert residuals[0] == 1.0
            assert all(later < earlier for earlier, later in pairwise(residuals)), (content_name, residuals)
            assert residuals[-1] < 0.6, (content_name, residuals)


def test_alpha_zero_gives_the_photograph_back(stylizer: Stylizer) -> None:
    path = sample("content", "astronaut")
    content = stylizer.encode_content(path, size=256)
    style = stylizer.encode_style(sample("style", "hokusai_great_wave"), size=128)
    with Image.open(path) as image:
        photo = to_tensor(image.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS))
    # The figure over the evaluation pictures stands in the model card; this one guards against a broken file.
    assert float(metrics.psnr(stylizer.decode(content, style, alpha=0.0), photo)) > 15


def test_card_and_manifest_tell_the_training() -> None:
    details = registry()["vgg19"].decoder.details
    assert details["training"]
    assert details["figures"]["style_residual"] > 0
