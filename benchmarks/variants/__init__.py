"""Reporting of ``benchmarks/ablation.py``."""
