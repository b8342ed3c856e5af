"""A policy that covers a tracked face live, frame by frame: ``srn track VIDEO --occlude POLICY``.

The policy sees each frame as a game of one frame, in which the landmarks that the tracker found on the bare frame count as the
truth. The covered landmark passes on to the next frame, and so does what was earned on this face. A policy that plans ahead
(``prior``, ``optimal``) plans one frame.
"""

import dataclasses
from typing import Any

import numpy as np
import torch

from agents.playing.evaluation import check_policy, find_policy
from agents.policies.protocol import Policy, Position
from agents.policies.trained import trained_rules
from srn_core.data import Clip
from srn_core.data.clip import continuous
from srn_core.face.geometry import paste_crop
from srn_core.occluders.squares import square_corner
from srn_core.tracking.attack import Attacked
from srn_core.tracking.tracker import Tracker
from srn_core.tracking.video import TrackedFace
from srn_gym.game import NO_OCCLUDER, OcclusionGame
from srn_gym.games import load_game
from srn_gym.memory import nothing_earned, remember


@dataclasses.dataclass(frozen=True)
class _Picture:
    """A frame source of one frame."""

    image: np.ndarray

    def __call__(self, t: int) -> np.ndarray:
        return self.image


class LiveAttack:
    """Covers one face of a video.

    Args:
        policy: a name or the folder of a run, as for ``agents/evaluate.py``. A trained policy brings the rules of its training.
        tracker: the victim.
        checkpoint: its name. ``prior`` and ``adaptive`` learn on the clips that ship.
        seed: of the first landmark and of random policies.

    Raises:
        UserError: the policy is unknown.
    """

    def __init__(self, policy: str, tracker: Tracker, checkpoint: str, seed: int = 0) -> None:
        check_policy(policy)
        self.name, self.tracker, self.checkpoint = policy, tracker, checkpoint
        self.rules: dict[str, Any] = {**trained_rules(policy), "mode": "detect"}
        self.rng = np.random.default_rng(seed)
        self.landmark = int(self.rng.integers(tracker.scheme.num_landmarks))
        self.frames = 0
        self._policy: Policy | None = None
        self._face: int | None = None

    def __call__(self, image: np.ndarray, face: TrackedFace) -> Attacked:
        """See :class:`srn_core.tracking.attack.Attack`."""
        game = self._game(image, face)
        if self._policy is None:
            self._policy = find_policy(self.name, game, self._training)
        zero = torch.zeros(1, dtype=torch.long, device=game.device)
        landmark = torch.full_like(zero, self.landmark)
        self._policy.begin(game, zero, landmark, [self.rng])
        if face.number != self._face:
            self._face, self._earned = face.number, nothing_earned(1, game.num_landmarks, game.device)
        position = Position(zero, zero, landmark, game.tracker.start(1), self._earned)
        target = self._policy.targets(position, torch.ones_like(zero, dtype=torch.bool))
        remembers = getattr(self._policy, "remembers", False)
        response = game.respond(zero, zero, target, position.state, remembers)
        points = game.scene.to_frame_pixels(zero, zero, response.prediction)[0]
        if remembers:
            self._earned = remember(self._earned, target, response.excess)
        covered = int(target)
        if covered != NO_OCCLUDER:
            image, self.landmark = self._cover(game, image, face.box, target), covered
        return Attacked(image, points, covered, float(response.nme))

    def _game(self, image: np.ndarray, face: TrackedFace) -> OcclusionGame:
        # Each frame has a name of its own, because the noise follows from the name.
        name, self.frames = f"frame {self.frames}", self.frames + 1
        if not self.rules["noise_per_frame"]:
            name = "live"
        clip = Clip(name, face.landmarks[None], face.box[None], _Picture(image), continuous(1), self.tracker.scheme)
        return OcclusionGame([clip], self.tracker, **self.rules)

    def _training(self) -> OcclusionGame:
        return load_game(tracker=self.checkpoint, device=str(self.tracker.device), **self.rules)

    @staticmethod
    def _cover(game: OcclusionGame, image: np.ndarray, box: np.ndarray, target: torch.Tensor) -> np.ndarray:
        """The frame with the occluder of the crop."""
        zero, scene = torch.zeros_like(target), game.scene
        crop = scene.occlude(zero, zero, target)[0].permute(1, 2, 0).cpu().numpy()
        side = scene.occluder_side
        x, y = square_corner(scene.landmarks[:1, int(target)], side, scene.crop.size)[0].tolist()
        inside = np.zeros(crop.shape[:2], bool)
        inside[y : y + side, x : x + side] = True
        return paste_crop(image, crop, inside, box, scene.crop)
