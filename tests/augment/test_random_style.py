from __future__ import annotations

import copy
import dataclasses
import gc
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain import ImageError, InputError, Style, Stylizer, blend
from adain.augment import RandomStyle, StyleBank, networks
from adain.augment.draws import StyleDraw
from adain.augment.networks import choose_precision
from tests.augment.made import samples, styles
from tests.conftest import noise_image

pytestmark = pytest.mark.usefixtures("one_thread")

TYPES = (torch.uint8, torch.float16, torch.bfloat16, torch.float32, torch.float64)


@pytest.fixture(scope="module")
def model() -> Stylizer:
    return Stylizer.from_pretrained("fast", device="cpu", precision="fp32")


def drawn(count: int, **parts: Any) -> StyleDraw:
    """A draw that is given, not drawn."""
    defaults = {"applied": [True], "alpha": [1.0], "first": [0], "second": [0], "share": [0.0]}
    rows = {name: parts.get(name, value) for name, value in defaults.items()}
    return StyleDraw.of_plain({name: value * count if len(value) == 1 else value for name, value in rows.items()})


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("size", [(24, 24), (50, 37)])
def test_it_is_what_the_stylizer_makes(model: Stylizer, alpha: float, size: tuple[int, int]) -> None:
    (style,) = styles(1)
    images = samples(2, size[0], width=size[1]).float() / 255
    made = RandomStyle([style], p=1, alpha=alpha, precision="fp32")(images)
    torch.testing.assert_close(made, model.stylize(images, style, alpha=alpha), atol=3e-6, rtol=0)


def test_each_sample_has_its_own_style_strength_and_blend(model: Stylizer) -> None:
    known = styles(3)
    images = samples(3).float() / 255
    draw = drawn(3, alpha=[1.0, 0.5, 0.25], first=[2, 0, 1], second=[0, 1, 2], share=[0.0, 1.0, 0.3])
    made = RandomStyle(known, precision="fp32").apply(images, draw)
    wanted = [known[2], known[1], blend([known[1], known[2]], [0.7, 0.3])]
    for k, style in enumerate(wanted):
        alone = model.stylize(images[k], style, alpha=float(draw.alpha[k]))
        torch.testing.assert_close(made[k], alone, atol=5e-6, rtol=0)


def test_what_is_not_chosen_stays_to_the_bit() -> None:
    images = samples(6).float() / 255 + 0.1  # slightly out of range, as resizing leaves it
    made = RandomStyle(styles(2)).apply(images, drawn(6, applied=[True, False, True, False, False, True]))
    changed = (made != images).flatten(1).any(dim=1)
    assert changed.tolist() == [True, False, True, False, False, True]


def test_none_chosen_is_the_batch_itself_and_no_network_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adain.augment.random_style.stylizer_of", pytest.fail)
    images = samples(3)
    assert RandomStyle(styles(2), p=0)(images) is images
    assert RandomStyle(styles(2), p=1)(images[:0]).shape == (0, 3, 24, 24)


def test_p_is_the_share_that_is_chosen() -> None:
    applied = RandomStyle(styles(2), p=0.3).draw_for(20000).applied
    assert abs(float(applied.double().mean()) - 0.3) < 4 * (0.3 * 0.7 / 20000) ** 0.5


def test_styles_strengths_and_shares_are_drawn_evenly() -> None:
    draw = RandomStyle(styles(4), alpha=(0.2, 0.6), blend=(0.1, 0.5)).draw_for(20000)
    counts = torch.bincount(draw.first, minlength=4)
    assert float(((counts - 5000) ** 2 / 5000).sum()) < 21.1  # chi square of 3 degrees, one in 10,000
    assert 0.2 <= float(draw.alpha.min()) < 0.21 < 0.59 < float(draw.alpha.max()) <= 0.6
    assert 0.1 <= float(draw.share.min()) < 0.11 < 0.49 < float(draw.share.max()) <= 0.5
    table = torch.bincount(draw.first * 4 + draw.second, minlength=16)
    assert float(((table - 1250) ** 2 / 1250).sum()) < 44.3  # 15 degrees


