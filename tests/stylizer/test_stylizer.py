from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import adain
from adain._utils.errors import ImageError, InputError, MissingFileError
from adain.image import to_pil, to_tensor
from adain.nn.adain import adaptive_instance_norm
from adain.nn.pretrained import load_decoder
from adain.nn.statistics import channel_mean_std
from adain.stylizer.stylizer import Content, Stylizer
from tests.conftest import noise_image, sample
from tests.models import stylizer

__all__ = ["stylizer"]


@pytest.mark.parametrize("size", [(16, 16), (17, 16), (31, 65), (40, 24), (23, 200), (129, 16), (64, 64)])
def test_output_has_the_contents_own_size(stylizer: Stylizer, size: tuple[int, int]) -> None:
    out = stylizer.stylize(noise_image(*size), noise_image(40, 32, 2), style_size=32)
    assert isinstance(out, Image.Image)
    assert out.size == size
    assert out.mode == "RGB"


def test_path_picture_and_tensor_agree(stylizer: Stylizer, photo: Path, art: Path) -> None:
    from_path = stylizer.stylize(photo, art)
    from_text = stylizer.stylize(str(photo), str(art))
    with Image.open(photo) as image, Image.open(art) as style:
        from_picture = stylizer.stylize(image, style)
        from_tensor = stylizer.stylize(to_tensor(image.convert("RGB")), stylizer.encode_style(style))
    assert from_path.tobytes() == from_text.tobytes() == from_picture.tobytes()
    assert from_tensor.shape == (1, 3, 45, 70)
    assert to_pil(from_tensor).tobytes() == from_path.tobytes()


@pytest.mark.parametrize("tile", ["off", 64])
def test_whatever_a_picture_is_given_as(stylizer: Stylizer, tile: int | str) -> None:
    photo, art = noise_image(90, 70, 1), noise_image(64, 48, 2)
    expected = stylizer.stylize(photo, art, style_size=48, tile=tile)
    levels, tensor = np.asarray(photo), to_tensor(photo)
    files = [io.BytesIO(), io.BytesIO()]
    for picture, file in zip((photo, art), files, strict=True):
        picture.save(file, "png")
    for content in (levels, levels / 255, levels.astype(np.uint16) * 257, files[0], files[0].getvalue()):
        result = stylizer.stylize(content, np.asarray(art), style_size=48, tile=tile)
        assert isinstance(result, Image.Image)
        assert result.tobytes() == expected.tobytes()
    batch = stylizer.stylize(tensor, files[1], style_size=48, tile=tile)
    single = stylizer.stylize(tensor[0], files[1].getvalue(), style_size=48, tile=tile)
    assert batch.shape == (1, 3, 70, 90)
    assert single.shape == (3, 70, 90)
    assert torch.equal(single, batch[0])
    assert to_pil(single).tobytes() == expected.tobytes()
    grey = stylizer.stylize(levels[..., 0], art, style_size=48, tile=tile)
    same = stylizer.stylize(photo.getchannel("R"), art, style_size=48, tile=tile)
    assert grey.tobytes() == same.tobytes()
    flat = to_tensor(photo.getchannel("R").convert("RGB"))
    assert torch.equal(
        stylizer.stylize(flat[0, :1], art, style_size=48, tile=tile),
        stylizer.stylize(flat[0], art, style_size=48, tile=tile),
    )
    masks = [levels[..., 0] > 127, (levels[..., 0] <= 127).astype(float)]
    by_array = stylizer.stylize(photo, [art, photo], masks=masks, style_size=48, tile=tile)
    pictures = [Image.fromarray(masks[0]), Image.fromarray(masks[1].astype(np.float32))]
    assert (
        by_array.tobytes() == stylizer.stylize(photo, [art, photo], masks=pictures, style_size=48, tile=tile).tobytes()
    )


def test_sizes_are_guarded(stylizer: Stylizer, photo: Path, art: Path) -> None:
    small = Stylizer(stylizer.encoder, stylizer.decoder, device="cpu", max_pixels=5000)
    for content in (photo, Image.open(photo), to_tensor(Image.open(photo))):
        with pytest.raises(ImageError, match=r"93 x 60 pixels with its shorter side at 60.*limit of 5000"):
            small.stylize(content, art, content_size=60, style_size=32)
    with pytest.raises(ImageError, match=r"art\.png would have 133 x 100 pixels"):
        small.stylize(photo, art, style_size=100)
    with pytest.raises(ImageError, match=r"art\.png would have 133 x 100 pixels"):
        small.stylize(photo, art, style_size=32, fine_style_size=100)
    assert small.stylize(photo, art, content_size=50, style_size=32).size == (78, 50)


