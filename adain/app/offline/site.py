"""``adain export --web``: a page that needs no server, written as a folder for any web host, or as one file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._utils.errors import InputError
from ..._utils.files import atomic_path, check_writable
from ..._utils.protect import protect
from ...backends import Storage, provenance, storage_psnr
from ...nn import find_model, load_decoder, load_encoder
from ...stylizer import Stylizer
from ..known import known
from ..options import AppOptions
from . import html
from .bundle import bundled
from .gallery import Offered, offered
from .licences import NAME, licences
from .modules import APP, WORKER, modules, workers
from .networks import network_files
from .single import of_one_file
from .worker import MANIFEST, icons, manifest, service_worker

MODEL = "fast"
"""The model of a page where none is named."""

FORMATS = ("png", "jpeg", "webp")
"""What browsers write."""

LIST = "site.json"
"""The list of a site's files, by which it is known for one when it is written again."""

ONE_FILE = (".html", ".htm")

KERNEL = ("kernel.wasm", "kernel-relaxed.wasm")
"""What computes, compiled: ``web/kernel/kernel.c``."""


@dataclass(frozen=True)
class SiteFiles:
    """What was written.

    Attributes:
        files: of the site, in their order.
        size: of all together, in bytes.
        psnr: what the storage of filters costs, see :func:`adain.backends.storage_psnr`; of two models the larger
            cost.
        skipped: artworks that were left out, each with the reason.
    """

    files: tuple[Path, ...]
    size: int
    psnr: float
    skipped: tuple[str, ...]


def export_site(
    output: str | os.PathLike[str],
    model: str = MODEL,
    *,
    encoder: str | os.PathLike[str] | None = None,
    decoder: str | os.PathLike[str] | None = None,
    preview_model: str | None = None,
    storage: Storage = "fp16",
    artworks: str | os.PathLike[str] | None = None,
) -> SiteFiles:
    """Write the page of ``adain app`` so that the visitor's browser computes, and nothing is uploaded.

    Args:
        output: a folder, which is new, holds other files, or a site that was written by this; or the name of one file,
            which ends in ``.html``.
        model: name of the shipped model.
        encoder, decoder: files of other weights.
        preview_model: name of the shipped model that previews are made by, a faster one; pictures are finished by
            either, by ``model`` where nothing else is chosen. None for that one alone.
        storage: of filters, see :func:`adain.backends.export_onnx`.
        artworks: folder of artworks to offer beside those that ship.

    Raises:
        InputError: if the folder holds anything else, the encoder and the decoder are of two models, or something
            cannot be read or written.
        MissingFileError: if something that was named is not there.
        WeightsError: if the storage costs the model too much.
    """
    path = Path(output)
    is_one = path.suffix.lower() in ONE_FILE
    before = set() if is_one else _own_files(path)
    own = [None if each is None else Path(each) for each in (encoder, decoder)]
    protect([path], [each for each in own if each is not None])
    check_writable(path if is_one else path / LIST)
    if not is_one and not before:
        _refuse_foreign(path / "index.html")  # before anything is computed
    parts = _parts(model, own, preview_model, storage=storage, artworks=artworks)
    if is_one:
        files = {path: of_one_file(parts.files, modules())}
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
            _remove(path / name, path)
    size = sum(map(len, files.values()))
    return SiteFiles(tuple(files), size, parts.psnr, tuple(parts.offered.skipped))


def _write(path: Path, data: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def _remove(file: Path, top: Path) -> None:
    """Remove a file that is no longer of the site, and the folders below ``top`` that nothing is left in."""
    file.unlink(missing_ok=True)
    for folder in file.parents:
        if folder == top or not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()


@dataclass(frozen=True)
class _Parts:
    """What a page is made of, beside its own text.

    Attributes:
        files: of both kinds of pages, by their paths in a site.
        psnr: see :class:`SiteFiles`.
    """

    files: dict[str, bytes]
    psnr: float
    offered: Offered


def of_site(parts: _Parts) -> dict[str, bytes]:
    """The files of a site by their paths, in the order in which they are written."""
    texts = modules()
    # In one piece: the page starts them from their text, and again without the network.
    texts |= {path: bundled(texts, path) for path in workers(texts)}
    needed = {
        **parts.files,
        **icons(),
        **html.styles(),
        **{path: text.encode() for path, text in texts.items()},
        MANIFEST: manifest(),
        "index.html": html.of_site().encode(),
    }
    files = {**needed, WORKER: service_worker(needed)}
    return files | {LIST: _json({"files": sorted(files)})}


def _parts(
    model: str,
    own: list[Path | None],
    preview_model: str | None,
    *,
    storage: Storage,
    artworks: str | os.PathLike[str] | None,
) -> _Parts:
    if preview_model == model and not any(own):
        raise InputError(f"{model} finishes pictures, too: name a faster one as the preview's model, or none")
    if preview_model is not None:
        find_model(preview_model)  # no file of weights, nor nothing
    finishing = _stylizer(own[0] or model, own[1] or model)
    details = provenance(model, *own)
    stylizers = {"model": finishing}
    if preview_model is not None:
        stylizers = {"model": _stylizer(preview_model, preview_model), "finish": finishing}
    gallery = offered(*stylizers.values(), artworks=artworks)
    names = [*([] if preview_model is None else [preview_model]), details["model"] if any(own) else model]
    told = AppOptions(model=names[-1], preview_model=names[0])
    setup = known(told, gallery.styles, gallery.contents, models=names, formats=FORMATS)
    if any(own):
        setup["finish"]["weights"] = _called(model, own)
    files = {f"kernel/{name}": (APP / "web" / "kernel" / name).read_bytes() for name in KERNEL}
    for folder, each in stylizers.items():
        for file, data in network_files(each.encoder, each.decoder, storage).items():
            files[f"{folder}/{file}"] = data
    models = [] if preview_model is None else [provenance(preview_model)]
    files |= {**gallery.files, "setup.json": _json(setup), NAME: licences([*models, details])}
    psnr = min(storage_psnr(each.encoder, each.decoder, storage) for each in stylizers.values())
    return _Parts(files, psnr, gallery)


def _stylizer(encoder: Path | str, decoder: Path | str) -> Stylizer:
    return Stylizer(load_encoder(encoder), load_decoder(decoder), device="cpu", precision="fp32")


def _called(model: str, own: list[Path | None]) -> dict[str, str]:
    """The options of the command by which a model of own weights is called, without the folders that they lie in."""
    called = {part: each.name for part, each in zip(("encoder", "decoder"), own, strict=True) if each is not None}
    return called if all(own) else {"model": model, **called}


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
