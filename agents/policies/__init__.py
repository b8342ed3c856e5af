"""The policies: their interface, those that need no training, and those of a run."""
