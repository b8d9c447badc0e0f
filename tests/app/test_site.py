from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
from starlette.testclient import TestClient

from adain import DiskFullError, InputError, MissingFileError
from adain.app import AppOptions, Site, create_app
from adain.app.errors import Forgotten, TooMany


def raising(client: TestClient, error: Exception) -> None:
    async def fail(request: object) -> NoReturn:
        raise error

    client.app.add_route("/fails", fail)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (InputError("alpha must be\nless"), 422, "alpha must be less"),
        (MissingFileError("x.jpg does not exist"), 404, "x.jpg does not exist"),
        (Forgotten("that picture is forgotten: upload it again"), 404, "that picture is forgotten: upload it again"),
        (TooMany("8 pictures are waited for", 7), 429, "8 pictures are waited for"),
        (MemoryError(), 507, "out of memory"),
        (RuntimeError("secret\nand more"), 500, "something went wrong in the server"),
    ],
)
def test_errors_are_one_line(
    client: TestClient, caplog: pytest.LogCaptureFixture, error: Exception, status: int, text: str
) -> None:
    raising(client, error)
    response = client.get("/fails")
    assert response.status_code == status
    assert list(response.json()) == ["error"]
    assert response.json()["error"].startswith(text)
    assert response.headers.get("retry-after") == ("7" if status == 429 else None)
    assert len(caplog.records) == (status == 500)
    if caplog.records:
        assert caplog.records[0].getMessage().startswith("GET /fails: RuntimeError: secret (test_site.py:")
        assert caplog.records[0].exc_info is None


def test_no_path_of_this_machine_is_answered(client: TestClient) -> None:
    site: Site = client.app.state.site  # type: ignore[attr-defined]
    raising(client, InputError(f"cannot read {site.folder}/contents/a-B_1/my photo.jpg: it is cut short"))
    assert client.get("/fails").json()["error"] == "cannot read my photo.jpg: it is cut short"


def test_nor_of_a_folder_itself(client: TestClient) -> None:
    site: Site = client.app.state.site  # type: ignore[attr-defined]
    raising(client, DiskFullError(f"there is no space left in {site.folder}: free some"))
    response = client.get("/fails")
    assert response.status_code == 507
    assert response.json()["error"] == f"there is no space left in {site.folder.name}: free some"


def test_what_was_sent_can_always_be_answered(client: TestClient) -> None:
    raising(client, InputError("no option \ud800\x00\x1b[31m" + "x" * 10_000))
    text = client.get("/fails").json()["error"]
    assert text.startswith("no option \ufffd\ufffd\ufffd[31mxxx")
    assert len(text) < 510


def test_errors_of_tasks_are_those_in_them(client: TestClient) -> None:
    raising(client, ExceptionGroup("tasks", [InputError("one thing")]))
    assert client.get("/fails").json() == {"error": "one thing"}


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/a%0Ab%1B%00", 404, "there is no /a\ufffdb\ufffd\ufffd: "),
        ("GET", "/" + 9000 * "x", 404, "there is no /xxx"),
        ("GET", "/health/", 404, "there is no /health/: "),
        ("GET", "/nothing", 404, "there is no /nothing: /openapi.json lists what there is"),
        ("GET", "/page/../site.py", 404, "there is no "),
        ("GET", "/page/%2e%2e/site.py", 404, "there is no "),
        ("DELETE", "/health", 405, "/health does not take DELETE: use "),
    ],
)
def test_what_there_is_not(client: TestClient, method: str, path: str, status: int, text: str) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert response.json()["error"].startswith(text)
    assert len(response.json()["error"]) < 200


def test_the_folder_is_gone_in_the_end() -> None:
    app = create_app(AppOptions())
    folder: Path = app.state.site.folder
    with TestClient(app, base_url="http://127.0.0.1:7860") as client:
        assert folder.is_dir()
        assert client.get("/health").json()["status"] == "ok"
        (folder / "x").write_text("x")
    assert not folder.exists()
