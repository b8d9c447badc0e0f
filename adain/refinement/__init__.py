"""Optimising a picture itself under losses: recipes, objectives, the descent, and what it reports.

The entry point is :func:`refine`; a :class:`Recipe` says what it does. Names are imported when first used, so that
reading recipes, as the command line does for its help, does not load torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
