"""The parts of ``benchmarks/compare.py``: who takes part, what is measured, and how it is told."""
