"""Two models side by side: nothing of one passes for the other's, and every command takes either.

That each control works with both is shown by the files that import :mod:`tests.models`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from PIL import Image

import adain
from adain._utils.errors import InputError, WeightsError
from adain._utils.fingerprint import fingerprint
from adain.batch.folder import stylize_folder
from adain.control.regions import Region, Regions, gradient
from adain.control.style import Style
from adain.metrics import evaluation
from adain.nn.backbones import load_backbone
from adain.nn.fast import FastDecoder, FastEncoder
from adain.nn.vgg import VGGEncoder
from adain.refinement import objective
from adain.stylizer.cache import StyleCache
from adain.stylizer.cache import fingerprint as encoder_fingerprint
from adain.stylizer.stylizer import Stylizer
from tests.conftest import noise_image, one_line_error

Run = Callable[..., Result]
Files = tuple[Path, Path]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def model(fast_files: Files) -> tuple[object, ...]:
    """What a command takes to use the fast model's files."""
    return ("--encoder", fast_files[0], "--decoder", fast_files[1], "--device", "cpu")


def test_it_is_the_fast_model(fast: Stylizer) -> None:
    assert isinstance(fast.encoder, FastEncoder)
    assert isinstance(fast.decoder, FastDecoder)


def test_the_fixture_shows_differences(fast: Stylizer) -> None:
    """Were its pictures black or white, tests of equality would be worth nothing."""
    photo = noise_image(64, 48, 3)
    outs = [
        fast.stylize(torch.rand(1, 3, 48, 64), noise_image(64, 48, 4), style_size=48),
        fast.stylize(adain.image.to_tensor(photo), noise_image(64, 48, 5), style_size=48),
    ]
    for out in outs:
        inside = (out > 0.0) & (out < 1.0)
        assert float(inside.float().mean()) > 0.5
        assert float(out.std()) > 0.1


# What belongs to one model is refused by the other, in one line that says so.


def test_ends_of_different_models(stylizer: Stylizer, fast: Stylizer, fast_files: Files, run_cli: Run) -> None:
    for encoder, decoder in ((stylizer.encoder, fast.decoder), (fast.encoder, stylizer.decoder)):
        with pytest.raises(InputError, match="use the encoder and the decoder of one model"):
            Stylizer(encoder, decoder)
    for option, path in zip(("--encoder", "--decoder"), fast_files, strict=True):
        line = one_line_error(run_cli("stylize", fast_files[0], fast_files[1], option, path, "-o", "never.png"))
        assert "use the encoder and the decoder of one model" in line


def test_styles_of_the_other_model(stylizer: Stylizer, fast: Stylizer) -> None:
    photo, art = noise_image(48, 40), noise_image(40, 40, 2)
    theirs, own = stylizer.encode_style(art, size=40), fast.encode_style(art, size=40)
    wrong: list[Any] = [
        theirs,
        gradient(own, theirs),
        Regions([Region(own, torch.ones(40, 48)), Region(theirs, torch.ones(40, 48))]),
    ]
    for style in wrong:
        for tile in ("off", 64):
            with pytest.raises(InputError, match=r"channels and the content \d+: encode (both|all) with") as caught:
                fast.stylize(photo, style, tile=tile)
            assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="384 and 1536 channels cannot be blended"):
        adain.blend([own, theirs])
    with pytest.raises(InputError, match="cannot be blended"):
        fast.stylize(photo, [own, theirs], weights=[1, 0])


@pytest.mark.parametrize("tile", ["off", 64])
def test_contents_of_the_other_model(stylizer: Stylizer, fast: Stylizer, tile: str | int) -> None:
    content = stylizer.encode_content(noise_image(80, 70), tile=tile)
    for style in (stylizer.encode_style(noise_image(40, 40), size=40), fast.encode_style(noise_image(40, 40), size=40)):
        with pytest.raises(InputError, match="encoder"):
            fast.stylize(content, style)


