"""The options of agents/evaluate.py."""

from dataclasses import dataclass
from pathlib import Path

from agents.clip_options import ClipSpecs, fill_in_clips
from agents.policies.prior import PRIOR_FRAMES
from srn_core.errors import COUNT, NOT_NEGATIVE, UserError, check_numbers
from srn_gym.rules import GameRules


@dataclass(frozen=True, kw_only=True)
class EvaluateArgs(GameRules):
    """Play whole clips with a policy. The same seed gives every policy the same clips, first landmarks and noise."""

    policy: str
    """A name (none, static, random-walk, random-jump, prior, adaptive, greedy, optimal) or the folder of a trained run."""
    CLIP_DEFAULTS = {"clips": "demo?split=val"}
    clips: ClipSpecs = ()
    """Data spec of the clips to play; repeat for several. Default: demo?split=val."""
    train_clips: ClipSpecs = ()
    """Data spec of the training clips, which the policies prior and adaptive need; repeat for several. Default: --clips with
    split=train."""
    prior_frames: int = PRIOR_FRAMES
    """Frames of each training clip that prior and adaptive use. Fewer are faster and less exact."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder, onnx:PATH?..., crossfit:DIR, constant or MODULE:FUNCTION."""
    train_tracker: str = ""
    """The tracker whose errors prior and adaptive learn from, such as crossfit:DIR. Default: --tracker."""
    episodes: int = 48
    """Episodes to play. Clips take turns; each episode has a random first landmark."""
    seed: int = 0
    """Seed of the first landmarks and of random policies."""
    optimal: bool = False
    """Also play random-walk and optimal, and report the share of the optimum."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    json: Path | None = None
    """Write the figures and one row per episode to this file. - is the standard output."""
    video: Path | None = None
    """Write the first episode to this .mp4 file."""

    def __post_init__(self) -> None:
        super().__post_init__()
        fill_in_clips(self, "clips", "train_clips")
        check_numbers(self, {"episodes": COUNT, "prior_frames": COUNT, "seed": NOT_NEGATIVE})
        if self.video is not None and self.video.suffix != ".mp4":
            raise UserError(f"--video {self.video}: expected a file name that ends in .mp4")
