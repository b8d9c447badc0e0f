"""Requests that nobody means well with: what is sent, and what may be answered.

Every picture among them is whole and harmless, or cut short; what is too large says so in its first bytes and holds
next to nothing.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from adain.options import FileOptions, Options

from .raw import Case, form, posted, request

PLACES = ("contents", "styles", "masks")

REFUSED = frozenset({400, 413, 415, 422})
UNKNOWN = frozenset({404, 405, 422})
FOREIGN = frozenset({400, 403, 421})
MADE = frozenset({200, 201, 202})


@dataclass(frozen=True)
class Known:
    """A server's port, and pictures it has been given."""

    port: int
    content: str
    style: str
    mask: str

    def order(self, *, preview: bool = True, **changes: object) -> dict[str, object]:
        """The body of a request that is fine but for the changes."""
        body: dict[str, object] = {"content": self.content, "styles": [self.style], "preview": preview, "options": {}}
        return {**body, **changes}


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes = b"") -> bytes:
    """A grey PNG that says it is so large; with all of its rows, or some."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


NAMES = ("../../../etc/passwd.png", "..\\..\\a.png", "C:\\a.png", "CON", "a\x00b.png", "/", "", "x" * 5000 + ".png")


def uploads(known: Known, photo: bytes, too_large: int, too_many: int) -> Iterator[Case]:
    """Bodies that are no picture, too large a one, or not what their heads say."""
    port, side = known.port, int(too_many**0.5) + 10
    wrong = {
        "nothing": b"",
        "text": b"a line of text\n" * 40,
        "a page": b"<!doctype html><script>alert(1)</script>",
        "a drawing": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>',
        "an archive": b"PK\x05\x06" + bytes(18),
        "noise": bytes(range(256)) * 20,
        "the first bytes of a PNG": photo[:8],
        "a PNG without pixels": photo[:60],
        "a PNG of no size": png(0, 0),
        "pixels that are not there": png(40_000, 40_000),
        "more pixels than may be": png(side, side, bytes((side + 1) * side)),
        "a picture a pixel high and too wide": png(too_many + 1, 1, bytes(too_many + 2)),
    }
    for place in PLACES:
        for name, data in wrong.items():
            yield Case(f"{name}, to {place}", request("POST", f"/{place}?name=photo.png", data, port), REFUSED)
        yield Case(f"text in a form, to {place}", form(f"/{place}", b"text", port), REFUSED)
        yield Case(f"a form without a file, to {place}", form(f"/{place}", photo, port, field="other"), REFUSED)
        target = f"/{place}?name=photo.png"
        yield Case(f"longer than may be, to {place}", request("POST", target, bytes(too_large), port), REFUSED)
        yield Case(f"a length of 10 GB, to {place}", request("POST", target, photo, port, length=10**10), REFUSED)
        sizes = b"".join(b"10000\r\n" + bytes(1 << 16) + b"\r\n" for _ in range(too_large >> 16)) + b"0\r\n\r\n"
        endless = request("POST", target, b"", port, Transfer_Encoding="chunked") + sizes
        yield Case(f"too long in pieces, to {place}", endless, REFUSED)
        half = request("POST", target, photo[:99], port, length=len(photo))
        yield Case(f"gone in the middle, to {place}", half, REFUSED | {None}, is_cut_off=True)
        headers = {"Content_Type": "multipart/form-data; boundary=edge"}
        yield Case(f"a form without an edge, to {place}", request("POST", f"/{place}", photo, port, **headers), REFUSED)
        headers = {"Content_Type": "multipart/form-data"}
        yield Case(f"a form of no edge, to {place}", request("POST", f"/{place}", photo, port, **headers), REFUSED)
        open_form = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + photo[:50]
        headers = {"Content_Type": "multipart/form-data; boundary=edge"}
        cut = request("POST", f"/{place}", open_form, port, **headers)
        yield Case(f"a form without an end, to {place}", cut, REFUSED)
    for name in (
        "../../../etc/passwd.png",
        "..\\..\\a.png",
        "C:\\a.png",
        "CON",
        "a\x00b.png",
        "/",
        "",
        "x" * 5000 + ".png",
    ):
        expected = REFUSED | MADE | {414, 431}
        shown = name[:20].encode("unicode_escape").decode()
        yield Case(f"the name {shown}", form("/contents", photo, port, name=name.replace("\\", "\\\\")), expected)
    for target in ("%2e%2e%2f%2e%2e%2fa.png", "a%0d%0aSet-Cookie:%20b=c.png", "%00", "%ff%fe"):
        yield Case(f"the name {target}", request("POST", f"/contents?name={target}", photo, port), REFUSED | MADE)


IDS = ("unknown", "..%2f..%2f..%2fetc%2fpasswd", "%00", "folder-1", "folder--1", "gallery-", "gallery-..%2fgreat-wave",
       "a" * 3000)  # fmt: skip


PATHS = ("/page/../site.py", "/page/..%2fsite.py", "/page/%2e%2e/site.py", "/page//etc/passwd", "/page/", "/etc",
         "//etc/passwd", "/page/..%5csite.py", "/page/%00")  # fmt: skip


def addresses(known: Known) -> Iterator[Case]:
    """Ids that nobody was given, and paths that lead outside."""
    for name in IDS:
        for method, target in (
            ("GET", "/contents/{}"), ("GET", "/contents/{}/picture"), ("DELETE", "/contents/{}"),
            ("GET", "/styles/{}/picture"), ("DELETE", "/styles/{}"), ("GET", "/masks/{}/labels"), ("GET", "/jobs/{}"),
            ("GET", "/jobs/{}/events"), ("GET", "/jobs/{}/result"), ("DELETE", "/jobs/{}"),
        ):  # fmt: skip
            shown = f"{method} {target.format(name[:30])}"
            yield Case(shown, request(method, target.format(name), port=known.port), UNKNOWN | {400})
    for path in PATHS:
        yield Case(path, request("GET", path, port=known.port), UNKNOWN | {400})
    for size in ("-1", "NaN", "1e9", "a", "9" * 400, "0x10", "512;drop"):
        target = f"/contents/{known.content}/picture?size={size}"
        yield Case(f"size={size[:20]}", request("GET", target, port=known.port), REFUSED)
    for method, path in (
        ("PUT", "/contents"), ("PATCH", "/stylize"), ("DELETE", "/"), ("POST", "/health"), ("TRACE", "/"),
        ("GET", "/stylize"), ("DELETE", "/styles/gallery-great-wave"), ("OPTIONS", "/setup"),
    ):  # fmt: skip
        yield Case(f"{method} {path}", request(method, path, port=known.port), frozenset({400, 403, 404, 405, 422}))


def bodies(known: Known) -> Iterator[Case]:
    """What asks for a picture, and is no such thing."""
    for target in ("/stylize", "/command"):
        for name, data in (
            ("nothing", b" "), ("no JSON", b"{'a': 1}"), ("half of it", b'{"content": '), ("a list", b"[1]"),
            ("null", b"null"), ("a number", b"1e999"), ("deep", b"[" * 50_000 + b"]" * 50_000),
            ("bytes", b"\xff\xfe\x00"),
            ("many digits", b'{"quality": ' + b"9" * 6000 + b"}"), ("empty", b"{}"),
        ):  # fmt: skip
            yield Case(f"{name}, to {target}", posted(target, data, known.port), REFUSED)
        as_text = posted(target, json.dumps(known.order()).encode(), known.port, Content_Type="text/plain")
        yield Case(f"as text, to {target}", as_text, REFUSED | MADE)
        for field, value in FIELDS:
            if (target, field) == ("/command", "preview"):
                continue  # which it does not ask
            shown = f"{field}: {str(value)[:40]}, to {target}"
            yield Case(shown, posted(target, known.order(**{field: value}), known.port), REFUSED | {404})


FIELDS: tuple[tuple[str, object], ...] = (
    ("content", None), ("content", ["a"]), ("content", "/etc/passwd"), ("content", "gallery-great-wave"),
    ("content", "../" * 300), ("styles", []), ("styles", "gallery-great-wave"), ("styles", [None]),
    ("styles", ["/etc/passwd"]), ("styles", ["gallery-great-wave"] * 10_000), ("options", []), ("options", "alpha"),
    ("options", {"no_such": 1}), ("options", {"progress": "x"}), ("options", {"__class__": "x"}), ("model", "no-such"),
    ("model", "../../fast"), ("model", 5), ("format", "exe"), ("format", "../png"), ("quality", 0), ("quality", 1e9),
    ("quality", float("nan")), ("preview", "yes"), ("slot", {"a": 1}), ("file", "x"), ("file", {"bits": 7}),
    ("file", {"encoder": "/etc/passwd"}), ("file", {"style_cache": "/tmp"}), ("unknown", 1),
)  # fmt: skip
"""Of an order, each with a value that it does not take."""

WRONG: tuple[object, ...] = ({"a": {"b": [1]}}, float("nan"), float("-inf"), -1e300, "\x00/etc/passwd")
"""Values that no option takes."""


def options(known: Known) -> Iterator[Case]:
    """Each option with what it cannot be, and some that are too much of something."""
    for name in Options.declared():
        for value in WRONG:
            body = known.order(options={name: value})
            yield Case(f"{name} = {str(value)[:30]}", posted("/stylize", body, known.port), REFUSED | {404})
    for name in FileOptions.declared().keys() - Options.declared().keys():
        body = known.order(preview=False, file={name: WRONG[0]})
        yield Case(f"{name} = {WRONG[0]}", posted("/stylize", body, known.port), REFUSED | {404})
    two = [known.style] * 2
    for name, values, styles in (
        ("10,000 masks", {"masks": [known.mask] * 10_000}, two),
        ("10,000 masks for as many styles", {"masks": [known.mask] * 10_000}, [known.style] * 10_000),
        ("10,000 weights", {"weights": [1] * 10_000}, two),
        ("weights of nothing", {"weights": [0, 0]}, two),
        ("10,000 strengths", {"alpha": [1] * 10_000}, two),
        ("10,000 labels", {"label_map": known.mask, "labels": list(range(10_000))}, two),
        ("a mask that is not there", {"masks": ["unknown"] * 2}, two),
        ("a mask by its path", {"masks": ["/etc/passwd"] * 2}, two),
        ("a style's mask by its path", {"style_masks": ["/etc/passwd", None]}, two),
        ("a gradient by its path", {"gradient": "/etc/passwd"}, two),
        ("a protection by its path", {"protect": "/etc/hostname"}, two[:1]),
        ("a background by its path", {"masks": [known.mask], "background": "/etc/passwd"}, two[:1]),
        ("labels by path", {"label_map": "/etc/passwd", "labels": [1]}, two[:1]),
        ("rounds without end", {"correct": 10**6}, two[:1]),
        ("a grid of a million", {"grid": 10**6}, two),
        ("tiles of a pixel", {"tile": 1}, two[:1]),
        ("a picture of 10^12 pixels", {"content_size": 10**6}, two[:1]),
        ("an artwork of 10^12 pixels", {"style_size": 10**6}, two[:1]),
        ("an artwork's fine size of 10^12 pixels", {"fine_style_size": 10**6}, two[:1]),
        ("more digits than a number has", {"content_size": 10**400}, two[:1]),
        ("a feather of 10^9 px", {"masks": [known.mask], "feather": 1e9}, two[:1]),
    ):
        for preview in (True, False):
            body = known.order(preview=preview, options=values, styles=styles)
            # What only computing shows is a job that fails; a size that is no matter for a preview is none.
            yield Case(f"{name}, {preview=}", posted("/stylize", body, known.port), REFUSED | {404} | MADE)


HOSTS = ("evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{}", "127.0.0.1.nip.example:{}",
         "evil.example:{}", "0.0.0.0:{}", "", "[::1", "a b", "127.0.0.1:{}@evil.example", None)  # fmt: skip
ORIGINS = ("http://evil.example", "null", "ftp://127.0.0.1:{}", "http://127.0.0.1:1", "http://localhost.evil.example:{}",
           "http://127.0.0.1:{}.evil.example", "file://", "*")  # fmt: skip


def strangers(known: Known) -> Iterator[Case]:
    """What comes from another page, or was sent here by another name."""
    body = json.dumps(known.order()).encode()
    for host in HOSTS:
        shown = None if host is None else host.format(known.port)
        yield Case(f"host {shown}", request("GET", "/setup", port=known.port, Host=shown), FOREIGN)
    for host in ("evil.example", f"evil.example:{known.port}"):
        yield Case(f"health by {host}", request("GET", "/", port=known.port, Host=host), FOREIGN)
    for origin in ORIGINS:
        shown = origin.format(known.port)
        stylize = request("POST", "/stylize", body, known.port, Origin=shown, Content_Type="application/json")
        yield Case(f"stylize from {shown}", stylize, FOREIGN)
        yield Case(f"setup from {shown}", request("GET", "/setup", port=known.port, Origin=shown), FOREIGN)
    for method, target in (("POST", "/stylize"), ("POST", "/contents"), ("GET", "/setup"), ("DELETE", "/jobs/a")):
        data = request(method, target, body, known.port, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")
        yield Case(f"{method} {target} from another site", data, FOREIGN)


def no_http(known: Known) -> Iterator[Case]:
    """What is no request, or two at once."""
    port, refused = known.port, frozenset({400, 405, 411, 413, 414, 417, 431, 501, 505})
    for name, data in (
        ("noise", bytes(range(256)) * 4),
        ("a handshake of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)),
        ("an old version", b"GET /\r\n\r\n"),
        ("a version there is not", request("GET", "/", port=port).replace(b"HTTP/1.1", b"HTTP/9.9")),
        ("an address of 100 kB", request("GET", "/" + "a" * 100_000, port=port)),
        ("a header of 200 kB", request("GET", "/", port=port, X_Long="a" * 200_000)),
        ("10,000 headers", request("GET", "/", port=port, **{f"X_{k}": "a" for k in range(10_000)})),
        ("two lengths", request("POST", "/contents", b"abc", port, content_length="1")),
        ("a length below nothing", request("POST", "/contents", b"abc", port, length=-1)),
        ("a length of letters", request("POST", "/contents", b"abc", port, length="abc")),
        ("pieces that are none", request("POST", "/contents", port=port, Transfer_Encoding="chunked") + b"zz\r\nabc"),
        ("a line break in a header", request("GET", "/", port=port, X_A="a\r\n b\rc")),
    ):
        yield Case(name, data, refused | {None, 200, 404})
