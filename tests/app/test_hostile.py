"""A server under some hundreds of hostile requests: a line each, and nothing left of them."""

from __future__ import annotations

import io
import json
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import pytest

from benchmarks.serving import HOST, Answer, Server
from tests.conftest import noise_image

from . import hostile
from .raw import Case, answered, posted, request, send

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc"),
]

MOST_PIXELS = 1_000_000
MOST_BYTES = 1_000_000
LIMITS = ("--max-upload", 1, "--max-pixels", MOST_PIXELS, "--max-jobs", 4, "--keep", 16, "--model", "fast")


@pytest.fixture(scope="module")
def photo() -> bytes:
    data = io.BytesIO()
    noise_image(96, 64, 3).save(data, "PNG")
    return data.getvalue()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("hostile"), *LIMITS, threads=1) as started:
        yield started


@pytest.fixture(scope="module")
def known(server: Server, photo: bytes) -> hostile.Known:
    ids = {kind: server.ask("POST", f"/{kind}?name=a.png", photo).json["id"] for kind in hostile.PLACES}
    return hostile.Known(server.port, ids["contents"], ids["styles"], ids["masks"])


def one_line(answer: Answer, name: str, server: Server) -> None:
    """A refusal is a line that tells nothing of the machine."""
    assert 400 <= answer.status < 500, (name, answer)
    told = answer.body.decode()
    if answer.headers.get("content-type", "").startswith("application/json"):
        parsed = json.loads(told)
        assert set(parsed) == {"error"}, (name, told)
        told = parsed["error"]
    else:  # what is no HTTP never comes to the application
        assert answer.status == 400, (name, answer)
    assert told.strip(), name
    assert len(told) < 1000, (name, told)
    assert len(told.splitlines()) == 1, (name, told)
    for word in ("Traceback", "site-packages", str(server.folder), 'File "'):
        assert word not in told, (name, told)


