"""A runtime for tests: files of the right names, with which nothing is computed."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from adain.app.offline import runtime

FILES = {name: f"// {name}\n".encode() * 50 for name in runtime.DIGESTS}


def expect(patch: pytest.MonkeyPatch) -> None:
    """Take these files for the real ones."""
    patch.setattr(runtime, "DIGESTS", {name: hashlib.sha512(data).hexdigest() for name, data in FILES.items()})


def packed(path: Path, files: dict[str, bytes] = FILES, folder: str = "package/dist") -> Path:
    """The files as a package of npm."""
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path
