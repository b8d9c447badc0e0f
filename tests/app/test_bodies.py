"""Bodies that are JSON, and those that are not."""

from __future__ import annotations

import pytest

from adain import InputError
from adain.app.bodies import parse_json


def test_json_is_read() -> None:
    assert parse_json('{"a": [1, 2.5, "ä", null, true]}'.encode()) == {"a": [1, 2.5, "ä", None, True]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "Infinity"),
        ('{"a": 1, "a": 2}', 'says "a" twice'),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' * 100_000, "nested too deeply"),
        ("1" * 5_000, "not JSON"),
        ("{", "not JSON"),
        ("", "not JSON"),
        (b"\xff\xfe{", "not JSON"),
        ("'a'", "not JSON"),
    ],
)
def test_what_is_no_json_is_refused_in_a_line(text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_json(text if isinstance(text, bytes) else text.encode())
    assert len(str(caught.value)) < 200
