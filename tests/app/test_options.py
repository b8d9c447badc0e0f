from __future__ import annotations

import pytest

from adain import InputError
from adain.app import AppOptions, create_app
from tests.conftest import python


def test_others_are_not_let_in_without_a_token() -> None:
    with pytest.raises(InputError, match="lets other machines in: give a secret as well") as caught:
        create_app(AppOptions(host="0.0.0.0"))
    assert "\n" not in str(caught.value)
    offered = str(caught.value).split()[-1]
    create_app(AppOptions(host="0.0.0.0", token=offered)).state.site.stop()


@pytest.mark.parametrize("token", ["", "short", "with a space in it", "schlüssel-wort", "line\nbreak-in-it"])
def test_tokens_that_are_none(token: str) -> None:
    with pytest.raises(InputError, match="token is at least 8 letters"):
        AppOptions(token=token)


@pytest.mark.parametrize(("name", "value"), [("port", 65536), ("port", -1), ("max_jobs", 0), ("job_minutes", 0)])
def test_ranges(name: str, value: object) -> None:
    with pytest.raises(InputError, match=name):
        AppOptions(**{name: value})  # type: ignore[arg-type]


def test_the_application_says_what_is_missing() -> None:
    code = """
import importlib.util, json, sys
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "starlette" else found(name, *more)
for name in ("starlette", "starlette.applications"):
    sys.modules[name] = None
import adain.app
try:
    adain.app.create_app
except Exception as error:
    print(json.dumps([type(error).__name__, str(error)]))
"""
    assert python(code) == ["InputError", 'the page needs starlette: pip install "adain[app]"']
