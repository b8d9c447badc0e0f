"""What tarfile keeps to itself."""

from __future__ import annotations

import tarfile

__all__ = ["check_end"]


def check_end(archive: tarfile.TarFile) -> None:
    """See that an archive, of which every member has been listed, ends there.

    tarfile takes a header that it cannot read for the end, unless it is the first: what lies behind it would be lost
    without a word. An archive may end without the zeros that should close it.

    Raises:
        tarfile.ReadError: if something else follows the last member.
    """
    assert archive.fileobj is not None  # it is open
    archive.fileobj.seek(archive.offset)
    if any(archive.fileobj.read(tarfile.BLOCKSIZE)):
        raise tarfile.ReadError(f"no header at byte {archive.offset}, where the next member should begin")
