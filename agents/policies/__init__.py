"""Policies that need no learning, and what every policy looks like to a rollout."""
