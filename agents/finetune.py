"""Fine-tune a tracker on faces that a policy has occluded: hard occluded face synthesis (HOFS).

python agents/finetune.py --tracker srn-small --policy greedy --clips "demo?split=train" --out runs/finetuned
python agents/finetune.py --tracker srn-small --policy runs/dqn-1 --clips "300vw:DIR?split=train" --out runs/hofs --save faces
python agents/finetune.py --tracker srn-small --policy dqn --rounds 3 --out DIR       # policy and tracker take turns
python agents/finetune.py --tracker my_net:net --policy dqn --sequence 1 --out DIR    # a torch module of your own
python agents/finetune.py ... --resume                                                # continues a run that was stopped
torchrun --nproc-per-node 2 agents/finetune.py ...                                    # the same run in two processes
"""

from functools import partial
from pathlib import Path
from typing import Any

from agents.hardening.args import FinetuneArgs
from agents.hardening.own_run import OwnFinetuningRun
from agents.hardening.run import CLEAN_LOSS, FinetuningRun
from agents.hardening.saving import save_clips
from agents.hardening.setup import checked, round_policy
from srn_core.checkpoints import CARD, WEIGHTS, load_card
from srn_core.cli.options import read_options
from srn_core.errors import command
from srn_core.io.files import write_json
from srn_core.io.tensors import load_tensors, save_tensors
from srn_core.training.processes import joined_processes, on_first
from srn_core.training.state import STATE, check_state, claimed_by_first
from srn_core.training.train import run_to_end
from srn_core.victims.registry import is_own, trained_name, weights_card


def finetune(args: FinetuneArgs) -> Path:
    """Run all rounds; returns ``args.out``, which holds the last round's tracker."""
    with joined_processes(args.device), claimed_by_first(args.out):
        return _all_rounds(checked(args))


def _all_rounds(args: FinetuneArgs) -> Path:
    tracker = args.tracker
    for number in range(1, args.rounds + 1):
        folder = args.out / f"round-{number}"
        if (folder / STATE).is_file():
            # Checked before a DQN is trained, which takes long.
            check_state(folder, load_tensors(folder / STATE)[1], args)
        policy = on_first(partial(round_policy, args, tracker, folder, number))
        run = (OwnFinetuningRun if is_own(tracker) else FinetuningRun)(args, tracker, policy, folder, number)
        if number == args.rounds and args.save is not None and not (args.resume and args.save.exists()):
            card, placed = _manifest(args, tracker, run), run.placements(0)
            on_first(partial(save_clips, args.save, run.clips, placed, run.config.crop, args.occlusion, card))
        if not run.metadata:
            on_first(partial(run.validate_and_save, 0))
        run_to_end(run)
        tracker = trained_name(tracker, folder)
    on_first(partial(_finish, args, folder))
    return args.out


def _finish(args: FinetuneArgs, last: Path) -> None:
    """Save the tracker of the last round, in the folder ``last``, as the run's, and print how good it is."""
    card = load_card(last)
    # Fine-tuned weights stay under the licence of the weights that they come from.
    terms = {"licence": terms} if (terms := weights_card(args.tracker).get("licence")) else {}
    save_tensors(args.out / WEIGHTS, *load_tensors(last / WEIGHTS))
    write_json(args.out / CARD, {**terms, **card, "rounds": args.rounds})
    _report(card)


def _manifest(args: FinetuneArgs, tracker: str, run: FinetuningRun) -> dict[str, Any]:
    differs = "where the training's first pass put them; their pixels were drawn for this data set alone"
    return {"tracker": tracker, "policy": run.policy, "seed": args.seed, "clips_from": args.clips, "occluders": differs}


def _report(card: dict[str, Any]) -> None:
    clean = f"clean NME {card['clean_percent']:.2f} % (before: {card['clean_start_percent']:.2f} %)"
    print(f"kept step {card['step']}: {clean}, under random occluders {card['covered_percent']:.2f} %")
    if not card["clean_kept"]:
        print(f"the clean error of all weights rose by more than {CLEAN_LOSS:.0%}; kept those with the smallest rise")


@command
def main() -> None:
    finetune(read_options(FinetuneArgs, __doc__))


if __name__ == "__main__":
    main()
