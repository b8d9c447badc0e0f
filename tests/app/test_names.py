from __future__ import annotations

import pytest

from adain.app.names import MOST_BYTES, safe_name

KNOWN = (".jpg", ".png")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("photo.jpg", "photo.jpg"),
        ("Übergrößen 写真 (1).JPG", "Übergrößen 写真 (1).JPG"),
        ("C:\\Pictures\\photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd.png"),
        ("..", "picture.png"),
        ("", "picture.png"),
        ("/", "picture.png"),
        (".jpg", "jpg.png"),
        (".hidden.jpg", "hidden.jpg"),
        ("photo", "photo.png"),
        ("shards-{000..127}.tar", "shards-{000..127}.tar.png"),
        ("a\0b\nc\x7f.jpg", "abc.jpg"),
        ("gpj.\u202egnp.jpg", "gpj.gnp.jpg"),
        ("half \ud800 a pair.jpg", "half  a pair.jpg"),
        ("  spaces .jpg ", "spaces.jpg"),
        ("dots....jpg", "dots.jpg"),
    ],
)
def test_names(name: str, safe: str) -> None:
    assert safe_name(name, ".png", KNOWN) == safe


def test_a_long_name_is_cut_between_characters_and_keeps_its_suffix() -> None:
    name = safe_name("ü" * 300 + ".jpg", ".png", KNOWN)
    assert name == "ü" * (MOST_BYTES // 2) + ".jpg"
    assert len(safe_name("x." + "y" * 5000, ".png", KNOWN).encode()) <= MOST_BYTES + 4
