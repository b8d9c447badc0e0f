"""One artwork's own decoder: a small change of it, trained for a style, in that style's file.

The entry point is :func:`specialise`; :class:`SpecialOptions` holds every setting. Names are imported when first used,
so that reading the options, as the command line does for its help, does not load torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