def follow(server: Server, job: str) -> dict[str, object]:
    """A job's last state."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        state: dict[str, object] = server.ask("GET", f"/jobs/{job}").json
        if state["state"] not in ("waiting", "working"):
            return state
        time.sleep(0.02)
    raise AssertionError(f"{job} does not end")


def settle(server: Server, case: Case, answer: Answer | None) -> None:
    """See that an answer is as it may be; a job is waited for, and forgotten."""
    status = None if answer is None else answer.status
    assert status in case.expected, (case.name, answer)
    if answer is None:
        return
    if status == 202:
        state = follow(server, answer.json["job"])
        assert state["state"] in ("done", "failed"), (case.name, state)
        if state["state"] == "failed":
            assert len(str(state["error"]).splitlines()) == 1, (case.name, state)
            assert str(server.folder) not in str(state["error"]), (case.name, state)
        assert server.ask("DELETE", f"/jobs/{answer.json['job']}").status == 204
    elif status == 201:
        made = answer.json
        assert not set(made["name"]) & set("/\\\0\r\n"), (case.name, made)
    elif answer.status >= 400:
        one_line(answer, case.name, server)


def cases(known: hostile.Known, photo: bytes) -> list[Case]:
    made = [
        *hostile.uploads(known, photo, MOST_BYTES + (1 << 17), MOST_PIXELS), *hostile.addresses(known),
        *hostile.bodies(known), *hostile.options(known), *hostile.strangers(known), *hostile.no_http(known),
    ]  # fmt: skip
    assert len(made) > 200
    return made


def each_by_itself(server: Server, known: hostile.Known, photo: bytes) -> None:
    faults, refused = [], 0
    for case in cases(known, photo):
        try:
            answer = send(server.port, case.data, case.is_cut_off)
            settle(server, case, answer)
            refused += answer is not None and answer.status >= 400
        except (AssertionError, TimeoutError) as error:
            faults.append(str(error) or f"{case.name}: no answer")
    assert not faults, "\n".join(faults)
    assert refused > 400


def fifty_at_once(server: Server, known: hostile.Known, photo: bytes) -> None:
    """Each is served, or told that there are too many; and one after another they all are."""

    def all_at_once(data: list[bytes]) -> list[Answer]:
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda each: send(server.port, each, patience=60), data))
        assert None not in answers
        for answer in answers:
            assert answer is not None
            if answer.status >= 400:
                assert answer.status in (409, 429, 503), answer
                one_line(answer, "at once", server) if answer.status < 500 else None
            if answer.status == 429:
                assert int(answer.headers["retry-after"]) > 0
        return [answer for answer in answers if answer is not None]

    answers = all_at_once([request("POST", f"/contents?name=n{k}.png", photo, server.port) for k in range(50)])
    ids = {answer.json["id"] for answer in answers if answer.status == 201}
    assert ids
    for each in ids:
        assert server.ask("DELETE", f"/contents/{each}").status == 204
    one_slot = [posted("/stylize", known.order(slot="one"), server.port)] * 50
    assert 200 in {answer.status for answer in all_at_once(one_slot)}
    own_slots = [posted("/stylize", known.order(slot=f"slot {k}"), server.port) for k in range(50)]
    assert 200 in {answer.status for answer in all_at_once(own_slots)}
    answers = all_at_once([posted("/stylize", known.order(preview=False), server.port)] * 50)
    jobs = [answer.json["job"] for answer in answers if answer.status == 202]
    assert 0 < len(jobs) <= 50
    for job in jobs:
        assert follow(server, job)["state"] == "done"
        assert server.ask("DELETE", f"/jobs/{job}").status == 204


def cancelled_in_every_state(server: Server, known: hostile.Known) -> None:
    order = known.order(preview=False, options={"content_size": 700, "correct": 2})
    jobs = [server.ask("POST", "/stylize", order).json["job"] for _ in range(3)]

    def state(job: str) -> object:
        return server.ask("GET", f"/jobs/{job}").json["state"]

    end = time.monotonic() + 30
    while state(jobs[0]) == "waiting" and time.monotonic() < end:
        time.sleep(0.005)
    assert [state(job) for job in jobs] == ["working", "waiting", "waiting"]
    assert server.ask("DELETE", f"/jobs/{jobs[2]}").status == 204  # one that waits
    assert server.ask("DELETE", f"/jobs/{jobs[0]}").status == 204  # one in work
    small = server.ask("POST", "/stylize", known.order(preview=False)).json["job"]
    for job in jobs:
        for answer in (server.ask("DELETE", f"/jobs/{job}"), server.ask("DELETE", f"/jobs/{job}")):
            assert answer.status in (204, 404)
            assert answer.status == 204 or answer.json["error"]
        refused = server.ask("GET", f"/jobs/{job}/result")
        assert refused.status in (404, 409, 410)
        one_line(refused, "result", server)
    assert follow(server, small)["state"] == "done"  # what was cancelled was not in its way
    assert server.ask("GET", f"/jobs/{small}/result").body[:4] == b"\x89PNG"
    assert server.ask("DELETE", f"/jobs/{small}").status == 204  # one that is done
    assert server.ask("GET", f"/jobs/{small}/result").status == 404


@contextmanager
def dawdlers(server: Server) -> Iterator[None]:
    """Some who begin and do not go on, while all else goes on; then they are shown the door."""
    head = request("POST", "/contents?name=a.png", b"", server.port, length=5000)
    beginnings = (b"", b"GET / HT", head[:40], head, head + b"\x89PNG")
    connections = [socket.create_connection((HOST, server.port), timeout=60) for _ in range(4 * len(beginnings))]
    try:
        for number, connection in enumerate(connections):
            connection.sendall(beginnings[number % len(beginnings)])
        yield
        for number, connection in enumerate(connections):
            answer = answered(connection)
            if beginnings[number % len(beginnings)]:
                assert answer is not None
                assert answer.status == 408
                one_line(answer, "slow", server)
            else:
                assert answer is None
    finally:
        for connection in connections:
            connection.close()


def test_nothing_is_left(server: Server, known: hostile.Known, photo: bytes) -> None:
    sizes = []
    for company in (nullcontext(), nullcontext(), dawdlers(server)):  # two fill what is kept, up to its bounds
        with company:
            each_by_itself(server, known, photo)
            fifty_at_once(server, known, photo)
            cancelled_in_every_state(server, known)
        sizes.append(server.memory)
    assert sizes[2] <= 1.1 * sizes[1]
    assert server.ask("POST", "/stylize", known.order()).status == 200
    page = server.ask("GET", "/")
    assert page.status == 200
    assert b"<html" in page.body
    assert sorted(server.log.splitlines()) == ["adain app: Ctrl-C ends it", f"{server.address}/"]
    assert server.stop() < 10
    assert server.process.returncode in (0, 130)
    assert server.files == []
