"""``adain bank``: built, told of, fitted and searched from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from adain.augment import StyleBank
from adain.cli.main import main
from tests.conftest import noise_image


def adain(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["bank", *map(str, arguments)])


@pytest.fixture
def art(tmp_path: Path) -> Path:
    for k, name in enumerate(("klee/a.png", "klee/b.png", "monet/c.png")):
        (tmp_path / "art" / name).parent.mkdir(parents=True, exist_ok=True)
        noise_image(40, 36, k).save(tmp_path / "art" / name)
    return tmp_path / "art"


def test_from_pictures_to_the_nearest(art: Path, tmp_path: Path) -> None:
    bank, alone = tmp_path / "bank.safetensors", tmp_path / "alone.safetensors"
    made = adain("build", art, "-o", bank, "--model", "fast", "--style_size", 32, "--licence", "CC0-1.0")
    assert made.exit_code == 0, made.output
    assert "3 styles" in made.stdout
    told = json.loads(adain("info", bank, "--json").stdout)
    assert (told["styles"], told["model"], told["channels"], told["style_size"]) == (3, "fast", 384, 32)
    assert told["classes"] == {"klee": 2, "monet": 1}
    assert told["licences"] == {"CC0-1.0": 3}
    assert told["bytes"] == bank.stat().st_size
    lines = adain("info", bank).stdout.splitlines()
    assert "classes          klee (2), monet (1)" in lines

    found = adain("search", art / "klee" / "b.png", bank, "-n", 2, "--json")
    records = [json.loads(line) for line in found.stdout.splitlines()]
    assert records[0]["name"] == "klee/b"
    assert records[0]["distance"] < 0.01 < records[1]["distance"]

    fitted = adain("fit", bank, "-o", alone, "--rank", 1, "--origin", "licence=CC0-1.0")
    assert fitted.exit_code == 0, fitted.output
    told = json.loads(adain("info", alone, "--json").stdout)
    assert (told["styles"], told["rank"], told["origin_licence"], told["origin_styles"]) == (0, 1, "CC0-1.0", "3")
    drawn = StyleBank.open(alone)
    assert len(drawn) == 0
    assert drawn.random_style(4, 1).std.shape == (4, 384, 1, 1)
    refused = adain("search", art / "monet" / "c.png", bank, "--model", "vgg19")
    assert refused.exit_code == 2
    assert "holds styles of the model 'fast'" in refused.stderr


def test_some_cannot_be_read(art: Path, tmp_path: Path) -> None:
    (art / "bad.png").write_bytes(b"no picture")
    made = adain("build", art, "-o", tmp_path / "bank.safetensors", "--model", "fast", "--style-size", 32)
    assert made.exit_code == 1
    assert f"skipped: {art / 'bad.png'}" in made.stderr
    assert "3 styles, 1 picture skipped" in made.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("info", "nowhere.safetensors"), "no such file"),
        (("build", "nowhere", "-o", "bank.safetensors"), "no such file or folder"),
        (("build", "nowhere", "-o", "bank.png"), "must end in .safetensors"),
        (("fit", "nowhere.safetensors", "-o", "x.safetensors", "--origin", "x"), "--origin is NAME=TEXT"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], message: str) -> None:
    refused = adain(*arguments)
    assert refused.exit_code == 2
    assert message in refused.stderr
