"""Experiments that end in tables and plots."""
