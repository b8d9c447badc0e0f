"""What ``adain evaluate`` does: outputs against their contents and styles, by every measure of :mod:`adain.metrics`.

>>> from adain.evaluation.pairs import pair_up, with_outputs
>>> from adain.evaluation.run import evaluate
>>> from adain.evaluation.report import table
>>> pairs = with_outputs(pair_up(contents, styles), {"mine": "out/"})  # doctest: +SKIP
>>> print(table(evaluate(pairs)))  # doctest: +SKIP
"""
