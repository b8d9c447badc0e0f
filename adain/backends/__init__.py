"""What runs the two networks: torch, or ncnn or onnxruntime without it; and writing a model for the latter."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
