"""Measuring of ``benchmarks/throughput.py``."""