def test_is_encoder_adain_decoder(stylizer: Stylizer) -> None:
    """For a size that needs no padding: the three parts called by hand."""
    content, style = torch.rand(1, 3, 32, 48), torch.rand(1, 3, 40, 40)
    f, s = stylizer.encoder.features(content), stylizer.encoder.features(style)
    target = adaptive_instance_norm(f, *channel_mean_std(s), 0.6)
    expected = stylizer.decoder(target).clamp(0, 1)
    got = stylizer.stylize(content, style, alpha=0.6, style_size=0)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


def test_padding_is_reflection_cut_off_again(stylizer: Stylizer) -> None:
    content = torch.rand(1, 3, 30, 45)
    style = stylizer.encode_style(torch.rand(1, 3, 32, 32))
    padded = torch.nn.functional.pad(content, (0, 3, 0, 2), mode="reflect")
    torch.testing.assert_close(stylizer.stylize(content, style), stylizer.stylize(padded, style)[..., :30, :45])


def test_encoded_content_is_reused(stylizer: Stylizer, photo: Path, art: Path) -> None:
    content, style = stylizer.encode_content(photo), stylizer.encode_style(art)
    assert repr(content) == f"Content(70x45 px, features=(1, {stylizer.encoder.feature_channels}, 6, 9))"
    again = stylizer.stylize(content, style, alpha=0.5)
    assert again.tobytes() == stylizer.stylize(photo, art, alpha=0.5).tobytes()


def test_encoder_runs_once_per_image(stylizer: Stylizer, photo: Path, art: Path) -> None:
    calls: list[int] = []
    handle = stylizer.encoder.register_forward_hook(lambda *_: calls.append(1))
    style = stylizer.encode_style(art)
    content = stylizer.encode_content(photo)
    for alpha in (0.0, 0.5, 1.0):
        stylizer.stylize(content, style, alpha=alpha)
    handle.remove()
    assert len(calls) == 2


def test_batches(stylizer: Stylizer) -> None:
    contents, styles = torch.rand(3, 3, 24, 32), torch.rand(3, 3, 32, 32)
    together = stylizer.stylize(contents, styles, style_size=0)
    for k in range(3):
        alone = stylizer.stylize(contents[k : k + 1], styles[k : k + 1], style_size=0)
        torch.testing.assert_close(together[k : k + 1], alone, atol=1e-4, rtol=1e-4)


def test_tensor_path_is_differentiable(stylizer: Stylizer) -> None:
    content = torch.rand(1, 3, 16, 24, requires_grad=True)
    style = torch.rand(1, 3, 16, 16, requires_grad=True)
    stylizer.stylize(content, style, style_size=24).mean().backward()
    for tensor in (content, style):
        assert tensor.grad is not None
        assert float(tensor.grad.abs().sum()) > 0
    assert all(p.grad is None for p in stylizer.encoder.parameters())


def test_no_graph_for_plain_tensors(stylizer: Stylizer) -> None:
    assert not stylizer.stylize(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)).requires_grad


def test_same_bytes_every_time(stylizer: Stylizer, photo: Path, art: Path) -> None:
    first = stylizer.stylize(photo, art)
    assert first.tobytes() == stylizer.stylize(photo, art).tobytes()


def test_alpha_goes_from_photo_to_style(stylizer: Stylizer, photo: Path, art: Path) -> None:
    plain = np.asarray(stylizer.stylize(photo, art, alpha=0), dtype=float)
    gaps = [
        np.abs(np.asarray(stylizer.stylize(photo, art, alpha=a), dtype=float) - plain).mean() for a in (0.25, 0.5, 1.0)
    ]
    assert 0 < gaps[0] < gaps[1] < gaps[2]


def test_sizes_and_crop(stylizer: Stylizer, photo: Path, art: Path) -> None:
    assert stylizer.stylize(photo, art, content_size=30).size == (47, 30)
    assert stylizer.stylize(photo, art, crop=True).size == (45, 45)
    assert stylizer.stylize(photo, art, content_size=24, crop=True).size == (24, 24)
    small, large = (stylizer.encode_style(art, size=s) for s in (32, 96))
    assert not torch.allclose(small.mean, large.mean, atol=1e-3)


