"""Players of the occlusion game: named policies, a deep Q-network with multi-queue replay, baselines."""
