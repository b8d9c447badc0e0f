"""The formats of pictures, by the suffixes of files."""

from __future__ import annotations

_JPEG, _TIFF = dict.fromkeys((".jpg", ".jpeg"), "JPEG"), dict.fromkeys((".tif", ".tiff"), "TIFF")
WRITABLE = _JPEG | {".png": "PNG", ".webp": "WEBP"} | _TIFF
SUFFIXES = (*WRITABLE, ".jfif", ".bmp", ".gif", ".ppm", ".pgm", ".jp2", ".avif")

# No format whose reader decodes before the size is checked, as of ICO, or runs a program, as EPS.
READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF")
