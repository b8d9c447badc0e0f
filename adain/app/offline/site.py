"""``adain export --web``: a page that needs no server, written as a folder for any web host, or as one file."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._utils.errors import InputError
from ..._utils.files import atomic_path, check_writable
from ..._utils.protect import protect
from ...backends import Exported, ExportOptions, Storage, export_onnx, provenance
from ...nn import MIN_SIZE, STRIDE, load_decoder, load_encoder
from ...stylizer import Stylizer
from ...stylizer.halo import DECODER_HALO, ENCODER_HALO
from ..known import known
from ..options import AppOptions
from . import html
from .bundle import bundled
from .gallery import Offered, offered
from .licences import NAME, licences
from .modules import WORKER, modules, workers
from .runtime import VERSION, notices, runtime_files
from .single import of_one_file
from .worker import MANIFEST, icons, manifest, service_worker

MODEL = "fast"
"""The model of a page where none is named."""

FORMATS = ("png", "jpeg", "webp")
"""What browsers write."""

LIST = "site.json"
"""The list of a site's files, by which it is known for one when it is written again."""

ONE_FILE = (".html", ".htm")


@dataclass(frozen=True)
class SiteFiles:
    """What was written.

    Attributes:
        files: of the site, in their order.
        size: of all together, in bytes.
        difference, psnr: of the graphs, see :class:`adain.backends.Exported`.
        skipped: artworks that were left out, each with the reason.
    """

    files: tuple[Path, ...]
    size: int
    difference: float
    psnr: float
    skipped: tuple[str, ...]


def export_site(
    output: str | os.PathLike[str],
    model: str = MODEL,
    *,
    encoder: str | os.PathLike[str] | None = None,
    decoder: str | os.PathLike[str] | None = None,
    storage: Storage = "fp16",
    opset: int = ExportOptions.opset,
    artworks: str | os.PathLike[str] | None = None,
    runtime: str | os.PathLike[str] | None = None,
) -> SiteFiles:
    """Write the page of ``adain app`` so that the visitor's browser computes, and nothing is uploaded.

    Args:
        output: a folder, which is new, holds other files, or a site that was written by this; or the name of one file,
            which ends in ``.html``.
        model: name of the shipped model.
        encoder, decoder: files of other weights.
        storage: of filters, see :func:`adain.backends.export_onnx`.
        opset: of ONNX's operators.
        artworks: folder of artworks to offer beside those that ship.
        runtime: the package onnxruntime-web of npm, packed or unpacked; None fetches it by npm.

    Raises:
        InputError: if the folder holds anything else, the runtime cannot be had or is another one, or something cannot
            be read or written.
        MissingFileError: if something that was named is not there.
        WeightsError: if the model cannot be exported.
    """
    path = Path(output)
    is_one = path.suffix.lower() in ONE_FILE
    before = set() if is_one else _own_files(path)
    own = [None if each is None else Path(each) for each in (encoder, decoder)]
    read = [*own, runtime] if is_one else own
    protect([path], [each for each in read if each is not None])
    check_writable(path if is_one else path / LIST)
    if not is_one and not before:
        _refuse_foreign(path / "index.html")  # before anything is computed
    parts = _parts(model, own, storage=storage, opset=opset, artworks=artworks, runtime=runtime)
    if is_one:
        files = {path: of_one_file(parts.inside, modules())}
    else:
        laid = {name: (path / name, data) for name, data in of_site(parts).items()}
        for name, (each, _) in laid.items():
            if name not in before:
                _refuse_foreign(each)
        files = dict(laid.values())
        # First, so that a site that was not written to its end is known for one.
        _write(path / LIST, _json({"files": sorted(before | set(laid))}))
    for each, data in files.items():
        _write(each, data)
    for name in before:
        if path / name not in files:
            (path / name).unlink(missing_ok=True)
    size = sum(map(len, files.values()))
    return SiteFiles(tuple(files), size, parts.exported.difference, parts.exported.psnr, tuple(parts.offered.skipped))


def _write(path: Path, data: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


@dataclass(frozen=True)
class _Parts:
    """What a page is made of, beside its own text.

    Attributes:
        files: of both kinds of pages, by their paths in a site.
        notices: the texts of the runtime's licences, likewise.
        details: of the model.
    """

    files: dict[str, bytes]
    notices: dict[str, bytes]
    details: dict[str, str]
    exported: Exported
    offered: Offered

    @property
    def inside(self) -> dict[str, bytes]:
        """The files of a page that is one file."""
        return {**self.files, NAME: licences(self.details, self.notices, within=True)}


def of_site(parts: _Parts) -> dict[str, bytes]:
    """The files of a site by their paths, in the order in which they are written."""
    texts = modules()
    # In one piece: the page starts them from their text, and again without the network.
    texts |= {path: bundled(texts, path) for path in workers(texts)}
    needed = {
        **parts.files,
        NAME: licences(parts.details, parts.notices, within=False),
        **icons(),
        **html.styles(),
        **{path: text.encode() for path, text in texts.items()},
        MANIFEST: manifest(),
        "index.html": html.of_site().encode(),
    }
    files = {**parts.notices, **needed, WORKER: service_worker(needed)}
    return files | {LIST: _json({"files": sorted(files)})}


def _parts(
    model: str,
    own: list[Path | None],
    *,
    storage: Storage,
    opset: int,
    artworks: str | os.PathLike[str] | None,
    runtime: str | os.PathLike[str] | None,
) -> _Parts:
    computing = {f"runtime/{name}": data for name, data in runtime_files(runtime).items()}
    texts = {f"runtime/{name}": data for name, data in notices().items()}
    stylizer = Stylizer(load_encoder(own[0] or model), load_decoder(own[1] or model), device="cpu", precision="fp32")
    details = provenance(model, *own)
    graphs, exported = _graphs(stylizer, storage, opset, details)
    gallery = offered(stylizer, artworks)
    about = {
        "model": model,
        "storage": storage,
        "channels": stylizer.encoder.feature_channels,
        "stride": STRIDE,
        "min_size": MIN_SIZE,
        "encoder_halo": ENCODER_HALO,
        "decoder_halo": DECODER_HALO,
        "runtime": VERSION,
    }
    told = AppOptions(model=model, preview_model=model)
    setup = known(told, gallery.styles, gallery.contents, models=[model], formats=FORMATS)
    files = {**computing, **graphs, "model/model.json": _json(about), **gallery.files, "setup.json": _json(setup)}
    return _Parts(files, texts, details, exported, gallery)


def _graphs(
    stylizer: Stylizer, storage: Storage, opset: int, details: dict[str, str]
) -> tuple[dict[str, bytes], Exported]:
    with tempfile.TemporaryDirectory(prefix="adain-") as folder:
        exported = export_onnx(
            stylizer.encoder, stylizer.decoder, folder, storage=storage, opset=opset, details=details
        )
        return {f"model/{path.name}": path.read_bytes() for path in exported.files}, exported


def _refuse_foreign(path: Path) -> None:
    """InputError, if there is a file that a site is not to replace."""
    if os.path.lexists(path):
        raise InputError(f"{path} is there, and not of a site that was exported: choose another folder")


def _own_files(folder: Path) -> set[str]:
    """The files of a site that was written to a folder before; none if there was none."""
    try:
        listed = json.loads((folder / LIST).read_bytes())["files"]
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except (OSError, ValueError, TypeError, KeyError):
        raise InputError(f"{folder / LIST} is no list of a site's files: choose another folder") from None
    return {str(path) for path in listed if not str(path).startswith("/") and ".." not in str(path).split("/")} | {LIST}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"
