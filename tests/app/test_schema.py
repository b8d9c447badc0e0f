"""The document: valid, complete, and true of what is taken and answered."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.testclient import TestClient

from adain import InputError
from adain.app.operations import OPERATIONS
from adain.app.request import FIELDS, FILE, parse_order
from adain.app.schema import operations_of
from adain.app.shapes import of_option, shapes
from adain.options import Declaration, Options
from tests.conftest import noise_image

from .drawn import bodies
from .orders import BODY, SITE
from .painting import png

EVERY = [pytest.param(each, id=name) for name, each in {**Options.declared(), **FILE}.items()]


def validator(shape: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{shape}", "components": {"schemas": shapes()}})


ORDER = validator("Order")


def test_the_document_is_openapi(client: TestClient) -> None:
    told = client.get("/openapi.json").json()
    OpenAPIV31SpecValidator(told).validate()
    assert told["openapi"] == "3.1.0"
    ids = [each["operationId"] for path in told["paths"].values() for each in path.values()]
    assert len(ids) == len(set(ids))
    named = {*re.findall(r"#/components/schemas/(\w+)", client.get("/openapi.json").text)}
    assert named == {*told["components"]["schemas"]}


def test_every_route_is_in_it(client: TestClient) -> None:
    app: Any = client.app
    assert {f"{method} {path}" for method, path in operations_of(app.routes)} == {*OPERATIONS}


def test_an_order_has_the_fields_that_are_read() -> None:
    told = shapes()
    assert list(told["Order"]["properties"]) == [*FIELDS]
    assert list(told["Options"]["properties"]) == [*Options.declared()]
    assert list(told["File"]["properties"]) == [*FILE]


@pytest.mark.parametrize("each", EVERY)
def test_options_are_as_they_are_declared(each: Declaration) -> None:
    checked = Draft202012Validator(of_option(each))
    assert checked.is_valid(each.default)
    assert of_option(each)["description"] == each.help
    for word in () if each.is_file and each.kind.startswith("Sequence") else each.choices:
        assert checked.is_valid(word)
    for wrong in ({}, [[]], *([True, "x" * 300] if not each.is_switch else ["yes", 1])):
        assert not checked.is_valid(wrong), wrong
    if each.low is not None:
        assert not checked.is_valid(each.low - 1)
    if each.high is not None:
        assert not checked.is_valid(each.high + 1)


@given(bodies())
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_what_is_taken_is_valid(body: dict[str, Any]) -> None:
    try:
        parse_order(body, SITE)
    except InputError:
        assume(False)
    ORDER.validate(body)


@pytest.mark.parametrize(
    "more",
    [
        {"options": {"nonesuch": 1}},
        {"nonesuch": 1},
        {"options": {"alpha": 2}},
        {"options": {"alpha": "1"}},
        {"options": {"masks": "m1"}},
        {"file": {"bits": 4}},
        {"format": "gif"},
        {"model": "nonesuch"},
        {"styles": []},
        {"styles": ["s1"] * 17},
    ],
)
def test_what_is_not_taken_is_not_valid(more: dict[str, Any]) -> None:
    assert ORDER.is_valid(BODY)
    body = {**BODY, **more}
    assert not ORDER.is_valid(body)
    with pytest.raises(InputError):
        parse_order(body, SITE)


def check(shape: str, answer: dict[str, Any]) -> None:
    """An answer is of its shape, and has nothing that is not told of."""
    validator(shape).validate(answer)
    assert set(answer) == set(shapes()[shape]["properties"])


def test_answers_are_what_it_says(client: TestClient) -> None:
    for kind, shape in (("contents", "Photograph"), ("styles", "Artwork"), ("masks", "Mask")):
        made = client.post(f"/{kind}", params={"name": "a.png"}, content=png(noise_image(40, 30, mode="L")))
        check(shape, made.json())
        if kind == "masks":
            held = client.get(f"/masks/{made.json()['id']}/labels").json()
            check("Labels", held)
            check("Label", held["labels"][0])
        else:
            check(shape, client.get(f"/{kind}/{made.json()['id']}").json())
            for each in client.get(f"/{kind}").json()[kind]:
                check("Listed", each)
        if kind == "contents":
            body = {"content": made.json()["id"], "styles": ["gallery-great-wave"], "model": "fast"}
    command = client.post("/command", json=body).json()
    check("Command", command)
    check("Named", command["inputs"][0])
    job = client.post("/stylize", json=body).json()
    check("Job", job)
    for _ in range(600):
        job = client.get(f"/jobs/{job['job']}").json()
        check("Job", job)
        if job["state"] not in ("waiting", "working"):
            break
        time.sleep(0.05)
    assert job["state"] == "done"
    check("Health", client.get("/health").json())
    setup = client.get("/setup").json()
    check("Setup", setup)
    check("Declared", setup["options"]["alpha"])
    wrong = client.post("/command", json={})
    assert wrong.status_code == 422
    check("Error", wrong.json())
