from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable

import click
import pytest
from click.testing import Result

from adain.cli.main import main
from adain.cli.reporting import bars_hidden, is_quiet, warn
from tests.conftest import one_line_error

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _command_that_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """``adain styles``, which tells of bars, and warns and logs in every way there is."""

    def tell(**options: object) -> None:
        click.echo(f"quiet {is_quiet()}, bars hidden {bars_hidden()}")
        warn("colours are few")
        warnings.warn("frames are few", stacklevel=1)
        logging.getLogger("adain.nn").info("device %s", "cpu")
        logging.getLogger("adain.nn").debug("reading a file")

    monkeypatch.setattr(main.commands["styles"], "callback", tell)


@pytest.mark.parametrize("arguments", [("styles", "-q"), ("-q", "styles"), ("styles", "--quiet")])
@pytest.mark.filterwarnings("error")
def test_quiet(run_cli: Run, arguments: tuple[str, ...]) -> None:
    result = run_cli(*arguments)
    assert result.exit_code == 0, result.exception
    assert (result.stdout, result.stderr) == ("quiet True, bars hidden True\n", "")
    with pytest.raises(UserWarning, match="frames"):
        warnings.warn("frames are few", stacklevel=1)


def test_quiet_does_not_hide_errors(run_cli: Run) -> None:
    assert "No such option" in one_line_error(run_cli("-q", "styles", "--none"))


@pytest.mark.filterwarnings("ignore:frames")
def test_neither(run_cli: Run) -> None:
    result = run_cli("styles")
    assert result.stdout == "quiet False, bars hidden True\n"
    assert result.stderr == "adain styles: warning: colours are few\n"


@pytest.mark.filterwarnings("ignore:frames")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("styles", "-v"), ["device cpu"]),
        (("-v", "styles"), ["device cpu"]),
        (("-v", "styles", "-v"), ["device cpu"]),
        (("styles", "-vv"), ["device cpu", "reading a file"]),
    ],
)
def test_verbose(run_cli: Run, arguments: tuple[str, ...], told: list[str]) -> None:
    before = (logging.getLogger("adain").level, logging.getLogger("adain").handlers[:])
    result = run_cli(*arguments)
    assert result.exit_code == 0, result.exception
    warning, *lines = result.stderr.splitlines()
    assert warning == "adain styles: warning: colours are few"
    assert [line.split(" s  ")[1] for line in lines] == told
    assert all(line.startswith("adain: ") and float(line.split()[1]) < 60 for line in lines)
    assert (logging.getLogger("adain").level, logging.getLogger("adain").handlers) == before


@pytest.mark.parametrize("arguments", [("-q", "styles", "-v"), ("styles", "-v", "-q"), ("-qv", "styles")])
def test_one_of_them(run_cli: Run, arguments: tuple[str, ...]) -> None:
    assert "give one of them" in one_line_error(run_cli(*arguments))


def test_bars_need_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert not bars_hidden()
    with click.Context(main) as context:
        context.meta["adain.verbosity"] = {"quiet": 1}
        assert bars_hidden()
