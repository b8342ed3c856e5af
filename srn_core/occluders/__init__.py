"""Occluders: keyed squares for the game, random shapes for training."""
