from __future__ import annotations

from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import anyio
import pytest
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from adain.app import AppOptions, create_app, guard
from adain.app.errors import TooLarge, TooSlow
from adain.app.guard import HEADERS, Body
from adain.app.options import MEGABYTE
from adain.app.receive import BESIDE_FILE

TOKEN = "a secret".replace(" ", "-")


@pytest.fixture
def locked() -> Iterator[TestClient]:
    """A server that others reach, too."""
    app = create_app(AppOptions(host="0.0.0.0", token=TOKEN))
    with TestClient(app, base_url="http://127.0.0.1:7860", follow_redirects=False) as made:
        yield made


def status(client: TestClient, path: str = "/setup", **headers: str) -> int:
    response = client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    if response.status_code >= 400:
        assert list(response.json()) == ["error"]
        assert "\n" not in response.json()["error"]
    return response.status_code


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:7860", 200),
        ("localhost:7860", 200),
        ("LocalHost:7860", 200),
        ("[::1]:7860", 200),
        ("127.9.9.9:7860", 200),
        ("127.0.0.1", 403),
        ("127.0.0.1:80", 403),
        ("localhost:7861", 403),
        ("evil.example:7860", 403),
        ("localhost.evil.example:7860", 403),
        ("127.0.0.1.evil.example:7860", 403),
        ("10.0.0.1:7860", 403),
        ("evil@127.0.0.1:7860", 403),
        ("127.0.0.1:7860/x", 403),
        ("127.0.0.1:99999", 403),
        ("[::1", 403),
        (":7860", 403),
        ("", 403),
    ],
)
def test_hosts(client: TestClient, host: str, expected: int) -> None:
    assert status(client, host=host) == expected


def test_the_refusal_names_the_address(client: TestClient) -> None:
    assert client.get("/", headers={"Host": "evil.example"}).json() == {
        "error": "the host evil.example is not served here: use the address that adain app printed, such as "
        "127.0.0.1:7860"
    }
    with TestClient(client.app, base_url="http://[::1]:7860") as other:
        assert other.get("/health", headers={"Host": "x"}).json()["error"].endswith("such as [::1]:7860")


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://127.0.0.1:7860", 200),
        ("http://localhost:7860", 403),  # another name is another origin
        ("http://127.0.0.1:3000", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("file://", 403),
        ("chrome-extension://127.0.0.1:7860", 403),
    ],
)
def test_origins(client: TestClient, origin: str, expected: int) -> None:
    assert status(client, origin=origin) == expected


@pytest.mark.parametrize(
    ("path", "site", "mode", "destination", "expected"),
    [
        ("/setup", "same-origin", "cors", "empty", 200),
        ("/setup", "none", "navigate", "document", 200),
        ("/setup", "cross-site", "no-cors", "image", 403),
        ("/setup", "same-site", "no-cors", "script", 403),
        ("/setup", "cross-site", "navigate", "document", 403),
        ("/", "cross-site", "navigate", "document", 200),
        ("/", "cross-site", "navigate", "iframe", 403),
        ("/", "cross-site", "no-cors", "image", 403),
    ],
)
def test_where_requests_come_from(
    client: TestClient, path: str, site: str, mode: str, destination: str, expected: int
) -> None:
    assert status(client, path, sec_fetch_site=site, sec_fetch_mode=mode, sec_fetch_dest=destination) == expected


@pytest.mark.parametrize("path", ["/", "/page/index.html", "/setup", "/nothing"])
def test_every_answer_has_the_headers(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert {name: response.headers.get(name) for name in HEADERS} == dict(HEADERS)
    assert "unsafe" not in response.headers["content-security-policy"]
    assert response.headers["cache-control"] == ("no-store" if path in ("/setup", "/nothing") else "no-cache")
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_refusals_have_them_too(client: TestClient) -> None:
    response = client.get("/", headers={"Host": "evil.example"})
    assert response.status_code == 403
    assert response.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
    assert client.options("/setup", headers={"Origin": "http://evil.example"}).status_code == 403


# Tokens


def test_nothing_but_health_without_a_token(locked: TestClient) -> None:
    assert status(locked, "/health") == 200
    for path in ("/", "/page/index.html", "/setup", "/metrics", "/nothing"):
        assert status(locked, path) == 401
    assert locked.get("/").headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN}", 200),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        ("Bearer", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        ("Bearer \xe9\xff", 401),
    ],
)
def test_bearers(locked: TestClient, given: str, expected: int) -> None:
    assert locked.get("/setup", headers={"Authorization": given.encode("latin-1")}).status_code == expected


def test_the_printed_address_leaves_a_cookie(locked: TestClient) -> None:
    response = locked.get(f"/?token={TOKEN}")
    assert (response.status_code, response.headers["location"]) == (303, "/")
    ((name, cookie),) = SimpleCookie(response.headers["set-cookie"]).items()
    assert name == "adain_7860"
    assert cookie["httponly"]
    assert cookie["samesite"] == "strict"
    assert TOKEN not in response.headers["set-cookie"]
    assert status(locked, "/") == 200  # the client keeps it
    assert status(locked, "/setup") == 200


