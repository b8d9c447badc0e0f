"""Training a decoder, or the fast model: data, objective, checkpoints and the loop that joins them.

The entry point is :class:`Trainer`; :class:`TrainingConfig` holds every setting. Names are imported when first used, so
that reading the settings, as the command line does for its help, does not load torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
