"""Styles by the thousand, for training on stylised pictures: banks of artworks' statistics, and drawing from them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
