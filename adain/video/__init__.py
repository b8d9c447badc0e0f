"""Video: painted frame by frame, steadied, with its sound, and resumable. Needs the extra ``adain[video]``."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
