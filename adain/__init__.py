"""Arbitrary style transfer: any photograph in the style of any artwork, in one pass.

>>> import adain
>>> stylizer = adain.Stylizer.from_pretrained()
>>> stylizer.stylize("photo.jpg", "great-wave.jpg", alpha=0.8).save("out.jpg")

Names are imported when first used, so that ``adain --help`` need not wait for torch. The stub beside this file lists
them.
"""

from pathlib import Path

import lazy_loader

from ._utils import moved
from ._utils.version import __version__ as __version__

# An installed package holds adain/cli, adain/weights and adain/samples; in a checkout they lie beside it.
_HERE = Path(__file__).resolve().parent
if not (_HERE / "cli").is_dir() and (_HERE.parent / "setup.cfg").is_file():
    __path__.append(str(_HERE.parent))

_lazy, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__getattr__ = moved.attach(__name__, _lazy)
