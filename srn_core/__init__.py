"""The SRN facial-landmark detector and tracker."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import srn_core.threads  # noqa: F401  before torch

if TYPE_CHECKING:
    from srn_core.checkpoints import load_pretrained
    from srn_core.model import SRN, SRNConfig
    from srn_core.tracking.tracker import Tracker

__all__ = ["SRN", "SRNConfig", "Tracker", "load_pretrained"]
_HOMES = {
    "SRN": "srn_core.model",
    "SRNConfig": "srn_core.model",
    "Tracker": "srn_core.tracking.tracker",
    "load_pretrained": "srn_core.checkpoints",
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used: torch takes seconds."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'srn_core' has no attribute '{name}'")
