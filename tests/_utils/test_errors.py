from __future__ import annotations

import pytest

from adain._utils.errors import suggest


@pytest.mark.parametrize(
    ("name", "choices", "message"),
    [
        ("relu4_9", ["gram", "relu4_1"], "did you mean 'relu4_1'?"),
        ("grm", ["gram", "grim", "gems"], "did you mean 'grim' or 'gram'?"),
        ("xyz", ["gram", "tv"], "use one of gram, tv"),
        ("xyz", [f"choice{k}" for k in range(20)], "use one of " + ", ".join(f"choice{k}" for k in range(12)) + ", …"),
        ("", ["gram"], "use one of gram"),
    ],
)
def test_suggest(name: str, choices: list[str], message: str) -> None:
    assert suggest(name, choices) == message
