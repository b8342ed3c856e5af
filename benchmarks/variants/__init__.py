"""The jobs and the report of ``benchmarks/ablation.py``."""