def test_a_cache_serves_both(stylizer: Stylizer, fast: Stylizer, art: Path, tmp_path: Path) -> None:
    cache = StyleCache(tmp_path / "styles")
    both = [Stylizer(one.encoder, one.decoder, device="cpu", style_cache=cache) for one in (stylizer, fast)]
    for _ in range(2):
        for one, plain in zip(both, (stylizer, fast), strict=True):
            style, expected = one.encode_style(art, size=32), plain.encode_style(art, size=32)
            assert torch.equal(style.mean, expected.mean)
            assert torch.equal(style.std, expected.std)
    assert len(list((tmp_path / "styles").iterdir())) == 2
    # Even a file that is put in the other's place is not taken.
    paths = [cache.path(one, art, size=32) for one in (stylizer, fast)]
    assert paths[0] is not None
    assert paths[1] is not None
    paths[1].write_bytes(paths[0].read_bytes())
    assert both[1].encode_style(art, size=32).mean.shape[1] == fast.encoder.feature_channels


def test_fingerprints(stylizer: Stylizer, fast: Stylizer) -> None:
    """Of style caches, folders and videos: a job is not gone on with by another model."""
    assert encoder_fingerprint(fast.encoder) != encoder_fingerprint(stylizer.encoder)
    models = [[one.encoder, one.decoder] for one in (stylizer, fast)]
    assert fingerprint(models[0]) != fingerprint(models[1])
    changed = FastDecoder()
    changed.load_state_dict(fast.decoder.state_dict())
    assert fingerprint([fast.encoder, changed]) == fingerprint(models[1])
    with torch.no_grad():
        changed.get_submodule(changed.specs[0].name).get_parameter("bias")[0] += 0.5
    assert fingerprint([fast.encoder, changed]) != fingerprint(models[1])


