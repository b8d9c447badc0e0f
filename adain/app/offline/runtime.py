"""What computes in the browser, onnxruntime-web: fetched from npm or taken from where it lies, and checked."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from ..._utils.errors import InputError, MissingFileError

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"

DIGESTS = {
    "ort.wasm.bundle.min.mjs": "d4a705f0258065eaad4dcbcb80a3ed38c5c86e459e87ef8b0c24290e14390115"
    "711c02f554d2f9aebd0e23e3314db98d200365744fc0feaf8ee2048a81232359",
    "ort-wasm-simd-threaded.wasm": "1adeded62203219fcf5c484cfce5657aa5875689b490423f86cf1ca1dd1cad77"
    "15f630c6337f41db71ee42794e3a00ce0b7c78939a71220b5d83368bf6ea7730",
}
"""The files that are needed of it, with their SHA-512."""

FOLDER = "dist"
"""Where they lie in the package."""

_LARGEST = 32 * 2**20
"""Bytes of a file, beyond which none of them is read."""

_SECONDS = 600
"""For npm to fetch it."""

NOTICES = {"LICENSE": "LICENSE-onnxruntime.txt", "ThirdPartyNotices.txt": "ThirdPartyNotices-onnxruntime.txt"}
"""The licence of onnxruntime and those of what is in it, by their names in its package for Python; npm's has none."""

_FIX = f"fetch it with npm pack {PACKAGE}@{VERSION}, and name the file with --runtime"


def runtime_files(source: str | os.PathLike[str] | None = None) -> dict[str, bytes]:
    """The files of the runtime by name.

    Args:
        source: the package as a file or a folder; None fetches it by npm.

    Raises:
        MissingFileError: if there is no such file or folder.
        InputError: if npm is missing or fails, or the package is another one or damaged.
    """
    if source is not None:
        return _checked(Path(source))
    with _fetched() as package:
        return _checked(package)


def notices() -> dict[str, bytes]:
    """The texts of the licences by the names of their files, as onnxruntime brings them.

    Raises:
        InputError: if it does not.
    """
    try:
        listed = files("onnxruntime") or []
    except PackageNotFoundError:
        listed = []
    found = {path.name: Path(str(path.locate())) for path in listed if path.as_posix() in _homes()}
    missing = [name for name in NOTICES if name not in found or not found[name].is_file()]
    if missing:
        raise InputError(
            f"the licence of onnxruntime must go along, and {' and '.join(missing)} of its package is missing: "
            'pip install --force-reinstall "onnxruntime>=1.18"'
        )
    return {NOTICES[name]: path.read_bytes() for name, path in found.items()}


def _homes() -> set[str]:
    return {f"onnxruntime/{name}" for name in NOTICES}


@contextmanager
def _fetched() -> Iterator[Path]:
    """The package, by npm, in a folder that is there for as long."""
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(f"{PACKAGE} is fetched by npm, which is not installed: install Node.js, or {_FIX}")
    with tempfile.TemporaryDirectory(prefix="adain-") as folder:
        command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--silent", "--ignore-scripts", "--pack-destination", folder]
        try:
            ran = subprocess.run(command, cwd=folder, capture_output=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise InputError(f"npm did not fetch {PACKAGE} within {_SECONDS} s: try again, or {_FIX}") from None
        except OSError as error:
            raise InputError(f"npm cannot be run ({error.strerror}): {_FIX}") from None
        packed = sorted(Path(folder).glob("*.tgz"))
        if ran.returncode or not packed:
            raise InputError(f"npm could not fetch {PACKAGE} {VERSION}{_said(ran.stderr)}: {_FIX}")
        yield packed[0]


def _said(stream: bytes) -> str:
    """What npm gave as its reason, in brackets: the code of its error."""
    lines = (line.split() for line in stream.decode(errors="replace").splitlines())
    codes = [words[-1] for words in lines if len(words) == 4 and words[2] == "code"]
    return f" ({codes[0]})" if codes else ""


def _checked(source: Path) -> dict[str, bytes]:
    """The files of a package, each the one that is expected."""
    if not source.exists():
        raise MissingFileError(f"cannot read {source}: there is no such file or folder; {_FIX}")
    try:
        found = _of_folder(source) if source.is_dir() else _of_archive(source)
    except (OSError, tarfile.TarError, EOFError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged, or no package of npm"
        raise InputError(f"cannot read {source}: {reason}; {_FIX}") from None
    missing = [name for name in DIGESTS if name not in found]
    if missing:
        raise InputError(f"{source} is not the package {PACKAGE} {VERSION}: it has no {missing[0]}; {_FIX}")
    for name, data in found.items():
        if hashlib.sha512(data).hexdigest() != DIGESTS[name]:
            raise InputError(f"{name} in {source} is not that of {PACKAGE} {VERSION}, or is damaged: {_FIX}")
    return found


def _of_folder(folder: Path) -> dict[str, bytes]:
    """Those files of an unpacked package, or of the folder that they lie in."""
    found = {}
    for name in DIGESTS:
        for path in (folder / FOLDER / name, folder / "package" / FOLDER / name, folder / name):
            if path.is_file() and path.stat().st_size <= _LARGEST:
                found[name] = path.read_bytes()
                break
    return found


def _of_archive(path: Path) -> dict[str, bytes]:
    """Those files of a packed one; nothing is unpacked to the disk."""
    found = {}
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            folder, _, name = member.name.rpartition("/")
            if name in DIGESTS and folder == f"package/{FOLDER}" and member.isfile() and member.size <= _LARGEST:
                opened = archive.extractfile(member)
                if opened is not None:
                    found[name] = opened.read()
                if len(found) == len(DIGESTS):
                    break
    return found
