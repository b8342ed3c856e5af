"""Clips and the data specs that name them."""

from srn_core.data.clip import Clip
from srn_core.data.loading import ClipSet, load_clips
from srn_core.data.spec import DataSpec, parse_spec, spec_label, spec_labels

__all__ = ["Clip", "ClipSet", "DataSpec", "load_clips", "parse_spec", "spec_label", "spec_labels"]
