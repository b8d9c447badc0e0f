from __future__ import annotations

import importlib.util
import socket
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from adain.app import AppOptions, needs
from tests.conftest import one_line_error

Run = Callable[..., Result]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[AppOptions]:
    """What the server is started with, which ends at once by Ctrl-C."""
    found: list[AppOptions] = []

    def run(options: AppOptions, tell: Callable[[list[str]], object]) -> str:
        found.append(options)
        tell(["http://127.0.0.1:7860/"])
        return "SIGINT"

    monkeypatch.setattr("adain.app.run_app", run, raising=False)
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", {}),
        ("--no-browser --port 0", {"browser": False, "port": 0}),
        ("--host ::1 --token 12345678 --artworks dir", {"host": "::1", "token": "12345678", "artworks": "dir"}),
        ("--model classic --preview-model vgg19 --preview-size 384",
         {"model": "classic", "preview_model": "vgg19", "preview_size": 384}),
        ("--max-upload 5 --max-pixels 1000 --max-jobs 1 --job-minutes 0.5 --keep 64 --max-connections 9",
         {"max_upload": 5, "max_pixels": 1000, "max_jobs": 1, "job_minutes": 0.5, "keep": 64, "max_connections": 9}),
    ],
)  # fmt: skip
def test_flags(run_cli: Run, started: list[AppOptions], line: str, expected: dict[str, Any]) -> None:
    result = run_cli("app", *line.split())
    assert result.exit_code == 130
    assert result.stdout == "http://127.0.0.1:7860/\n"
    assert result.stderr == "adain app: Ctrl-C ends it\n"
    assert [options.given() for options in started] == [expected]


def test_quiet(run_cli: Run, started: list[AppOptions]) -> None:
    assert run_cli("app", "-q").stderr == ""
    assert len(started) == 1


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("--host 0.0.0.0", "--host 0.0.0.0 lets other machines in: give a secret as well, such as --token "),
        ("--host nowhere.invalid", "there is no host 'nowhere.invalid'"),
        ("--token short", "--token is at least 8 letters"),
        ("--port 70000", "must be between 0 and 65535"),
        ("--model none-such", "none-such"),
        ("--preview-model none-such", "none-such"),
        ("--artworks none-such", "none-such"),
    ],
)
def test_refused(run_cli: Run, line: str, text: str) -> None:
    assert text in one_line_error(run_cli("app", "--no-browser", *line.split()))


def test_a_port_that_is_taken(run_cli: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = one_line_error(run_cli("app", "--no-browser", "--port", port))
    assert f"port {port} is taken: give another by --port" in message


def test_what_is_not_installed(run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(needs.importlib.util, "find_spec", lambda name: None if name == "uvicorn" else found(name))
    message = one_line_error(run_cli("app"))
    assert message.endswith('the page needs uvicorn: pip install "adain[app]"')
