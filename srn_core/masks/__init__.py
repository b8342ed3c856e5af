"""Medical masks, drawn on faces of 68 points."""
