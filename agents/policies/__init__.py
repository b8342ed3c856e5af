"""Policies: their interface, the named ones, and the trained ones."""
