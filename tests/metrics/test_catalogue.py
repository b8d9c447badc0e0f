from __future__ import annotations

import importlib

import pytest

from adain._utils.errors import InputError
from adain.metrics.catalogue import METRICS, choose, layers_for
from adain.nn.layers import LATTICE_SIZE
from adain.nn.vgg import STYLE_LAYERS

NETWORKS = ("lpips", "artfid", "labels", "segment")


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_every_measure_is_defined_and_documented(metric: object) -> None:
    path = METRICS[metric.name].definition.split(".")  # type: ignore[attr-defined]
    cut = next(k for k, part in enumerate(path) if part[:1].isupper() or k == len(path) - 1)
    found = importlib.import_module(".".join(["adain", *path[:cut]]))
    for part in path[cut:]:
        found = getattr(found, part)
    text = (found.__doc__ or "").lower()
    assert "better" in text
    assert any(sign in text for sign in ("≥", "in ``[", "from 0", "> 0")), "no range"
    assert any(sign in text for sign in (r"\d{4}", ".. math", "project's own", "wall clock", "201", "202"))


def test_all_that_can_be_had() -> None:
    names = [metric.name for metric in choose(None, stylising=False)]
    assert "ssim" in names
    assert not {"lpips", "fid", "artfid", "ms", "alpha-falls", "warping-error"} & set(names)
    everything = choose(None, stylising=True, networks=NETWORKS)
    assert everything == list(METRICS.values())
    one_style = choose(None, stylising=True, styles=1)
    assert {m.name for m in choose(None, stylising=True)} - {m.name for m in one_style} == {
        "blend-moves",
        "blend-setback",
        "path-blend",
    }


def test_those_named_in_the_order_of_the_tables() -> None:
    assert [m.name for m in choose(["ssim", "gram"], stylising=False)] == ["gram", "ssim"]
    chosen = choose(["artfid"], stylising=False, networks=NETWORKS)
    assert [m.name for m in chosen] == ["lpips", "fid", "artfid"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["simm"], "no measure 'simm': did you mean 'ssim'?"),
        (["xyzzy"], "use one of style-residual"),
        (["ms"], "add --stylize"),
        (["lpips"], "--lpips-backbone"),
        (["fid"], "--artfid-inception"),
        ([], "no measure was named"),
    ],
)
def test_those_that_cannot_be_had(names: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        choose(names, stylising=False)
    assert message in str(caught.value)


def test_a_blend_needs_two_styles() -> None:
    with pytest.raises(InputError, match="blend-moves needs at least 2 styles"):
        choose(["blend-moves"], stylising=True, styles=1)


def test_a_lattice_needs_room() -> None:
    """Of small pictures it is left out, unless it is asked for by name."""
    assert "lattice" in {m.name for m in choose(None, stylising=False, size=LATTICE_SIZE)}
    assert "lattice" not in {m.name for m in choose(None, stylising=False, size=LATTICE_SIZE - 1)}
    with pytest.raises(InputError, match="lattice needs pictures of 64 px or more, not 63: use a larger --size"):
        choose(["lattice"], stylising=False, size=LATTICE_SIZE - 1)


def test_no_more_is_computed_than_needed() -> None:
    assert layers_for(["ssim"]) == ("relu1_1",)
    assert layers_for(["cfsd", "ssim"]) == ("relu3_1",)
    assert layers_for(["style-loss"]) == STYLE_LAYERS
    assert layers_for(["vgg-fd"]) == ("relu5_1",)
    assert layers_for(METRICS) == (*STYLE_LAYERS, "relu5_1")
