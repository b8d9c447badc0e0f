"""Many photographs: folders, processes, the manifest of what is done; :mod:`adain.batch.ray` for clusters."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
