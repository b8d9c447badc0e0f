"""Under which terms everything in a page goes on, as a text that goes along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path

from ..._utils.errors import InputError
from ..._utils.resources import samples
from ..._utils.version import __version__

NAME = "LICENSES.txt"


def licences(models: Sequence[Mapping[str, str]]) -> bytes:
    """The text.

    Args:
        models: each of :func:`adain.backends.provenance`.

    Raises:
        InputError: if the licence of this package is not where it was installed.
    """
    pictures = "\n".join(f"{each.title}, {each.author}: {each.licence}" for each in samples())
    parts = {
        f"The page, adain {__version__}": _own(),
        **{f"The model, {each['model']}": f"licence: {each['licence']}\norigin: {each['origin']}" for each in models},
        "The pictures that ship with adain": pictures,
    }
    made = (f"{title}\n{'=' * len(title)}\n\n{text.strip()}\n" for title, text in parts.items())
    return "\n\n".join(made).encode()


def _own() -> str:
    """The licence of this package, as its installation has it, or the checkout that it was made in."""
    for each in distributions(name="adain"):
        for path in each.files or []:
            if path.name == "LICENSE" and (len(path.parts) == 1 or path.parts[0].endswith(".dist-info")):
                found = Path(str(path.locate()))
                if found.is_file():
                    return found.read_text("utf-8")
    raise InputError("the licence of adain must go along, and is not where it was installed: install it again by pip")
