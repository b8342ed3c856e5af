"""The options that agents/dqn.py and agents/sb3.py share."""

from dataclasses import dataclass
from pathlib import Path

from agents.clip_options import ClipSpecs, fill_in_clips
from srn_core.errors import NOT_NEGATIVE, check_numbers
from srn_gym.rules import TrainingRules


@dataclass(frozen=True, kw_only=True)
class LearnerArgs(TrainingRules):
    """What a policy is trained on, how it is evaluated, and where the run is saved."""

    CLIP_DEFAULTS = {"clips": "demo?split=train"}
    clips: ClipSpecs = ()
    """Data spec of the training clips; repeat for several. Default: demo?split=train."""
    val_clips: ClipSpecs = ()
    """Data spec of the clips for the evaluation after training; repeat for several. Default: --clips with split=val."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder, onnx:PATH?..., crossfit:DIR, constant or MODULE:FUNCTION."""
    seed: int = 1
    """Seed of the weights, the exploration, the episodes and the sampling."""
    window: int | None = 64
    """Longest episode, in frames. In a longer clip, an episode starts at a random frame. None: always whole clips."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    eval_episodes: int = 48
    """Episodes of the evaluation after training. 0: no evaluation."""
    run_dir: Path | None = None
    """Folder of the logs and the trained policy. Default: runs/dqn-SEED or runs/sb3-ALGO-SEED."""

    def __post_init__(self) -> None:
        super().__post_init__()
        fill_in_clips(self, "clips", "val_clips")
        check_numbers(self, {"eval_episodes": NOT_NEGATIVE})
