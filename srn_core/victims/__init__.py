"""Landmark models that the game can attack, and how they are named."""
