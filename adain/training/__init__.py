"""Training a decoder: data, objective, checkpoints and the loop that joins them.

Nothing is imported here, so that reading :mod:`adain.training.config`, as the command line does for its help,
does not load torch. The entry point is :class:`adain.training.trainer.Trainer`.
"""
