from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result

import adain
from tests.conftest import one_line_error, python

Run = Callable[..., Result]


def test_help_names_every_command(run_cli: Run) -> None:
    result = run_cli("--help")
    assert result.exit_code == 0
    for command in ("stylize", "train", "weights", "demo"):
        assert f"\n  {command} " in result.stdout


def test_no_arguments_shows_the_help(run_cli: Run) -> None:
    result = run_cli()
    assert result.exit_code == 2
    assert "Usage" in result.stderr


def test_version(run_cli: Run) -> None:
    assert run_cli("--version").stdout.strip() == f"adain, version {adain.__version__}"


def test_unknown_command(run_cli: Run) -> None:
    assert "stylise" in one_line_error(run_cli("stylise"))


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (MemoryError(), 2, "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), 2, "out of memory"),
        (OSError(28, "No space left on device", "x.png"), 2, "x.png: No space left"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_failures_end_in_one_line(
    run_cli: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, text: str
) -> None:
    from adain.cli.main import main

    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(main.commands["demo"], "callback", fail)
    result = run_cli("demo")
    assert result.exit_code == code
    assert text in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        ("stylize", "use a smaller --content-size or --style-size, or --device cpu"),
        ("video", "use a smaller --content-size or --style-size, or --device cpu"),
        ("refine", "use a smaller --content-size or --style-size, or --device cpu"),
        ("evaluate", "use a smaller --size, or --device cpu"),
        ("train", "use a smaller --batch-size, or --device cpu"),
        ("demo", "use a smaller --cell, or --device cpu"),
        ("export", "end other programs that take much of it"),
        ("weights", "end other programs that take much of it"),
    ],
)
def test_what_helps_against_little_memory_is_what_the_command_has(command: str, advice: str) -> None:
    from adain.cli.main import main, memory_advice

    chosen = main.commands[command]
    told = memory_advice(chosen, RuntimeError("CUDA out of memory. Tried to allocate"))
    assert told == f"out of memory: {advice}"
    known = {name for option in chosen.params for name in option.opts}
    assert {word.strip(",") for word in told.split() if word.startswith("--")} <= known
    assert "--device" not in memory_advice(chosen, MemoryError())  # it was the memory of the CPU


def test_programming_errors_are_not_hidden(run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from adain.cli.main import main

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(main.commands["demo"], "callback", fail)
    assert isinstance(run_cli("demo").exception, RuntimeError)


def test_help_does_not_wait_for_torch() -> None:
    code = """
import json, sys
from adain.cli import main
try:
    main(["stylize", "--help"])
except SystemExit:
    pass
"""
    import subprocess
    import sys

    check = code + "\nprint(json.dumps('torch' in sys.modules))"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "false"


def test_stylising_needs_no_torchvision_or_kornia() -> None:
    found = python(
        """
import json, sys
import numpy as np
from PIL import Image
import adain
stylizer = adain.Stylizer.from_pretrained(device="cpu")
image = Image.fromarray(np.zeros((16, 16, 3), np.uint8))
stylizer.stylize(image, image, style_size=16)
print(json.dumps({"heavy": [m for m in ("torchvision", "kornia", "matplotlib") if m in sys.modules]}))
"""
    )
    assert found == {"heavy": []}


def test_every_public_name_is_there() -> None:
    for name in adain.__all__:
        assert getattr(adain, name) is not None
    assert set(adain.__all__) <= set(dir(adain))
    with pytest.raises(AttributeError):
        adain.no_such_name  # noqa: B018
