"""What pages show of the game."""
