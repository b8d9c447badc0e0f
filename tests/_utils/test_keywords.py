"""Functions whose keywords are the fields of an options class: when they are called, and as type checkers see them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import adain
from adain._utils.declare import Declared, attachment, option
from adain._utils.errors import InputError
from adain._utils.keywords import takes
from adain.options import Options
from adain.stylizer.stylizer import Stylizer

from ..conftest import ROOT, noise_image


@dataclass(frozen=True, kw_only=True)
class Base(Declared):
    """What anything may be."""

    size: int = option(3, "How large.", low=1)


@dataclass(frozen=True, kw_only=True)
class Own(Base):
    """And what this is, too."""

    name: str = option("x", "Of it.")
    tell: Callable[[int], object] | None = attachment("Called.")


@takes(Own).two
def pair(a: int, b: str, options: Own) -> tuple[Any, ...]:
    """Two things."""
    return a, b, options


@takes(Own).three
def triple(a: int, b: str, c: float, options: Own) -> tuple[Any, ...]:
    """Three things."""
    return a, b, c, options


class Maker:
    @takes(Own).method
    def make(self, a: int, b: str, options: Own) -> tuple[Any, ...]:
        """Of a class."""
        return self, a, b, options


def test_options_or_keywords_or_both() -> None:
    assert pair(1, "b") == (1, "b", Own())
    assert pair(1, "b", size=5) == (1, "b", Own(size=5))
    assert pair(1, "b", Own(size=5, name="y"), name="z") == (1, "b", Own(size=5, name="z"))
    assert pair(1, "b", Base(size=5), name="z") == (1, "b", Own(size=5, name="z"))
    assert pair(1, "b", None, name="z") == (1, "b", Own(name="z"))
    assert triple(1, "b", 0.5, Own(size=2)) == (1, "b", 0.5, Own(size=2))
    maker = Maker()
    assert maker.make(1, "b", size=2) == (maker, 1, "b", Own(size=2))
    own = Own(tell=print)
    assert pair(1, "b", own)[2] is own


def test_wrong_calls() -> None:
    with pytest.raises(TypeError, match="'sise'"):
        pair(1, "b", sise=5)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="'b'"):
        pair(1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="too many positional"):
        pair(1, "b", Own(), 4)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="'sise'"):
        Maker().make(1, "b", sise=5)
    with pytest.raises(InputError, match="options are an Options object, not int: give settings by name"):
        pair(1, "b", 5)
    with pytest.raises(InputError, match="size must be a whole number"):
        pair(1, "b", size=0)


def test_signatures_are_those_of_the_class() -> None:
    assert str(inspect.signature(pair)) == (
        "(a: 'int', b: 'str', options: 'Own | None' = None, /, *, size: 'int' = 3, name: 'str' = 'x', "
        "tell: 'Callable[[int], object] | None' = None) -> 'tuple[Any, ...]'"
    )
    assert (pair.__name__, pair.__doc__) == ("pair", "Two things.")  # type: ignore[attr-defined]
    names = list(inspect.signature(Stylizer.stylize).parameters)
    assert names[:4] == ["self", "content", "style", "options"]
    assert set(Options.declared()) < set(names[4:])
    assert list(inspect.signature(adain.stylize_folder).parameters)[:4] == ["contents", "styles", "output", "options"]


def test_the_stylizer_takes_either(stylizer: Stylizer) -> None:
    photo, art = noise_image(40, 32), noise_image(32, 32, 2)
    options = Options(style_size=32, alpha=0.5)
    expected = stylizer.stylize(photo, art, style_size=32, alpha=0.5).tobytes()
    assert stylizer.stylize(photo, art, options).tobytes() == expected
    assert stylizer.stylize(photo, art, options.change(alpha=1), alpha=0.5).tobytes() == expected
    with pytest.raises(TypeError, match="'stile'"):
        stylizer.stylize(photo, art, stile=3)  # type: ignore[call-overload]


CALLS = """
import torch
from PIL.Image import Image

import adain
from adain.options import Options

stylizer = adain.Stylizer.from_pretrained()
options = Options(alpha=0.5, masks=["a.png"])

picture: Image = stylizer.stylize("a.jpg", "b.jpg")
picture = stylizer.stylize("a.jpg", ["b.jpg", "c.jpg"], options, style_size=256, color=["luminance", None])
tensor: torch.Tensor = stylizer.stylize(torch.rand(1, 3, 8, 8), "b.jpg", alpha=0.5)
results = adain.stylize_folder(["a"], "b", "c", options, jobs=2, gradient="radial")

stylizer.stylize("a.jpg", "b.jpg", style_size="a")  # wrong: style_size
stylizer.stylize("a.jpg", "b.jpg", stile=3)  # wrong: stile
stylizer.stylize("a.jpg", "b.jpg", color="sepia")  # wrong: color
stylizer.stylize("a.jpg")  # wrong: style
adain.stylize_folder("a", "b", "c", jobs="two")  # wrong: jobs
adain.stylize_folder("a", "b", "c", job=2)  # wrong: job
Options(grid="a")  # wrong: grid
"""


@pytest.mark.slow
def test_type_checkers_know_the_keywords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = pytest.importorskip("mypy.api")
    (tmp_path / "calls.py").write_text(CALLS)
    monkeypatch.setenv("MYPYPATH", str(ROOT))
    # With the cache of the check of all modules, which is a minute's work where there is none.
    cache = ["--cache-dir", str(ROOT / ".mypy_cache")]
    report, errors, _ = api.run(["--config-file", str(ROOT / "setup.cfg"), *cache, str(tmp_path / "calls.py")])
    assert errors == ""
    wrong = {number for number, line in enumerate(CALLS.splitlines(), 1) if "# wrong" in line}
    found = {int(line.split(":")[1]) for line in report.splitlines() if "calls.py:" in line and ": error: " in line}
    assert found == wrong, report
