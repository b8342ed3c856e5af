"""Playing whole clips with a policy, and what comes of it."""
