"""Networks: VGG, decoders, AdaIN and its statistics, other backbones, weights and their conversion."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
