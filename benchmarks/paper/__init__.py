"""Numbers, measuring and pages of ``benchmarks/paper_tables.py``."""