def test_folders_are_made_anew_by_another_model(
    stylizer: Stylizer, fast: Stylizer, photo: Path, art: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    photo.rename(folder / photo.name)
    statuses = [
        [result.status for result in stylize_folder(folder, art, tmp_path / "out", stylizer=one, style_size=32)]
        for one in (fast, fast, stylizer)
    ]
    assert statuses == [["done"], ["skipped"], ["done"]]


def test_styles_keep_their_model_in_a_file(fast: Stylizer, tmp_path: Path) -> None:
    style = fast.encode_style(noise_image(40, 40), size=40, fine_size=32)
    back = Style.load(style.save(tmp_path / "a.safetensors"))
    assert back.fine_std is not None
    assert back.mean.shape == (1, fast.encoder.feature_channels, 1, 1)
    photo = noise_image(40, 32)
    assert fast.stylize(photo, back).tobytes() == fast.stylize(photo, style).tobytes()


def test_fine_sizes_reach_both_of_its_layers(fast: Stylizer) -> None:
    """The finer layer's texture is the finer artwork's, too: deviations of all channels may differ."""
    style = fast.encode_style(noise_image(160, 160), size=160, fine_size=32)
    assert style.fine_std is not None
    wide = fast.decoder.specs[0].c_out
    for part in (slice(None, wide), slice(wide, None)):
        moved = (style.fine_std - style.std)[:, part].abs() > 1e-3 * style.std[:, part]
        assert float(moved.float().mean()) > 0.5


# Commands.


def test_stylize(run_cli: Run, fast: Stylizer, model: Any, photo: Path, art: Path, tmp_path: Path) -> None:
    mask = tmp_path / "mask.png"
    Image.linear_gradient("L").resize((70, 45)).save(mask)
    out = tmp_path / "out.png"
    args = ("--mask", mask, "--style-size", 40, "--alpha", 0.8, "--preserve-color", "luminance", "--tile", 64)
    result = run_cli("stylize", photo, art, *args, *model, "-o", out)
    assert result.exit_code == 0, result.output
    expected = fast.stylize(photo, [art], masks=[mask], style_size=40, alpha=0.8, color="luminance", tile=64)
    with Image.open(out) as picture:
        assert picture.tobytes() == expected.tobytes()


def test_a_folder(run_cli: Run, fast: Stylizer, model: Any, photo: Path, art: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    noise_image(40, 32).save(tmp_path / "photos" / "a.png")
    out = tmp_path / "out"
    for status in ("done", "skipped"):
        result = run_cli("stylize", tmp_path / "photos", art, "--style-size", 40, *model, "-o", out, "--json")
        assert result.exit_code == 0, result.output
        (record,) = [json.loads(line) for line in result.stdout.splitlines()]
        assert record["status"] == status
    with Image.open(record["output"]) as picture:
        expected = fast.stylize(tmp_path / "photos" / "a.png", art, style_size=40)
        assert picture.convert("RGB").size == expected.size


def test_video(run_cli: Run, model: Any, art: Path, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    from tests.video.videos import scene, write_video

    clip = write_video(tmp_path / "in.mp4", scene(3, 48, 32))
    out = tmp_path / "out.mp4"
    result = run_cli("video", clip, art, "--style-size", 40, "--stability", 0.5, *model, "-o", out)
    assert result.exit_code == 0, result.output
    with av.open(str(out)) as container:
        assert len(list(container.decode(video=0))) == 3


@pytest.fixture
def judges(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The networks that losses and measures were taken with."""
    seen: list[object] = []

    def watched(load: Callable[..., Any]) -> Callable[..., Any]:
        def loaded(*args: Any, **more: Any) -> Any:
            seen.append(load(*args, **more))
            return seen[-1]

        return loaded

    monkeypatch.setattr(objective, "load_backbone", watched(objective.load_backbone))
    monkeypatch.setattr(evaluation, "load_encoder", watched(evaluation.load_encoder))
    return seen


def test_refining_starts_from_it_and_is_judged_by_vgg(
    run_cli: Run, fast: Stylizer, model: Any, photo: Path, art: Path, tmp_path: Path, judges: list[object]
) -> None:
    size = ("--content-size", 40, "--style-size", 40)
    losses = ("--loss", "content=1:relu2_1", "--loss", "gram=1:relu1_1,relu2_1")
    losses += ("--start", "adain", "--set", "start_share=1")
    outs = [tmp_path / f"{steps}.png" for steps in (0, 2)]
    for steps, out in zip((0, 2), outs, strict=True):
        result = run_cli(
            "refine", photo, art, *size, *losses, "--steps", steps, *model, "--backend", "torch", "-o", out
        )
        assert result.exit_code == 0, result.output
    assert [type(judge) for judge in judges] == [VGGEncoder] * 2
    start = fast.stylize(photo, art, content_size=40, style_size=40)
    with Image.open(outs[0]) as picture:
        assert picture.tobytes() == start.tobytes()
    with Image.open(outs[1]) as picture:
        assert picture.tobytes() != start.tobytes()


def test_what_is_measured_is_measured_by_vgg(
    run_cli: Run, model: Any, photo: Path, art: Path, judges: list[object]
) -> None:
    args = ("--metrics", "content-distance", "--size", 32, "--json")
    results = [run_cli("evaluate", photo, art, *args, *more) for more in (("--device", "cpu"), model)]
    assert [result.exit_code for result in results] == [0, 0]
    assert [type(judge) for judge in judges] == [VGGEncoder] * 2
    assert results[0].stdout != results[1].stdout


@pytest.mark.parametrize("layers", [("relu2_1",), None])
def test_it_is_no_loss_network(fast_files: Files, layers: tuple[str, ...] | None) -> None:
    with pytest.raises(WeightsError, match=r"encoder\.safetensors .*the fast model's") as caught:
        load_backbone("vgg19", weights=fast_files[0], upto=layers)
    assert "\n" not in str(caught.value)


def test_import_takes_it_as_it_is(run_cli: Run, fast_files: Files, tmp_path: Path) -> None:
    from adain.nn.pretrained import load_decoder, load_encoder

    for part, path, load in zip(("encoder", "decoder"), fast_files, (load_encoder, load_decoder), strict=True):
        count = len(load(path).specs)
        out = tmp_path / f"{part}.safetensors"
        result = run_cli("weights", "import", path, "-o", out)
        assert result.exit_code == 0, result.output
        assert f"{part}, {count} convolutions; use it with --{part}" in result.stdout
        ends = [load(file).state_dict() for file in (path, out)]
        assert all(torch.equal(ends[1][name], tensor) for name, tensor in ends[0].items())