def test_a_link_of_another_site_leads_on_by_a_page_of_our_own(locked: TestClient) -> None:
    """Browsers keep strict cookies from what another site's link is redirected to."""
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    response = locked.get(f"/?token={TOKEN}", headers=link)
    assert response.status_code == 200
    assert "url=/" in response.text
    assert "set-cookie" in response.headers
    assert status(locked, "/") == 200


@pytest.mark.parametrize("address", ["/?token=wrong", "/?token=", f"/setup?token={TOKEN}", f"/?token={TOKEN}&token=x"])
def test_other_addresses_do_not(locked: TestClient, address: str) -> None:
    response = locked.get(address)
    assert response.status_code == 401
    assert "set-cookie" not in response.headers


def test_a_cookie_of_another_token_is_none(locked: TestClient) -> None:
    locked.cookies.set("adain_7860", guard.digest("another"))
    assert status(locked) == 401
    locked.cookies.clear()
    locked.cookies.set("adain_7861", guard.digest(TOKEN))
    assert status(locked) == 401


def test_where_others_are_let_in_any_host_is_but_no_foreign_page(locked: TestClient) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}", "Host": "paint.example"}
    assert locked.get("/setup", headers=bearer).status_code == 200
    assert locked.get("/setup", headers={**bearer, "Origin": "https://paint.example"}).status_code == 200
    assert locked.get("/setup", headers={**bearer, "Origin": "https://evil.example"}).status_code == 403


def test_a_token_is_asked_for_on_this_machine_too_if_one_is_given() -> None:
    with TestClient(create_app(AppOptions(token=TOKEN)), base_url="http://127.0.0.1:7860") as client:
        assert status(client) == 401
        assert status(client, host="evil.example") == 403


# Bodies


def test_bodies_that_say_that_they_are_too_large(client: TestClient) -> None:
    for path, most in (("/stylize", MEGABYTE), ("/contents", 200 * MEGABYTE + BESIDE_FILE)):
        response = client.post(path, headers={"Content-Length": str(most + 1)}, content=b"")
        assert response.status_code == 413
        assert ("--max-upload" if path == "/contents" else "/contents") in response.json()["error"]


def test_a_body_is_refused_while_it_comes(client: TestClient) -> None:
    async def count(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    client.app.add_route("/count", count, methods=["POST"])  # type: ignore[attr-defined]
    assert client.post("/count", content=b"x" * MEGABYTE).text == str(MEGABYTE)
    response = client.post("/count", content=iter([b"x" * MEGABYTE, b"x"]))
    assert (response.status_code, response.json()["error"][:21]) == (413, "a body may have 10485")


def messages(*parts: bytes, whole: bool = True) -> Any:
    left = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if whole and left:
        left[-1]["more_body"] = False

    async def receive() -> Any:
        if left:
            return left.pop(0)
        return await anyio.sleep_forever()

    return receive


def test_parts_are_counted() -> None:
    async def main() -> None:
        body = Body(messages(b"12345", b"67890", b"1"), 10, Headers({}))
        assert (await body.receive())["body"] == b"12345"
        assert (await body.receive())["more_body"]
        with pytest.raises(TooLarge):
            await body.receive()

    anyio.run(main)


@pytest.mark.parametrize(("idle", "whole"), [(0.01, 300.0), (20.0, 0.01)])
def test_a_slow_body_is_given_up(monkeypatch: pytest.MonkeyPatch, idle: float, whole: float) -> None:
    monkeypatch.setattr(guard, "IDLE_SECONDS", idle)
    monkeypatch.setattr(guard, "BODY_SECONDS", whole)

    async def main() -> None:
        body = Body(messages(whole=False), 10, Headers({}))
        with pytest.raises(TooSlow):
            await body.receive()

    anyio.run(main)


def test_who_has_sent_all_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """For an answer that is made over time, such as the events of a job."""
    monkeypatch.setattr(guard, "IDLE_SECONDS", 0.01)

    async def main() -> None:
        body = Body(messages(b""), 10, Headers({}))
        await body.receive()
        with anyio.move_on_after(0.1) as scope:
            await body.receive()
        assert scope.cancelled_caught

    anyio.run(main)


# Counts


def test_requests_are_counted(client: TestClient) -> None:
    client.get("/health")
    client.request("BREW", "/health")
    lines = client.get("/metrics").text.splitlines()
    assert 'adain_requests_total{method="GET",status="200"} 1' in lines
    assert 'adain_requests_total{method="other",status="405"} 1' in lines


def test_what_comes_in_the_end_is_told_so(client: TestClient) -> None:
    client.app.state.site.is_stopping = True  # type: ignore[attr-defined]
    assert status(client, "/health") == 503
