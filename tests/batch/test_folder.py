from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import adain
from adain._utils.errors import ImageError, InputError
from adain.batch import order
from adain.batch.run import Result
from adain.options import Options
from adain.refinement import RefineOptions
from adain.stylizer.stylizer import Stylizer
from tests.conftest import noise_image
from tests.models import stylizer

__all__ = ["stylizer"]


@pytest.fixture
def make(stylizer: Stylizer, tmp_path: Path) -> Callable[..., list[Result]]:
    """``stylize_folder`` of two photographs and two artworks."""
    for k, name in enumerate(("photos/a.png", "photos/b.png", "photos/sub/c.png", "arts/x.png", "arts/y.png")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise_image(40, 36, k).save(path)

    def run(out: str = "out", **more: object) -> list[Result]:
        common = {"stylizer": stylizer, "style_size": 32}
        return adain.stylize_folder(tmp_path / "photos", str(tmp_path / "arts"), tmp_path / out, **(common | more))

    return run


Make = Callable[..., list[Result]]


def states(results: list[Result]) -> str:
    return "".join(result.status[0] for result in results)


def pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


def test_each_in_each(make: Make, stylizer: Stylizer, tmp_path: Path) -> None:
    seen: list[Result] = []
    results = make(alpha=0.5, progress=seen.append)
    assert results == seen
    assert [r.output.name for r in results] == [f"{c}_stylized_{s}.png" for c in "ab" for s in "xy"]
    for result in results:
        photo, art = (tmp_path / "photos" / result.output.name[:1], tmp_path / "arts" / result.details["style"])
        photo, art = photo.with_suffix(".png"), art.with_suffix(".png")
        assert pixels(result.output) == stylizer.stylize(photo, art, alpha=0.5, style_size=32).tobytes()
    assert states(make(alpha=0.5)) == "ssss"
    assert states(make()) == "dddd"
    assert states(make(existing="redo")) == "dddd"
    results[0].output.unlink()
    assert states(make(alpha=0.2, existing="skip")) == "dsss"


def test_pairs_and_sub_folders(make: Make) -> None:
    assert [r.output.name for r in make(pairs="zip")] == ["a_stylized_x.png", "b_stylized_y.png"]
    with pytest.raises(InputError, match="2 styles for 3 photographs"):
        make(pairs="zip", recursive=True)
    assert states(make("deep", recursive=True)) == "dddddd"


def test_controls(make: Make, stylizer: Stylizer, tmp_path: Path) -> None:
    mask = tmp_path / "mask.png"
    Image.linear_gradient("L").resize((40, 36)).save(mask)
    photo, arts = tmp_path / "photos" / "a.png", [tmp_path / "arts" / f"{s}.png" for s in "xy"]
    for k, controls in enumerate(
        (
            {"masks": [str(mask), mask], "color": ["linear", None]},
            {"weights": [1, 2]},
            {"weights": [1, 2], "color": "luminance"},
        )
    ):
        results = make(f"one{k}", **controls)
        assert [r.output.name for r in results] == ["a_stylized_x+y.png", "b_stylized_x+y.png"]
        expected = stylizer.stylize(photo, arts, style_size=32, **controls)  # type: ignore[call-overload]
        assert pixels(results[0].output) == expected.tobytes()
        assert states(make(f"one{k}", **controls)) == "ss"
    for k, color in enumerate(("linear", "luminance", adain.ColorPreservation("histogram", strength=0.5))):
        results = make(f"each{k}", color=color, crop=True, content_size=20, suffix=".webp", quality=50)
        expected = stylizer.stylize(photo, arts[0], style_size=32, color=color, crop=True, content_size=20)
        assert results[0].output.name == "a_stylized_x.webp"
        with Image.open(results[0].output) as image:
            assert image.size == expected.size
    Image.new("L", (40, 36), 255).save(mask)
    assert states(make("one0", masks=[str(mask), mask], color=["linear", None])) == "dd"


LEFT = Image.new("L", (40, 36))
LEFT.paste(1, (0, 0, 20, 36))


@pytest.mark.parametrize(
    "controls",
    [
        {},
        {"color": ["luminance", "linear"]},
        {"gradient": "horizontal", "color": "linear"},
        {"gradient": LEFT.point(lambda v: 255 * v)},
        {"label_map": LEFT, "labels": ["0", "1"], "color": ["luminance", None], "background": noise_image(40, 40, 8)},
        {"masks": [LEFT.point(lambda v: 255 * v), noise_image(40, 36, 7, "L")], "feather": 4, "style_size": 48},
        {"weights": [1, 3], "crop": True},
    ],
    ids=lambda controls: "-".join(controls) or "each",
)
def test_refined_as_asked_for(make: Make, stylizer: Stylizer, tmp_path: Path, controls: dict[str, Any]) -> None:
    """The optimisation goes on with what the one pass was asked for."""
    results = make(refine=2, content_size=38, **controls)
    assert {result.status for result in results} == {"done"}
    arts = [tmp_path / "arts" / f"{name}.png" for name in "xy"]
    photo, styles, same = tmp_path / "photos" / "a.png", arts, controls
    if not Options(**controls).arrangement:
        styles, same = arts[:1], {name: value[0] for name, value in controls.items()}
    options = Options(**{"style_size": 32, "content_size": 38, **same})
    plain = stylizer.stylize(photo, styles, options)
    expected = adain.refine(photo, styles, RefineOptions.of(options), start=plain, steps=2, stylizer=stylizer)
    assert isinstance(expected, Image.Image)
    assert pixels(results[0].output) == expected.tobytes() != plain.tobytes()
    sizes = {"style_size": options.style_size, "content_size": 38, "crop": options.crop}
    bare: Any = adain.refine(photo, styles[:1], start=plain, steps=2, stylizer=stylizer, **sizes)
    assert (bare.tobytes() == expected.tobytes()) == (controls == {})
    assert states(make(refine=2, content_size=38, **controls)) == "s" * len(results)


def test_what_is_read_is_not_replaced(stylizer: Stylizer, tmp_path: Path) -> None:
    """In Python, too, wherever a file's name is known: of an open picture, of a look's and of regions' masks."""
    names = {"a.png": 1, "art.png": 2, "a_stylized_art.png": 3}
    for name, seed in names.items():
        noise_image(40, 36, seed).save(tmp_path / name)
    photo, art, mask = (tmp_path / name for name in names)
    before = mask.read_bytes()
    style = stylizer.encode_style(art, size=32)
    opened, handle = Image.open(mask), mask.open("rb")
    encoded = adain.Regions([adain.Region(style, mask)])
    looks: list[Any] = [
        adain.stylizer.Look([art], Options(masks=[mask])),
        adain.stylizer.Look([art], Options(style_masks=[str(mask)])),
        adain.stylizer.Look(encoded, name="art"),
        adain.stylizer.Look([opened], name="art"),
        adain.stylizer.Look([handle], name="art"),
    ]
    with opened, handle:
        for look in looks:
            with pytest.raises(InputError, match=r"a_stylized_art.png is also an input"):
                adain.stylize_folder(photo, look, tmp_path, stylizer=stylizer)
        with pytest.raises(InputError, match=r"a_stylized_art.png is also an input"):
            adain.stylize_folder([photo, mask], art, tmp_path, stylizer=stylizer)
        with pytest.raises(InputError, match=r"a_stylized_art.png is also an input"):
            adain.stylize_folder(photo, art, tmp_path, stylizer=stylizer, encoder=os.path.relpath(mask))
    assert mask.read_bytes() == before


def test_large_photographs_are_not_read_ahead(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [pixels(r.output) for r in make()]
    monkeypatch.setattr(order, "READ_AHEAD_PIXELS", 100)
    read: list[object] = []
    real = order.Maker.read

    def spy(self: order.Maker, content: Path) -> object:
        read.append(real(self, content))
        return read[-1]

    monkeypatch.setattr(order.Maker, "read", spy)
    assert [pixels(r.output) for r in make("large")] == expected
    assert [type(item).__name__ for item in read] == ["PosixPath"] * 2


def test_bad_input(make: Make, tmp_path: Path, stylizer: Stylizer) -> None:
    with pytest.raises(InputError, match="but weights puts all styles into each: leave out one"):
        make(weights=[1, 1], pairs="zip")
    with pytest.raises(InputError, match="alpha must be between 0"):
        make(alpha=2.0)
    with pytest.raises(InputError, match="3 weights for 2 styles"):
        make(weights=[1, 1, 1])
    with pytest.raises(InputError, match=r"cannot write \.gif"):
        make(suffix=".gif")
    with pytest.raises(InputError, match="existing cannot be 'maybe': use one of resume, skip, redo"):
        make(existing="maybe")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="holds no images"):
        adain.stylize_folder(tmp_path / "empty", tmp_path / "arts", tmp_path / "out", stylizer=stylizer)
    with pytest.raises(InputError, match=r"files and folders here, not Image: adain\.Stylizer takes that"):
        adain.stylize_folder(noise_image(40, 40), tmp_path / "arts", tmp_path / "out", stylizer=stylizer)
    with pytest.raises(TypeError, match="nonsense"):
        make(nonsense=1)
    with pytest.raises(InputError, match="a stylizer stays in this process"):
        make(jobs=2)
    with pytest.raises(InputError, match=r"^device and refine do not go with onnx: leave out one or the other$"):
        make(onnx=tmp_path, device="cpu", refine=3, stylizer=None)
    with pytest.raises(InputError, match="refine works on a picture, not on a sheet of them: leave out grid"):
        make(refine=1, grid=2)
    encoded = stylizer.encode_style(tmp_path / "arts" / "x.png")
    for styles in ([encoded], adain.Regions([adain.Region(encoded, noise_image(40, 36))])):
        with pytest.raises(InputError, match="refine needs artworks, not styles encoded already"):
            adain.stylize_folder(tmp_path / "photos", styles, tmp_path / "out", stylizer=stylizer, refine=1)
    assert not (tmp_path / "out").exists()
    (tmp_path / "photos" / "aa.png").write_text("no image")
    (tmp_path / "arts" / "z.png").write_text("no image")
    assert states(make("some")) == "ddffffddf"


def test_pairs_at_random(make: Make, tmp_path: Path) -> None:
    """Each photograph in as many styles as asked for; the same ones again, and with others beside it."""
    one = make(pairs="random", recursive=True, seed=3)
    assert [r.output.relative_to(tmp_path / "out").parts[0][:2] for r in one] == ["a_", "b_", "su"]
    assert states(make(pairs="random", recursive=True, seed=3)) == "sss"
    assert states(make(pairs="random", recursive=True, seed=3, styles_per_content=9)).count("s") == 3
    assert [r.output for r in make(pairs="random", seed=3)] == [r.output for r in one[:2]]
    assert {r.output.name for s in range(8) for r in make("all", pairs="random", seed=s)} == {
        f"{c}_stylized_{s}.png" for c in "ab" for s in "xy"
    }


def test_random_styles_are_held_on_the_disk(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "KEPT", 1)
    held: list[int] = []
    how: dict[str, Any] = {"stylizer": None, "model": "fast", "pairs": "random", "styles_per_content": 2}
    cache = tmp_path / "out" / ".adain-styles"
    first = make(**how, progress=lambda _: held.append(len(list(cache.iterdir()))))
    assert states(first) == "dddd"
    assert max(held) == 2
    assert not cache.exists()
    expected = {r.output.name: pixels(r.output) for r in make("product", stylizer=None, model="fast")}
    assert {r.output.name: pixels(r.output) for r in first} == expected
