"""Pictures: files, Pillow, NumPy and tensors, sizes and crops, contact sheets; knows no network.

Whatever takes a picture takes an :data:`ImageInput`: a path, the bytes of a file or a file that is open for them, a
``PIL.Image``, an array or a tensor, see :func:`read_image`. Torch is imported where a tensor is handed in or wanted.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
