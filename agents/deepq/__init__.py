"""The deep Q-network: features, network, replay, learner and the files of a run."""
