"""Clips and the data specs that name them."""

from srn_core.data.clip import Clip
from srn_core.data.spec import ClipSet, DataSpec, load_clips, parse_spec, spec_label, spec_labels

__all__ = ["Clip", "ClipSet", "DataSpec", "load_clips", "parse_spec", "spec_label", "spec_labels"]
