"""Every loss, for training, refinement and measuring alike.

Each is a plain function of features beside a module that holds target, weight, layers and an optional guide. Modules
take an encoder's output as a mapping by layer name; losses on pixels find the picture under :data:`IMAGE`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
