"""Make the page on which a person plays in a browser against a trained policy.

python agents/play_page.py --policy runs/dqn-1 --out play.html
"""

from dataclasses import dataclass
from pathlib import Path

import srn_core.threads  # noqa: F401

from agents.playing.episodes import action_table
from agents.policies.trained import trained_rules
from agents.run_folder import is_run
from srn_core.cli.options import read_options
from srn_core.errors import COUNT, NOT_NEGATIVE, UserError, check_numbers, command
from srn_core.io.files import check_outputs
from srn_core.pages.page import check_page_name
from srn_gym.games import load_game
from srn_gym.pages.play_page import write_play_page


@dataclass(frozen=True, kw_only=True)
class PlayPageArgs:
    """The rival and the clip."""

    policy: str
    """The folder of a trained run. Its rules are those of the game."""
    name: str = "DQN"
    """What the page calls it."""
    clips: str = "demo?split=val"
    """Data spec of the clips."""
    clip: int = 0
    """Which of the clips is played: its number from 0."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder, onnx:PATH?..., constant or MODULE:FUNCTION."""
    most_frames: int | None = None
    """Play the first frames of the clip only. None: all of them."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("play.html")
    """Write the page here (.html)."""

    def __post_init__(self) -> None:
        check_numbers(self, {"clip": NOT_NEGATIVE, "most_frames": COUNT})
        check_page_name("--out", self.out)


def play_page(args: PlayPageArgs) -> None:
    """Write the page."""
    check_outputs((args.out,))
    if not is_run(Path(args.policy)):
        raise UserError(f"--policy {args.policy}: expected the folder of a trained run")
    game = load_game(args.clips, args.tracker, args.device, **trained_rules(args.policy))
    if args.clip >= len(game.clips):
        raise UserError(f"--clip {args.clip}: {args.clips} has {len(game.clips)} clips; expected a number below that")
    write_play_page(args.out, game, {args.name: action_table(game, args.policy, args.clip)}, args.clip, args.most_frames)
    print(f"wrote {args.out}, {args.out.stat().st_size / 1e3:.0f} kB")


@command
def main() -> None:
    play_page(read_options(PlayPageArgs, __doc__))


if __name__ == "__main__":
    main()
