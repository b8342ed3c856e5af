"""Numbers and texts of NumPy and torch are taken wherever Python's are."""

from typing import Any


def python_value(value: Any) -> Any:
    """A number or text of NumPy or torch, also as an array without axes, as Python's; anything else as it is.

    >>> import numpy as np
    >>> python_value(np.float32(0.5)), python_value(np.array(3)), python_value("demo"), python_value(None)
    (0.5, 3, 'demo', None)
    """
    return value.item() if getattr(value, "ndim", None) == 0 else value