def test_torchs_seed_decides_and_a_batch_draws_as_its_samples_one_by_one() -> None:
    style = RandomStyle(styles(5), alpha=(0, 1), blend=(0, 1))
    torch.manual_seed(3)
    whole = style.draw_for(37)
    torch.manual_seed(3)
    single = [style.draw_for(1) for _ in range(37)]
    for name, part in whole._asdict().items():
        assert torch.equal(part, torch.cat([getattr(each, name) for each in single]))
    assert not torch.equal(whole.alpha, style.draw_for(37).alpha)


def test_same_on_batch() -> None:
    draw = RandomStyle(styles(5), alpha=(0, 1), same_on_batch=True).draw_for(6)
    assert all(len(part) == 6 and len(part.unique()) == 1 for part in draw)
    seeded = RandomStyle(styles(5), alpha=(0, 1), same_on_batch=True, seed=1).draw(samples(6))
    assert all(len(part) == 6 and len(part.unique()) == 1 for part in seeded)


def test_a_seed_draws_by_the_pixels_of_a_sample_in_any_batch_and_order() -> None:
    style = RandomStyle(styles(50), alpha=(0, 1), seed=7)
    images = samples(8)
    whole = style.draw(images)
    order = [5, 0, 7, 3]
    torch.rand(9)  # torch's generator has no part in it
    some = style.draw(images[order])
    assert all(torch.equal(part, full[order]) for part, full in zip(some, whole, strict=True))
    assert len(whole.alpha.unique()) == 8
    assert not torch.equal(RandomStyle(styles(50), alpha=(0, 1), seed=8).draw(images).alpha, whole.alpha)
    style.set_epoch(1)
    assert not torch.equal(style.draw(images).alpha, whole.alpha)
    style.set_epoch(0)
    assert torch.equal(style.draw(images).alpha, whole.alpha)


