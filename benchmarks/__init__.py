"""Experiments that end in tables and plots."""

import srn_core.threads  # noqa: F401  before torch
