"""The SRN facial-landmark detector and tracker."""

from srn_core.checkpoints import load_pretrained
from srn_core.model import SRN, SRNConfig
from srn_core.tracking.tracker import Tracker

__all__ = ["SRN", "SRNConfig", "Tracker", "load_pretrained"]