def test_tensors_are_sized_and_cropped_too(stylizer: Stylizer) -> None:
    style = stylizer.encode_style(torch.rand(1, 3, 32, 32))
    content = torch.rand(1, 3, 40, 60)
    assert stylizer.stylize(content, style, content_size=20).shape == (1, 3, 20, 30)
    assert stylizer.stylize(content, style, crop=True).shape == (1, 3, 40, 40)


def test_transparency_is_kept(stylizer: Stylizer, art: Path) -> None:
    image = noise_image(40, 30, 5)
    alpha = Image.linear_gradient("L").resize((40, 30))
    image.putalpha(alpha)
    out = stylizer.stylize(image, art)
    assert out.mode == "RGBA"
    assert out.getchannel("A").tobytes() == alpha.tobytes()


def test_one_colour_pictures_give_finite_output(stylizer: Stylizer, photo: Path) -> None:
    flat = Image.new("RGB", (32, 32), (200, 30, 30))
    for content, style in ((photo, flat), (flat, photo), (flat, flat)):
        out = np.asarray(stylizer.stylize(content, style))
        assert out.dtype == np.uint8  # to_pil refuses anything that is not finite


def test_blend_of_files(stylizer: Stylizer, photo: Path, art: Path) -> None:
    a, b = stylizer.encode_style(art), stylizer.encode_style(photo)
    mixed = stylizer.stylize(photo, adain.blend([a, b], [0.7, 0.3]))
    assert mixed.tobytes() != stylizer.stylize(photo, a).tobytes()
    assert stylizer.stylize(photo, adain.blend([a, b], [1, 0])).tobytes() == (stylizer.stylize(photo, a).tobytes())


def test_own_weights(stylizer: Stylizer, tmp_path: Path, photo: Path, art: Path) -> None:
    from safetensors.torch import save_file

    state = {k: v.contiguous() for k, v in stylizer.decoder.state_dict().items()}
    state["conv1_1.bias"] = torch.tensor([9.0, -9.0, -9.0])
    save_file(state, tmp_path / "red.safetensors")
    red = Stylizer(stylizer.encoder, load_decoder(tmp_path / "red.safetensors"), device="cpu")
    assert np.asarray(red.stylize(photo, art))[..., 0].min() == 255
    assert np.asarray(red.stylize(photo, art))[..., 1:].max() == 0


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (Image.new("RGB", (15, 40)), ImageError, "15x40 px: at least 16"),
        (torch.rand(1, 3, 8, 8), ImageError, "8x8 px"),
        (torch.rand(32, 32), ImageError, r"\(B, 3, H, W\)"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), ImageError, "divide by 255"),
        (torch.full((1, 3, 32, 32), 128.0), ImageError, r"lie in \[0, 1\], not \[128, 128\]: divide by 255"),
        (np.full((32, 32, 3), 128.0), ImageError, r"lie in \[0, 1\], not \[128, 128\]: divide by 255"),
        ("nowhere.jpg", MissingFileError, "nowhere.jpg"),
    ],
)
def test_bad_contents(
    stylizer: Stylizer, art: Path, content: adain.image.ImageInput, error: type, message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        stylizer.stylize(content, art)
    assert "\n" not in str(caught.value)


def test_bad_arguments(stylizer: Stylizer, photo: Path, art: Path) -> None:
    with pytest.raises(InputError, match="alpha"):
        stylizer.stylize(photo, art, alpha=1.5)
    with pytest.raises(InputError, match="size"):
        stylizer.stylize(photo, art, content_size=-1)
    with pytest.raises(InputError, match="size"):
        stylizer.stylize(torch.rand(1, 3, 32, 32), art, content_size=-1)
    with pytest.raises(InputError, match="no device 'abacus'"):
        Stylizer.from_pretrained(device="abacus")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="use auto or cpu"):
            Stylizer.from_pretrained(device="cuda")


def test_pixel_limit(photo: Path) -> None:
    limited = Stylizer.from_pretrained(device="cpu", max_pixels=1000)
    with pytest.raises(ImageError, match="max"):
        limited.encode_content(photo)


def test_readable(stylizer: Stylizer) -> None:
    assert repr(stylizer) == "Stylizer(encoder to relu4_1, device=cpu)"


def test_content_is_a_value() -> None:
    assert Content(torch.zeros(1, 512, 2, 2), (16, 16)).opacity is None


def test_large_sample_is_not_blank(stylizer: Stylizer) -> None:
    out = np.asarray(
        stylizer.stylize(sample("content", "chelsea"), sample("style", "hokusai_great_wave"), content_size=128)
    )
    assert out.std() > 25
