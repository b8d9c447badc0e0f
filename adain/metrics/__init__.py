"""Measures of stylised pictures, built on the same statistics as the layer and the losses.

Each is a plain function of features or pixels; its docstring gives formula, source, range and direction. Features are
those of this library's normalised VGG-19 (:func:`adain.nn.load_encoder`). :func:`evaluate` puts them together: pairs of
:func:`pair_up`, :func:`with_outputs` or :func:`read_triples` go in, and :func:`table`, :func:`as_json` and
:func:`write_csv` show what comes out. :class:`LPIPS` and :class:`ArtInception` need files of the user's.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
