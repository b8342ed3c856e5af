"""Measuring and reporting of ``benchmarks/hofs.py``."""
