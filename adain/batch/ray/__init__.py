"""The one pass over many photographs at once, on more than one process or machine, from files and tables."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
