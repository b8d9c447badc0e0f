from __future__ import annotations

import pytest

from adain import InputError
from adain.app import AppOptions, create_app


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
