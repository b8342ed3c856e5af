"""Playing whole clips with a policy: episodes, figures and video."""
