from __future__ import annotations

import numpy as np
from PIL import Image

from adain import image as images
from adain.image.modes import to_unit
from tests.image.test_io import pixels, random_image


def test_split_alpha() -> None:
    image = Image.new("RGBA", (3, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (200, 100, 0, 255))
    image.putpixel((2, 0), (0, 100, 40, 85))
    rgb, alpha = images.split_alpha(image)
    # (255 a + 85 b) / 340
    assert pixels(rgb) == [[[150, 100, 10], [200, 100, 0], [0, 100, 40]]]
    assert alpha is not None
    assert pixels(alpha) == [[0, 255, 85]]
    clear = random_image("RGBA")
    clear.putalpha(0)
    assert pixels(images.split_alpha(clear)[0]) == pixels(clear.convert("RGB"))
    opaque = random_image()
    assert images.split_alpha(opaque) == (opaque, None)


def test_with_alpha() -> None:
    image, alpha = random_image(), random_image("L")
    result = images.with_alpha(image, alpha)
    assert image.mode == "RGB"
    assert pixels(result.getchannel("A")) == pixels(alpha)
    assert pixels(result.convert("RGB")) == pixels(image)
    assert images.with_alpha(image, None) is image
    step = Image.fromarray(np.array([[0] * 4 + [255] * 4], np.uint8))
    larger = np.asarray(images.with_alpha(random_image(size=(32, 4)), step))[..., 3].astype(int)
    assert larger.shape == (4, 32)
    assert (np.diff(larger, axis=1) >= 0).all()
    assert (larger[:, :14] == 0).all()
    assert (larger[:, 18:] == 255).all()


def test_doubles_beyond_what_floats_hold() -> None:
    values = np.array([[-1.0, 0.0, 5e299, 1e300]])
    assert to_unit(values).tolist() == [[0.0, 0.0, 0.5, 1.0]]
