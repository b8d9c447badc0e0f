"""Optimising a picture itself under losses: recipes, objectives, the descent, and what it reports.

Nothing is imported here, so that reading :mod:`adain.refinement.recipe`, as the command line does for its help, does
not load torch. The entry point is :func:`adain.refine.refine`.
"""
