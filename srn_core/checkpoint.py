"""Checkpoints without pickle: a folder with ``model.safetensors`` and ``card.json`` (architecture, data, metrics)."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from srn_core.errors import UserError
from srn_core.model import SRN, SRNConfig

SHIPPED = Path(__file__).parent / "weights"
WEIGHTS, CARD = "model.safetensors", "card.json"


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary neighbour of ``path``, then rename it: readers see the old file or the new one."""
    check_writable(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:
        if error.filename not in (None, str(temporary)):
            raise
        raise UserError(f"{path}: {error.strerror or error}; expected a place with room that can be written to") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Make the folder that a file shall lie in.

    Raises:
        UserError: there is a folder or a device of the file's own name, or the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: is a {'folder' if path.is_dir() else 'device'}; expected the name of a file to write")
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"{path}: its folder cannot be written to; expected a place with room that can be written to")


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None] = ()) -> None:
    """Make the folders of the files that a command will write; None is left out.

    Raises:
        UserError: one of them is also read, is written twice, or cannot be written.
    """
    taken = {path.resolve() for path in inputs if path is not None}
    for path in outputs:
        if path is None:
            continue
        if path.resolve() in taken:
            raise UserError(f"{path}: is read by this command, or given for another of its files; give another name")
        taken.add(path.resolve())
        check_writable(path)


def write_text(path: Path, text: str) -> None:
    """Write text atomically."""

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    write_atomically(path, write)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, indented but for lists of numbers, which stay on a line."""
    text = json.dumps(value, indent=1)
    text = re.sub(r"\[\n([-+.\deE,\s]+)\n\s*\]", lambda found: f"[{' '.join(found[1].split())}]", text)
    write_text(path, text + "\n")


def plain(args: Any) -> dict[str, Any]:
    """A dataclass as JSON gives it back."""
    return dict(json.loads(json.dumps(dataclasses.asdict(args), default=str)))


def plain_defaults(kind: Any) -> dict[str, Any]:
    """The defaults of a dataclass as JSON gives them back: what a run that was begun before an option came had for it."""
    found = {field.name: field.default for field in dataclasses.fields(kind) if field.default is not dataclasses.MISSING}
    return dict(json.loads(json.dumps(found, default=str)))


def read_json(path: Path) -> Any:
    """Read a JSON file, or say in one line why not."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected a JSON file") from None
    except ValueError as error:
        raise UserError(f"{path}: no valid JSON ({error}); restore the file") from None


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors, and JSON-able metadata in the header, as one safetensors file, atomically."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = {"json": json.dumps(metadata)}
    # save_file would make a file that nobody but its owner may read.
    write_atomically(path, lambda temporary: temporary.write_bytes(save(contiguous, header)))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The inverse of :func:`save_tensors`.

    Raises:
        UserError: no such file, or no safetensors file written by this package.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads((file.metadata() or {}).get("json", "{}"))
        return load_file(path), metadata
    except (OSError, SafetensorError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as safetensors ({error}); expected a checkpoint of this package") from None


def save_pretrained(model: SRN, folder: Path, card: Mapping[str, Any], half: bool = False) -> None:
    """Write ``model`` and its card; ``half`` stores float16, for shipping."""
    tensors = {name: tensor.half() if half else tensor for name, tensor in model.state_dict().items()}
    full_card = {"config": dataclasses.asdict(model.config), **card}
    save_tensors(folder / WEIGHTS, tensors, {"config": full_card["config"]})
    write_json(folder / CARD, full_card)


def resolve_checkpoint(name: str | Path) -> Path:
    """The folder of a checkpoint that ships by name, or of a path."""
    if (SHIPPED / str(name) / WEIGHTS).is_file():
        return SHIPPED / str(name)
    if (Path(name) / WEIGHTS).is_file():
        return Path(name)
    shipped = ", ".join(sorted(folder.name for folder in SHIPPED.glob("*") if (folder / WEIGHTS).is_file())) or "none"
    raise UserError(f"checkpoint '{name}': not found; expected a folder with {WEIGHTS} or a name that ships ({shipped})")


def load_pretrained(name: str | Path) -> SRN:
    """Load an SRN by shipped name or folder, in float32 on the CPU, in eval mode.

    Raises:
        UserError: it is not there, damaged, or of another architecture than its config says.
    """
    folder = resolve_checkpoint(name)
    tensors, metadata = load_tensors(folder / WEIGHTS)
    if "config" not in metadata:
        raise UserError(f"{folder / WEIGHTS}: no SRN config in its header; expected a checkpoint of this package")
    model = SRN(SRNConfig.from_dict(metadata["config"]))
    try:
        model.load_state_dict({key: value.float() for key, value in tensors.items()})
    except RuntimeError as error:
        raise UserError(f"{folder / WEIGHTS}: weights do not fit their config: {error}") from None
    return model.eval()


def load_card(name: str | Path) -> dict[str, Any]:
    """The card beside the weights."""
    return dict(read_json(resolve_checkpoint(name) / CARD))


def pick_device(device: str) -> torch.device:
    """``auto``: CUDA where there is one, else the CPU."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        picked = torch.device(device)
    except RuntimeError:
        picked = torch.device("meta")
    if picked.type not in ("cpu", "cuda"):
        raise UserError(f"device '{device}': unknown; expected auto, cpu, cuda or cuda:N")
    if picked.type == "cuda" and (picked.index or 0) >= torch.cuda.device_count():
        raise UserError(f"device '{device}': no such CUDA device is available here; use --device cpu or auto")
    return picked
