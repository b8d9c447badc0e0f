"""The page's HTML, as it stands in the app, made into that of a page without a server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .modules import APP

BINDING: Mapping[str, str] = {
    "default-src": "'none'",
    "script-src": "'self' blob: 'wasm-unsafe-eval'",
    "worker-src": "'self' blob:",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "media-src": "'self' blob:",
    "connect-src": "'self' blob:",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
}
"""What the browser is told to let the page do: nothing beyond its own folder. Workers made of blobs are bound, too."""

SCRIPT = '<script type="module" src="/page/main.js"></script>'
_PROMISE = "Everything stays on the machine that runs adain."
_CHARSET = '<meta charset="utf-8">'


def policy(binding: Mapping[str, str]) -> str:
    """A policy as browsers read it."""
    return "; ".join(f"{name} {value}" for name, value in binding.items())


def source() -> str:
    """The app's page."""
    return (APP / "page" / "index.html").read_text("utf-8")


def styles() -> dict[str, bytes]:
    """The page's files that are neither HTML nor modules, by their paths in a site."""
    return {f"page/{path.name}": path.read_bytes() for path in sorted(_page()) if path.suffix in (".css", ".svg")}


def _page() -> list[Path]:
    return list((APP / "page").iterdir())


def sheets() -> dict[str, str]:
    """The style sheets, in the order in which the page names them."""
    text = source()
    files = {path: data.decode() for path, data in styles().items() if path.endswith(".css")}
    return {path: files[path] for path in sorted(files, key=text.index)}


def bound(text: str, binding: Mapping[str, str]) -> str:
    """With a policy, before anything that it is to bind."""
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy(binding)}">'
    return replaced(text, _CHARSET, f"{_CHARSET}\n    {meta}")


def of_site() -> str:
    """The page of a site: all its addresses lie beside it."""
    text = replaced(source(), SCRIPT, '<script type="module" src="/web/start.js"></script>')
    text = replaced(text, "<title>", '<link rel="manifest" href="/manifest.webmanifest">\n    <title>')
    for folder in ("page/", "web/", "manifest."):
        text = text.replace(f'"/{folder}', f'"{folder}')
    return bound(promised(text), BINDING)


def promised(text: str) -> str:
    """With what is true where nothing runs but the browser, and the licences of what goes along."""
    licences = '<button type="button" class="small" id="licences">Licences</button>'
    return replaced(text, _PROMISE, f"Everything stays in this browser: nothing is uploaded. {licences}")


def replaced(text: str, old: str, new: str) -> str:
    """The text with what stands in it once put another way."""
    assert text.count(old) == 1, f"index.html has {old} {text.count(old)} times"
    return text.replace(old, new)
