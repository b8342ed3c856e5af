"""The Stable-Baselines3 baselines on the same game."""
