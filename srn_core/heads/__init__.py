"""Synthetic talking faces with exact 68-point landmarks, rendered from a 3-D head: no real person is depicted."""
