"""Players of the occlusion game: named policies, a deep Q-network with multi-queue replay, baselines."""

import srn_core.threads  # noqa: F401  before torch
