"""What covers a face: keyed squares for the game, random shapes for training."""
