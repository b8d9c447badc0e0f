from __future__ import annotations

from typing import get_args

from starlette.testclient import TestClient

from adain import __version__
from adain.options import ColorSpace, Options


def test_the_page(client: TestClient) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert client.get("/page/index.html").text == response.text


def test_files_are_sent_whole(client: TestClient) -> None:
    for ranges in ("bytes=0-1", "bytes=0-0,1-1,2-2", "bytes=zz", "bytes=999999999-"):
        response = client.get("/page/index.html", headers={"Range": ranges})
        assert (response.status_code, response.text) == (200, client.get("/").text)


def test_health(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok", "version": __version__}


def test_setup_has_every_option_as_declared(client: TestClient) -> None:
    setup = client.get("/setup").json()
    assert setup["version"] == __version__
    assert setup["preview"] == {"model": "fast", "size": 512}
    assert setup["finish"] == {"model": "vgg19"}
    assert set(setup["models"]) >= {"vgg19", "fast", "classic"}
    assert setup["limits"]["bytes"] == 200 * 2**20
    assert list(setup["options"]) == list(Options.declared())
    assert [each["id"] for each in setup["contents"]][:2] == ["gallery-astronaut", "gallery-chelsea"]
    assert setup["options"]["color"]["choices"] == ["none", "luminance", "linear", "histogram"]
    alpha = setup["options"]["alpha"]
    assert (alpha["default"], alpha["low"], alpha["high"]) == (1.0, 0, 1)
    assert alpha["help"] == Options.declared()["alpha"].help
    assert setup["options"]["color_space"]["choices"] == [*get_args(ColorSpace)]
    assert setup["files"]["quality"]["default"] == 95


def test_setup_says_what_can_be_said_of_which_file(client: TestClient) -> None:
    setup = client.get("/setup").json()
    assert setup["formats"] == ["png", "jpeg", "tiff", "webp"]  # the first where nobody says
    formats = {name: set(each["formats"]) for name, each in setup["files"].items()}
    assert formats["quality"] == {"jpeg", "webp"}
    assert formats["bits"] == {"png", "tiff"}
    assert formats["metadata"] == {*setup["formats"]}


def test_metrics(client: TestClient) -> None:
    client.get("/nothing")
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    lines = response.text.splitlines()
    assert 'adain_errors_total{status="404"} 1' in lines
    told = dict(line.split() for line in lines if not line.startswith("#"))
    assert told["adain_kept_bytes"] == "0"
    assert float(told["process_resident_memory_bytes"]) >= 0
