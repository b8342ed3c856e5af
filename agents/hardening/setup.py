"""What fine-tuning needs before its first step: checked arguments, and a policy for each round."""

import dataclasses
import os
from pathlib import Path

from agents.deepq.args import DQNArgs
from agents.deepq.training import trained_dqn
from agents.hardening.args import FinetuneArgs
from agents.hardening.own_run import load_own
from agents.hardening.placements import derived_seed
from agents.hardening.saving import MANIFEST
from agents.playing.evaluation import check_policy, sibling_splits, warn_of_overlap
from srn_core.checkpoints import load_pretrained
from srn_core.data import load_clips
from srn_core.data.clip import check_scheme
from srn_core.data.several import listed_specs
from srn_core.errors import UserError
from srn_core.io.files import check_writable
from srn_core.training.args import check_batch, check_out, refuse_masked
from srn_core.training.processes import is_first
from srn_core.victims.registry import is_own
from srn_gym.cache.store import Store


def checked(args: FinetuneArgs) -> FinetuneArgs:
    """Check the arguments and fill in the defaults that depend on other arguments.

    Raises:
        UserError: arguments do not fit together, clips are masked, or a folder is in use.
    """
    clips = args.clips or ("demo?split=train",)
    val = args.val or listed_specs(sibling_splits(clips, "val"))
    refuse_masked((*clips, *val, *args.dqn_clips))
    for spec in clips if is_first() and not args.val else ():
        warn_of_overlap(spec)
    check_batch(args.batch, args.sequence)
    if args.policy != "dqn":
        check_policy(args.policy)
    # Checked now, because training a DQN takes long.
    own = is_own(args.tracker)
    config = load_own(args.tracker, args.device).config if own else load_pretrained(args.tracker).config
    if args.mode == "track" and own:
        raise UserError(f"--mode track with --tracker {args.tracker}: a module of your own has no memory; use detect")
    for teacher in args.teacher:
        if (scheme := load_pretrained(teacher).config.scheme) != config.scheme:
            raise UserError(f"--teacher {teacher}: has the scheme {scheme}; expected {config.scheme}, as --tracker has")
    for spec in (*clips, *val, *args.dqn_clips):
        check_scheme(load_clips(spec).clips, config.landmarks)
    _check_folders(args)
    return dataclasses.replace(args, clips=clips, val=val)


def _check_folders(args: FinetuneArgs) -> None:
    check_out(args.out, args.resume, (args.out / "round-1").is_dir())
    if args.save is None:
        return
    if args.save.resolve() in (args.out.resolve(), *args.out.resolve().parents):
        raise UserError(f"--save {args.save}: is --out or contains it; give another folder")
    # A run that was stopped may have written it.
    if os.path.lexists(args.save) and not (args.resume and (args.save / MANIFEST).is_file()):
        raise UserError(f"--save {args.save}: already exists; remove it or give another folder")
    if not args.save.exists():
        check_writable(args.save)


def round_policy(args: FinetuneArgs, tracker: str, folder: Path, number: int) -> str:
    """The policy of a round: the name that was given, or the folder of a DQN that is trained now against ``tracker``."""
    if args.policy != "dqn":
        return args.policy
    dqn = DQNArgs(
        clips=args.dqn_clips or args.clips, tracker=tracker, mode=args.mode, seed=derived_seed(args.seed, number),
        total_steps=args.dqn_steps, device=args.device, run_dir=folder / "dqn",
    )  # fmt: skip
    # This game is played once, so its store is private and freed with it.
    return str(trained_dqn(dqn, Store()))
