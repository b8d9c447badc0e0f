"""The parts of ``python -m benchmarks compare``: who takes part, what is measured, and how it is told."""
