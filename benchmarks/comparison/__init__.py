"""Policies and learners side by side."""
