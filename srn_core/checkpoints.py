"""Checkpoints: a folder with ``model.safetensors`` and ``card.json`` (architecture, data, metrics); no pickle."""

import dataclasses
import sys
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tqdm import tqdm

from srn_core.errors import UserError
from srn_core.io.files import read_json, write_json
from srn_core.io.tensors import load_tensors, not_finite, save_tensors
from srn_core.model import SRN, SRNConfig

SHIPPED = Path(__file__).parent / "weights"
WEIGHTS, CARD = "model.safetensors", "card.json"


def save_pretrained(model: SRN, folder: Path, card: Mapping[str, Any], half: bool = False) -> None:
    """Write ``model`` and its card to a folder; ``half`` stores the weights as float16."""
    tensors = {name: tensor.half() if half else tensor for name, tensor in model.state_dict().items()}
    full_card = {"config": dataclasses.asdict(model.config), **card}
    save_tensors(folder / WEIGHTS, tensors, {"config": full_card["config"]})
    write_json(folder / CARD, full_card)


def given_name(name: str | Path) -> str:
    """A name as text. A path stays a path: ``Path("srn-small")`` is the folder ``./srn-small``, never the shipped weights.

    >>> given_name("srn-small"), given_name(Path("runs/a")), given_name(Path("srn-small"))
    ('srn-small', 'runs/a', './srn-small')

    Raises:
        UserError: it is neither a text nor a path.
    """
    if not isinstance(name, str | Path):
        given = f"a {type(name).__module__}.{type(name).__name__}"
        raise UserError(f"tracker or checkpoint: given {given}; expected a name such as 'srn-small', a path or MODULE:FUNCTION")
    text = str(name)
    return text if isinstance(name, str) or Path(text).name != text else f"./{text}"


def resolve_checkpoint(name: str | Path) -> Path:
    """The folder of a checkpoint: one that ships with the package, by name, or any other, by path (``./srn-small``).

    If a folder in the current one has the name too, a note on stderr says which of the two is taken.
    """
    name = given_name(name)
    if Path(name).name == name and (SHIPPED / name / WEIGHTS).is_file():
        if (Path(name) / WEIGHTS).is_file():
            note_double_name("checkpoint", name, "the one that ships")
        return SHIPPED / name
    if (Path(name) / WEIGHTS).is_file():
        return Path(name)
    shipped = ", ".join(sorted(folder.name for folder in SHIPPED.glob("*") if (folder / WEIGHTS).is_file())) or "none"
    raise UserError(f"checkpoint '{name}': not found; expected a folder with {WEIGHTS}, or a shipped name ({shipped})")


@cache
def note_double_name(what: str, name: str, taken: str) -> None:
    """Say once on stderr that a name, which a folder has too, means something else."""
    tqdm.write(f"note: {what} '{name}': {taken}; ./{name} is the folder of that name", file=sys.stderr)


def load_pretrained(name: str | Path) -> SRN:
    """Load an SRN by shipped name or folder: float32, on the CPU, in eval mode.

    Raises:
        UserError: the checkpoint is missing or damaged, its weights do not fit its config, or a weight is nan or infinite.
    """
    folder = resolve_checkpoint(name)
    tensors, metadata = load_tensors(folder / WEIGHTS)
    if broken := not_finite(tensors):
        raise UserError(
            f"{folder / WEIGHTS}: weights are nan or infinite ({broken}), as after a training that diverged; expected "
            "finite ones; take an earlier checkpoint, or train again with a lower learning rate"
        )
    if "config" not in metadata:
        raise UserError(f"{folder / WEIGHTS}: no SRN config in its header; expected a checkpoint of this package")
    try:
        model = SRN(SRNConfig.from_dict(metadata["config"]))
    except UserError as error:
        raise UserError(f"{folder / WEIGHTS}: {error}") from None
    try:
        model.load_state_dict({key: value.float() for key, value in tensors.items()})
    except RuntimeError as error:
        raise UserError(f"{folder / WEIGHTS}: the weights do not fit their config ({error}); restore the file") from None
    return model.eval()


def starting_model(preset: str, init: str | None, overrides: Sequence[str], scheme: str = SRNConfig.scheme) -> SRN:
    """The model of the checkpoint ``init`` (a name or folder); without one, an untrained model of a preset.

    An hourglass or a head that the checkpoint lacks starts untrained: the hourglass's shape is then the checkpoint's mean
    shape. With relation=off or certainty=off the checkpoint's non-local block or head is left out. ``scheme`` is the untrained
    model's, unless one of ``overrides`` (see :meth:`SRNConfig.override`) names another.

    Raises:
        UserError: no such checkpoint or field, a wrong value of a field, or weights that do not fit.
    """
    if not init:
        return SRN(dataclasses.replace(SRNConfig.preset(preset), scheme=scheme).override(overrides))
    given = load_pretrained(init)
    if not overrides:
        return given
    model = SRN(given.config.override(overrides))
    fresh = model.state_dict()
    untrained = {name: value for name, value in fresh.items() if name.startswith(("hourglass.", "certainty."))}
    optional = "nonlocal_block.", "certainty."
    trained = {n: value for n, value in given.state_dict().items() if n in fresh or not n.startswith(optional)}
    try:
        model.load_state_dict({**untrained, **trained})
    except RuntimeError:
        raise UserError(
            f"config override {' '.join(overrides)}: the weights of {init} do not fit that architecture; leave --init out, or "
            "override only fields without weights (steps, memory, crop_factor, image_size, another relation, relation=off) or "
            "add an hourglass or certainty=on"
        ) from None
    return model


def load_card(name: str | Path) -> dict[str, Any]:
    """The card beside the weights."""
    path = resolve_checkpoint(name) / CARD
    card = read_json(path)
    if not isinstance(card, dict):
        raise UserError(f"{path}: is no JSON object; expected the card of a checkpoint; restore the file")
    return card


def fingerprint(model: SRN) -> str:
    """Eight hex digits of a model's config and weights: two models that differ have different ones."""
    value = zlib.crc32(repr(model.config).encode())
    for name, tensor in model.state_dict().items():
        value = zlib.crc32(name.encode() + tensor.detach().cpu().numpy().tobytes(), value)
    return f"{value:08x}"
