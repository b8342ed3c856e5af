"""Copy trained weights into the package as float16, with a card that says how they were trained and how accurate they are.

python -m srn_core.cli.ship --run runs/small --name srn-small --metrics metrics.json
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srn_core.checkpoints import CARD, SHIPPED, load_card, load_pretrained, save_pretrained
from srn_core.cli.options import read_options
from srn_core.errors import UserError, command
from srn_core.io.files import read_json

LICENCE = (
    "Research and non-commercial use: trained on 300-W (AFW, HELEN, LFPW), LFW, UTKFace and YawDD, whose terms allow no other, "
    "and on public video of people who keep their rights."
)


# What the card keeps of each record.
KEPT = (
    "data", "mode", "boxes", "box_source", "normaliser", "n_faces", "n_clips", "nme_mean", "nme_ci95", "fr_10", "auc_10",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ShipArgs:
    """Copy a run's weights into the package."""

    run: Path
    """Folder that srn train wrote."""
    name: str
    """Name of the weights in the package."""
    metrics: Path
    """JSON file that srn evaluate or benchmarks/accuracy.py wrote for these weights."""
    data_root: str = "data"
    """Folder of the data sets. The card says DATA in its place."""
    note: str = ""
    """A remark for the card."""


@command
def main() -> None:
    args = read_options(ShipArgs, __doc__, prog="python -m srn_core.cli.ship")
    metrics = read_json(args.metrics)
    # srn evaluate writes one record, or a list where it has measured several sets.
    found = metrics if isinstance(metrics, list) else metrics.get("figures", [metrics])
    records = _portable(found, args.data_root)
    if not all("nme_mean" in record for record in records):
        raise UserError(f"{args.metrics}: holds no record of srn evaluate; expected the file that its --json wrote")
    stages = _portable(_stages(args.run), args.data_root)
    card = {
        "name": args.name,
        "licence": LICENCE,
        "data": list(dict.fromkeys(spec for stage in stages for spec in stage["arguments"]["data"])),
        "commands": [_command(stage["arguments"]) for stage in stages],
        "stages": stages,
        "metrics": [{key: record[key] for key in KEPT} for record in records],
        **({"note": args.note} if args.note else {}),
    }
    save_pretrained(load_pretrained(args.run), SHIPPED / args.name, card, half=True)
    print(f"{SHIPPED / args.name}: weights and {CARD}")


def _stages(run: Path | str) -> list[dict[str, Any]]:
    """The cards of all trainings that led to the run, in their order."""
    card = {key: value for key, value in load_card(run).items() if key != "config"}
    if "stages" in card:
        return list(card["stages"])
    if "finetuning" in card:
        raise UserError(f"{run}: made by agents/finetune.py, which the card cannot describe; give a run of srn train")
    earlier = card["arguments"]["init"]
    return [*(_stages(earlier) if earlier else []), card]


def _portable(value: Any, data_root: str) -> Any:
    """The same JSON without paths of this machine: DATA for the data, runs/NAME for runs. Names that ship stay."""
    if isinstance(value, dict):
        runs = {key: _run_name(value[key]) for key in ("out", "init", "teacher") if value.get(key)}
        return {_portable(key, data_root): runs.get(key, _portable(part, data_root)) for key, part in value.items()}
    if isinstance(value, list):
        return [_portable(part, data_root) for part in value]
    return value.replace(f":{data_root.rstrip('/')}/", ":DATA/") if isinstance(value, str) else value


def _run_name(run: Any) -> Any:
    """runs/NAME for a run's folder, or for each of several; a name that ships in the package stays."""
    if isinstance(run, list):
        return [_run_name(one) for one in run]
    return run if Path(run).name == run and (SHIPPED / run).is_dir() else f"runs/{Path(run).name}"


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
