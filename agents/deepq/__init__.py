"""The deep Q-network: network, replay, learner, files of a run."""