def test_a_seed_draws_alike_for_samples_of_every_kind() -> None:
    images = samples(4)
    plain = RandomStyle(styles(50), alpha=(0, 1), seed=7)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    normalised = RandomStyle(styles(50), alpha=(0, 1), seed=7, mean=mean, std=std)
    floats = images.float() / 255
    values = (floats - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    wanted = plain.draw(images).alpha
    assert torch.equal(plain.draw(floats).alpha, wanted)
    assert torch.equal(plain.draw(floats.double().contiguous(memory_format=torch.channels_last)).alpha, wanted)
    assert torch.equal(normalised.draw(values).alpha, wanted)


def test_bytes_floats_greys_and_normalised_values_give_the_same_picture() -> None:
    style = RandomStyle(styles(3), p=1, seed=0, precision="fp32")
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    images = samples(4)
    floats = images.float() / 255
    wanted = style(floats)
    assert torch.equal(style(images), (wanted * 255).round().byte())
    m, s = (torch.tensor(each).view(3, 1, 1) for each in (mean, std))
    normalised = RandomStyle(styles(3), p=1, seed=0, precision="fp32", mean=mean, std=std)((floats - m) / s)
    torch.testing.assert_close(normalised * s + m, wanted, atol=1e-5, rtol=0)
    grey = floats[:, :1]
    from_grey = style.apply(grey, drawn(4, first=[0, 1, 2, 0]))
    from_color = style.apply(grey.expand(-1, 3, -1, -1), drawn(4, first=[0, 1, 2, 0]))
    luma = (from_color * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(dim=1, keepdim=True)
    torch.testing.assert_close(from_grey, luma, atol=1e-5, rtol=0)
    one = RandomStyle(styles(3), p=1, seed=0, mean=0.5, std=0.5, precision="fp32")(grey * 2 - 1)
    assert one.shape == grey.shape


@settings(deadline=None, max_examples=40)
@given(
    batch=st.integers(0, 3),
    channels=st.sampled_from([1, 3]),
    height=st.integers(1, 45),
    width=st.integers(1, 45),
    dtype=st.sampled_from(TYPES),
    size=st.sampled_from([0, 0, 16, 20]),
    color=st.sampled_from([None, "luminance"]),
)
def test_shape_and_type_stay_whatever_they_are(
    batch: int, channels: int, height: int, width: int, dtype: torch.dtype, size: int, color: Any
) -> None:
    images = samples(max(1, batch), height, channels, width)
    images = images if dtype == torch.uint8 else (images.float() / 255).to(dtype)
    images = images[:batch] if batch else images[0]
    made = RandomStyle(styles(2), p=0.7, alpha=(0.1, 1), size=size, color=color)(images)
    assert (made.shape, made.dtype) == (images.shape, dtype)
    assert bool(torch.isfinite(made.float()).all())
    assert not made.requires_grad


@pytest.mark.parametrize("images", [samples(3), samples(3).float() / 255, samples(3)[:, :1].float() * 1.2 / 255])
def test_what_is_given_is_not_changed(images: torch.Tensor) -> None:
    before = images.clone()
    RandomStyle(styles(2), seed=0, p=1, color="luminance")(images)
    assert torch.equal(images, before)


@pytest.mark.parametrize("side", [1, 2, 15, 17])
def test_tiny_samples_are_reflected_to_what_the_networks_need(side: int, model: Stylizer) -> None:
    images = samples(2, side).float() / 255
    made = RandomStyle(styles(1), p=1, precision="fp32")(images)
    if side == 1:
        whole = images.expand(-1, -1, 16, 16)
    else:
        whole = images
        while whole.shape[-1] < max(16, -(-side // 8) * 8):
            more = min(whole.shape[-1] - 1, max(16, -(-side // 8) * 8) - whole.shape[-1], side - 1)
            whole = torch.nn.functional.pad(whole, (0, more, 0, more), mode="reflect")
    wanted = model.stylize(whole, styles(1)[0])[..., :side, :side]
    torch.testing.assert_close(made, wanted, atol=5e-6, rtol=0)


def test_stylised_at_another_size_and_brought_back(model: Stylizer) -> None:
    images = samples(2, 40, width=20).float() / 255
    made = RandomStyle(styles(1), p=1, size=32, precision="fp32")(images)
    large = torch.nn.functional.interpolate(images, (64, 32), mode="bicubic", antialias=True).clamp(0, 1)
    wanted = model.stylize(large, styles(1)[0])
    wanted = torch.nn.functional.interpolate(wanted, (40, 20), mode="bicubic", antialias=True).clamp(0, 1)
    torch.testing.assert_close(made, wanted, atol=5e-6, rtol=0)


def test_luminance_keeps_the_colours_of_the_sample() -> None:
    images = samples(2).float() * (0.4 / 255) + 0.3  # far from black and white, where chroma is cut
    made = RandomStyle(styles(2), p=1, alpha=0.2, color="luminance", precision="fp32")(images)
    grey = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)

    def chroma(x: torch.Tensor) -> torch.Tensor:
        return x - (x * grey).sum(dim=1, keepdim=True)

    inside = ((made > 0) & (made < 1)).all(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    assert float(inside.double().mean()) > 0.5
    torch.testing.assert_close(chroma(made)[inside], chroma(images)[inside], atol=1e-5, rtol=0)


def test_large_batches_go_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    images = samples(7)
    style = RandomStyle(styles(9), seed=0, p=0.8)
    whole = style(images)
    monkeypatch.setattr("adain.augment.random_style.PASS_PIXELS", {"cpu": 2 * 24**2})
    parts = style(images)
    assert int((whole.int() - parts.int()).abs().max()) <= 1


def test_autocast_changes_nothing() -> None:
    style = RandomStyle(styles(3), p=1, seed=0, color="luminance")
    images = samples(3).float() / 255
    plain = style(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = style(images)
        made = RandomStyle([noise_image(40, 40)], p=1)
    assert torch.equal(cast, plain)
    assert cast.dtype == torch.float32
    assert torch.equal(made.draw_for(1).first, torch.zeros(1, dtype=torch.int64))


def test_half_precision_is_near() -> None:
    images = samples(4, 32).float() / 255
    full, half = (RandomStyle(styles(3), p=1, seed=0, precision=p)(images) for p in ("fp32", "bf16"))
    assert 0 < float((full - half).abs().mean()) < 0.01


def test_auto_is_bf16_where_the_cpu_computes_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for has, wanted in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(networks, "_has_bf16", lambda has=has: has)
        assert choose_precision("auto", cpu) == wanted
        assert choose_precision("fp16", cpu) == "fp16"


def test_no_gradient_is_kept_unless_asked_for() -> None:
    images = (samples(2).float() / 255).requires_grad_()
    assert not RandomStyle(styles(1), p=1)(images).requires_grad
    made = RandomStyle(styles(1), p=1, differentiable=True, precision="fp32", alpha=0.7)(images)
    (gradient,) = torch.autograd.grad(made.mean(), images)
    assert float(gradient.abs().max()) > 0
    half = RandomStyle(styles(1), differentiable=True, precision="fp32").apply(images, drawn(2, applied=[True, False]))
    (gradient,) = torch.autograd.grad(half.sum(), images)
    assert torch.equal(gradient[1], torch.ones_like(gradient[1]))


def test_the_gradient_is_that_of_the_stylizer(model: Stylizer) -> None:
    style = RandomStyle(styles(1), p=1, differentiable=True, precision="fp32", alpha=0.5)
    images = (samples(2, 21).float() / 255).requires_grad_()
    (gradient,) = torch.autograd.grad(style(images).square().sum(), images)
    (wanted,) = torch.autograd.grad(model.stylize(images, styles(1)[0], alpha=0.5).square().sum(), images)
    torch.testing.assert_close(gradient, wanted, atol=1e-4, rtol=1e-3)


def test_inference_mode_and_training_share_the_networks() -> None:
    known = [noise_image(40, 40)]
    networks._loaded.clear()
    with torch.inference_mode():
        style = RandomStyle(known, p=1, differentiable=True, precision="fp32")
        style(samples(1))
    images = (samples(1).float() / 255).requires_grad_()
    assert torch.autograd.grad(style(images).sum(), images)[0].shape == images.shape


@pytest.mark.parametrize(
    ("images", "told"),
    [
        ([1, 2], "samples are tensors"),
        (torch.zeros(3, 3), "1 or 3 channels"),
        (torch.zeros(4, 8, 8), "1 or 3 channels"),
        (torch.zeros(2, 3, 0, 8), "1 or 3 channels"),
        (torch.zeros(1, 2, 3, 8, 8), "must be"),
        (torch.zeros(3, 8, 8, dtype=torch.int32), "uint8 or floating"),
        (torch.full((3, 8, 8), 200.0), "divide by 255"),
        (torch.full((3, 8, 8), -2.0), "mean= and std="),
        (torch.full((3, 8, 8), torch.nan), "must lie in"),
        (torch.zeros(3, 8, 8).to_sparse(), "to_dense"),
    ],
)
def test_what_is_no_sample_is_refused_in_a_line(images: Any, told: str) -> None:
    with pytest.raises(ImageError, match=told) as caught:
        RandomStyle(styles(1), p=1)(images)
    assert "\n" not in str(caught.value)


def test_wrong_normalisation_is_refused() -> None:
    with pytest.raises(ImageError, match="give those they were normalised by"):
        RandomStyle(styles(1), p=1, mean=0.5, std=3.0)(torch.full((3, 8, 8), 2.0))
    with pytest.raises(ImageError, match="mean has 3 numbers for samples of 1 channel"):
        RandomStyle(styles(1), p=1, mean=(0.5, 0.5, 0.5), std=0.5)(torch.zeros(1, 8, 8))


@pytest.mark.parametrize(
    ("bank", "told"),
    [
        ([], "no style given"),
        (3, "from a StyleBank, its file, or a list"),
        ([*styles(1), Style(torch.zeros(1, 512, 1, 1), torch.ones(1, 512, 1, 1))], "384 and 512 channels"),
        ([Style(*[torch.ones(1, 384, 1, 1)] * 2, "a", torch.ones(1, 384, 1, 1))], "two sizes"),
    ],
)
def test_styles_that_cannot_be_drawn_are_refused(bank: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        RandomStyle(bank)


@pytest.mark.parametrize("count", [0, 1])
def test_a_bank_without_anything_to_draw_is_refused_at_once(tmp_path: Path, count: int) -> None:
    model = Stylizer.from_pretrained("fast", device="cpu", precision="fp32")
    bank = StyleBank.save(tmp_path / "bank.safetensors", styles(count), model)
    with pytest.raises(InputError, match=rf"bank\.safetensors has no distribution and {count} style"):
        RandomStyle(bank, spread=1.0)


def test_styles_come_from_their_files_too(tmp_path: Path) -> None:
    path = styles(1)[0].save(tmp_path / "a.safetensors")
    images = samples(2)
    assert torch.equal(RandomStyle([path, str(path)], p=1)(images), RandomStyle(styles(1), p=1)(images))


def test_a_specialised_style_is_refused() -> None:
    special = dataclasses.replace(styles(1)[0], change=object())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a decoder of its own"):
        RandomStyle([*styles(2), special])


def test_styles_of_another_model_are_refused() -> None:
    other = Style(torch.zeros(1, 512, 1, 1), torch.ones(1, 512, 1, 1))
    with pytest.raises(InputError, match="512 channels and the model's features 384"):
        RandomStyle([other], p=1)(samples(1))
    with pytest.raises(InputError, match="spread is of a bank's Gaussian"):
        RandomStyle([other], spread=1)


def test_pictures_are_encoded_once(model: Stylizer) -> None:
    art = [noise_image(64, 48, k) for k in (1, 2)]
    images = samples(4)
    made = RandomStyle(art, p=1, seed=0)
    encoded = RandomStyle([model.encode_style(each) for each in art], p=1, seed=0)
    assert torch.equal(made(images), encoded(images))


def test_it_is_copied_and_pickled_without_networks() -> None:
    images = samples(3)
    style = RandomStyle(styles(9), p=1, seed=0, blend=(0, 1))
    style.set_epoch(4)
    made = style(images)
    written = pickle.dumps(style)
    assert len(written) < 9 * 2 * 384 * 4 + 8000
    for other in (pickle.loads(written), copy.deepcopy(style)):
        assert torch.equal(other(images), made)


def test_networks_are_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    known = styles(2)
    networks._loaded.clear()
    loads: list[Any] = []
    load = Stylizer.from_pretrained
    monkeypatch.setattr(Stylizer, "from_pretrained", lambda *a, **k: loads.append(k) or load(*a, **k))
    for _ in range(3):
        RandomStyle(known, p=1)(samples(1))
    assert len(loads) == 1
    RandomStyle(known, p=1, precision="fp32")(samples(1))
    assert len(loads) in (1, 2)  # one where auto is fp32


def test_threads_share_the_networks_and_make_what_one_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    known = styles(9)
    networks._loaded.clear()
    loads: list[Any] = []
    load = Stylizer.from_pretrained
    monkeypatch.setattr(Stylizer, "from_pretrained", lambda *a, **k: loads.append(k) or load(*a, **k))
    style = RandomStyle(known, p=1, seed=0)
    images = samples(8)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(style, images.split(1)))
    assert len(loads) == 1
    assert torch.equal(torch.cat(made), torch.cat([style(each) for each in images.split(1)]))


def test_batches_leave_nothing_behind() -> None:
    style = RandomStyle(styles(9), p=0.5, blend=(0, 1), color="luminance")
    images = samples(4, 16)

    def objects_after(count: int) -> int:
        for _ in range(count):
            style(images)
        gc.collect()
        return sum(type(each) is torch.Tensor for each in gc.get_objects())

    before = objects_after(5)
    assert objects_after(60) == before


@pytest.mark.parametrize("how", [{}, {"seed": 1}, {"blend": (0.0, 1.0), "size": 16}, {"color": "luminance"}], ids=str)
def test_no_default_device_is_in_the_way(tmp_path: Path, how: dict[str, Any]) -> None:
    """With one that holds no data: whatever came to lie there would be missed."""
    model = Stylizer.from_pretrained("fast", device="cpu", precision="fp32")
    bank = StyleBank.save(tmp_path / "bank.safetensors", styles(3), model)
    images = samples(3)
    torch.manual_seed(0)
    expected = RandomStyle(bank, p=1, precision="fp32", **how)(images)
    try:
        torch.set_default_device("meta")
        torch.default_generator.manual_seed(0)
        found = RandomStyle(bank, p=1, precision="fp32", **how)(images)
    finally:
        torch.set_default_device(None)
    assert found.equal(expected)
