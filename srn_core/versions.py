"""Which software ran: what runs store beside their command, and pages show."""

import importlib.metadata
import platform

# What figures depend on most.
PACKAGES = ("srn-occlusion", "torch", "gymnasium", "numpy", "opencv-python")


def versions() -> dict[str, str]:
    """Python's version and those of :data:`PACKAGES`."""
    return {"Python": platform.python_version(), **{name: importlib.metadata.version(name) for name in PACKAGES}}
