"""A mean shape for each scheme, so that an untrained SRN works; training replaces it by the mean shape of its data.

The shapes are in box units (:func:`srn_core.face.geometry.to_box_units`) of the scheme's boxes (:mod:`srn_core.face.boxes`).
They are symmetric and rounded to a thousandth of a face. Points that 29, 98 and 68 points share are those of the 68. The other
points lie on a spline through the 68 along jaw line and eyelids. A pupil is the mean of its eye's points. The lower edge of the
98 points' brows is the mean of four faces of WFLW.
"""

import json
from collections.abc import Mapping
from pathlib import Path

_FILE = Path(__file__).with_name("mean_shapes.json")

MEAN_SHAPES: Mapping[str, tuple[tuple[float, float], ...]] = {
    scheme: tuple((x, y) for x, y in points) for scheme, points in json.loads(_FILE.read_text(encoding="utf-8")).items()
}
"""Scheme name -> ``(x, y)`` of each landmark."""
