"""What libraries have to say of a damaged file on a stream of their own: nothing, where one line of ours says it."""

from __future__ import annotations

import contextlib
import functools
import logging
import warnings

_LIBRARIES = ("PIL", "tifffile", "imagecodecs", "pillow_heif", "pillow_jxl", "av")


_is_ours = False  # this process


def silence() -> None:
    """Let the libraries that read files be silent from here on. For a process that is our own, and not a caller's."""
    global _is_ours
    _is_ours = True
    warnings.filterwarnings("ignore", module=rf"({'|'.join(_LIBRARIES)})\b")
    for name in _LIBRARIES:
        logging.getLogger(name).addHandler(logging.NullHandler())  # without any, Python writes to stderr


def before_reading() -> None:
    """What can only be silenced once Pillow is there, which not every command needs; to be called before it reads."""
    if _is_ours:
        _silence_libtiff()


@functools.cache
def _silence_libtiff() -> None:
    # It writes to stderr, whatever Pillow says. What Pillow is linked with is found through itself; on Windows it is a
    # part of it, and cannot be reached.
    with contextlib.suppress(Exception):
        import ctypes

        import PIL._imaging

        libraries = ctypes.CDLL(PIL._imaging.__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            setter = getattr(libraries, name)
            setter.restype, setter.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
            setter(None)
