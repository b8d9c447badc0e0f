from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
from starlette.testclient import TestClient

from adain import InputError, MissingFileError
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


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
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


def test_the_folder_is_gone_in_the_end() -> None:
    app = create_app(AppOptions())
    folder: Path = app.state.site.folder
    with TestClient(app, base_url="http://127.0.0.1:7860") as client:
        assert folder.is_dir()
        assert client.get("/health").json()["status"] == "ok"
        (folder / "x").write_text("x")
    assert not folder.exists()
