"""The network, as pure modules without input or output of files."""

from srn_core.model.config import SRNConfig
from srn_core.model.srn import SRN

__all__ = ["SRN", "SRNConfig"]
