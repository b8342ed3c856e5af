"""The baselines of Stable-Baselines3 on the same game."""
