"""Tensors and their metadata as one safetensors file: no pickle is written or read."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from srn_core.errors import UserError
from srn_core.io.files import json_text, write_atomically


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors, and JSON-able metadata in the header, as one safetensors file, atomically.

    Tensors that share their memory, such as tied weights, are written once for each name.

    Raises:
        UserError: a tensor or a number of the metadata is nan or infinite, or the file cannot be written.
    """
    if broken := not_finite(tensors):
        raise UserError(
            f"{path}: would hold numbers that are nan or infinite ({broken}), so it is not written: the training diverges; "
            "try a lower learning rate, or --precision float32"
        )
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    places = Counter(tensor.untyped_storage().data_ptr() for tensor in contiguous.values())
    for name, tensor in contiguous.items():
        if places[tensor.untyped_storage().data_ptr()] > 1:
            contiguous[name] = tensor.clone()
    header = {"json": json_text(path, metadata)}
    # save_file would make a file that nobody but its owner may read.
    write_atomically(path, lambda temporary: temporary.write_bytes(save(contiguous, header)))


def not_finite(tensors: Mapping[str, Tensor]) -> str:
    """The name of the first tensor that holds nan or infinity; empty if there is none."""
    return next((name for name, tensor in tensors.items() if not tensor.isfinite().all()), "")


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The inverse of :func:`save_tensors`.

    Raises:
        UserError: no such file, or no safetensors file written by this package.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads((file.metadata() or {}).get("json", "{}"))
        if not isinstance(metadata, dict):
            raise ValueError("its metadata are no JSON object")
        return load_file(path), metadata
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read as safetensors ({error}); expected a checkpoint of this package") from None
