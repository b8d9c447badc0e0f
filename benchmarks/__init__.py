"""Measurements of this library, each a command of ``python -m benchmarks``; see README.md."""
