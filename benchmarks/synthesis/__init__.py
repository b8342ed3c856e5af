"""The jobs and the report of ``benchmarks/hofs.py``."""
