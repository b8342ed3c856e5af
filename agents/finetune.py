"""Fine-tune a tracker on what a policy synthesises: hard occluded faces, or those of any other policy (METHOD 3).

python agents/finetune.py --tracker srn-small --policy greedy --clips "demo?split=train" --out runs/finetuned
python agents/finetune.py --tracker srn-small --policy runs/dqn-1 --clips "300vw:DIR?split=train" --out runs/hofs --save faces
python agents/finetune.py --tracker srn-small --policy dqn --rounds 3 --out DIR       # policy and tracker take turns
python agents/finetune.py ... --resume                                                # goes on where it was stopped
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from agents.deepq.args import DQNArgs
from agents.deepq.features import forget_features
from agents.hardening.args import LIMITS, FinetuneArgs
from agents.hardening.placements import MANIFEST, derived_seed, save_clips, trained_dqn
from agents.hardening.run import CLEAN_LOSS, FinetuningRun
from agents.playing.evaluation import check_policy, note_missing_split, sibling_split
from srn_core.checkpoints import CARD, load_card, load_pretrained, save_pretrained
from srn_core.cli.options import read_options
from srn_core.data import load_clips
from srn_core.errors import UserError, check_numbers, command
from srn_core.io.tensors import load_tensors
from srn_core.training.args import check_batch, refuse_masked
from srn_core.training.pool import check_scheme
from srn_core.training.state import STATE, check_state
from srn_core.training.train import run_to_end
from srn_gym.games import forget_games


def finetune(args: FinetuneArgs) -> Path:
    """Run all rounds; returns ``args.out``, which holds the last round's tracker."""
    args = checked(args)
    tracker = args.tracker
    for number in range(1, args.rounds + 1):
        folder = args.out / f"round-{number}"
        if (folder / STATE).is_file():
            # Before a policy is trained any further.
            check_state(folder, load_tensors(folder / STATE)[1], args)
        run = FinetuningRun(args, tracker, _policy(args, tracker, folder, number), folder, number)
        if number == args.rounds and args.save is not None and not (args.resume and args.save.exists()):
            card = {"tracker": tracker, "policy": run.policy, "seed": args.seed, "clips_from": args.clips}
            save_clips(args.save, run.clips, run.played(0), run.config.crop, args.occlusion, card)
        if not run.metadata:
            run.validate_and_save(0)
        run_to_end(run)
        tracker = str(folder)
    card = load_card(tracker)
    # Weights made from others stay under the others' terms.
    terms = {"licence": terms} if (terms := load_card(args.tracker).get("licence")) else {}
    save_pretrained(load_pretrained(tracker), args.out, {**terms, **card, "rounds": args.rounds})
    _report(card)
    return args.out


def checked(args: FinetuneArgs) -> FinetuneArgs:
    """The arguments with what follows from others filled in.

    Raises:
        UserError: arguments that do not fit together, masked clips, or a folder that is in use.
    """
    clips = args.clips or ("demo?split=train",)
    val = args.val or tuple(sibling_split(spec, "val") for spec in clips)
    refuse_masked((*clips, *val))
    for spec in () if args.val else clips:
        note_missing_split(spec)
    check_numbers(args, LIMITS)
    check_batch(args.batch, args.sequence)
    if args.policy != "dqn":
        check_policy(args.policy)
    # A DQN that is trained first takes its time.
    config = load_pretrained(args.tracker).config
    for spec in (*clips, *val):
        check_scheme(load_clips(spec).clips, config)
    there = (args.out / "round-1").is_dir()
    if there and not args.resume:
        raise UserError(f"{args.out}: holds a run already; add --resume to go on with it, or give another --out")
    if not there and (args.out / CARD).is_file():
        raise UserError(f"{args.out}: holds a checkpoint already; give another --out")
    if args.resume and not there:
        raise UserError(f"{args.out}: nothing to resume; expected the folder of a run that was stopped")
    if args.save is not None:
        _check_save(args.save, args)
    return dataclasses.replace(args, clips=clips, val=val)


def _check_save(folder: Path, args: FinetuneArgs) -> None:
    if folder.resolve() in (args.out.resolve(), *args.out.resolve().parents):
        raise UserError(f"--save {folder}: is --out or holds it; give another folder")
    # A run that was stopped may have written it.
    if folder.exists() and not (args.resume and (folder / MANIFEST).is_file()):
        raise UserError(f"--save {folder}: is there already; remove it or give another folder")


def _policy(args: FinetuneArgs, tracker: str, folder: Path, number: int) -> str:
    if args.policy != "dqn":
        return args.policy
    dqn = DQNArgs(
        clips=args.clips[0], tracker=tracker, mode=args.mode, seed=derived_seed(args.seed, number),
        total_steps=args.dqn_steps, device=args.device, run_dir=folder / "dqn",
    )  # fmt: skip
    trained = trained_dqn(dqn)
    # Its game is not played again.
    forget_features()
    forget_games()
    return str(trained)


def _report(card: dict[str, Any]) -> None:
    clean = f"clean NME {card['clean_percent']:.2f} % (before: {card['clean_start_percent']:.2f} %)"
    print(f"kept step {card['step']}: {clean}, under random occluders {card['covered_percent']:.2f} %")
    if not card["clean_kept"]:
        print(f"no weights kept the clean error within {CLEAN_LOSS:.0%} of the start; these lost least of it")


@command
def main() -> None:
    finetune(read_options(FinetuneArgs, __doc__))


if __name__ == "__main__":
    main()
