"""Put trained weights into the package: float16, with a card that says where they come from and how good they are.

    python -m srn_core.cli.ship --run runs/small --name srn-small --metrics metrics.json

The metrics are what ``srn evaluate --json`` or benchmarks/accuracy.py wrote for the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srn_core.checkpoints import CARD, SHIPPED, load_card, load_pretrained, save_pretrained
from srn_core.cli.options import read_options
from srn_core.errors import UserError, command
from srn_core.io.files import read_json

LICENCE = (
    "Research and non-commercial use: trained on 300-W (AFW, HELEN), whose terms allow no other, and on public video of people "
    "who keep their rights."
)


@dataclass(frozen=True)
class ShipArgs:
    """Copy a run's weights into the package."""

    run: Path
    """Folder that srn train wrote."""
    name: str
    """What the weights are called from now on."""
    metrics: Path
    """JSON file that srn evaluate wrote for these weights."""
    data_root: str = "data"
    """Folder under which the data lay; the card says DATA in its place."""
    note: str = ""
    """What else the card should say."""


@command
def main() -> None:
    args = read_options(ShipArgs, __doc__)
    metrics = read_json(args.metrics)
    records = _portable(metrics if isinstance(metrics, list) else [metrics], args.data_root)
    kept = (
        "data",
        "mode",
        "boxes",
        "box_source",
        "normaliser",
        "n_faces",
        "n_clips",
        "nme_mean",
        "nme_ci95",
        "fr_10",
        "auc_10",
    )
    if not all("nme_mean" in record for record in records):
        raise UserError(f"{args.metrics}: no record of srn evaluate; expected what its --json wrote")
    stages = _portable(_stages(args.run), args.data_root)
    card = {
        "name": args.name,
        "licence": LICENCE,
        "data": stages[-1]["arguments"]["data"],
        "commands": [_command(stage["arguments"]) for stage in stages],
        "stages": stages,
        "metrics": [{key: record[key] for key in kept} for record in records],
        **({"note": args.note} if args.note else {}),
    }
    save_pretrained(load_pretrained(args.run), SHIPPED / args.name, card, half=True)
    print(f"{SHIPPED / args.name}: weights and {CARD}")


def _stages(run: Path | str) -> list[dict[str, Any]]:
    """The run's card, behind those of the runs that it started from."""
    card = {key: value for key, value in load_card(run).items() if key != "config"}
    if "stages" in card:
        return list(card["stages"])
    if "finetuning" in card:
        raise UserError(f"{run}: was made by agents/finetune.py; expected a run of srn train, whose commands the card can name")
    earlier = card["arguments"]["init"]
    return [*(_stages(earlier) if earlier else []), card]


def _portable(value: Any, data_root: str) -> Any:
    """The same JSON without paths of the machine that it was made on: DATA for the data, runs/NAME for runs; not what ships."""
    if isinstance(value, dict):
        runs = {
            key: f"runs/{Path(part).name}"
            for key, part in value.items()
            if key in ("out", "init") and part and not _ships(part)
        }
        return {_portable(key, data_root): runs.get(key, _portable(part, data_root)) for key, part in value.items()}
    if isinstance(value, list):
        return [_portable(part, data_root) for part in value]
    return value.replace(f":{data_root.rstrip('/')}/", ":DATA/") if isinstance(value, str) else value


def _ships(name: str) -> bool:
    """Whether a checkpoint's name, which is no path, ships in the package."""
    return Path(name).name == name and (SHIPPED / name).is_dir()


def _command(arguments: dict[str, Any]) -> str:
    """The ``srn train`` line of a run."""
    words = ["srn train"]
    for key, value in arguments.items():
        if value is None or value is False or key == "resume":
            continue
        for part in value if isinstance(value, list | tuple) else [value]:
            words.append(f"--{key.replace('_', '-')}" if part is True else f"--{key.replace('_', '-')} '{part}'")
    return " ".join(words)


if __name__ == "__main__":
    main()
