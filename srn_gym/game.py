"""Hard occluded face synthesis as a game (eq. 9, 10, 13 of the paper): the only place where its dynamics are written.

Everything is batched on the tracker's device. Every function is a function of (clip, frame, landmark) and, in ``track`` mode,
of the tracker's memory. Where episodes stand is in ``srn_gym.episodes``, what frames show in ``srn_gym.scene``.

Index tensors are ``(B,)`` int64 on :attr:`OcclusionGame.device`; points are ``(x, y)`` crop pixels unless said otherwise.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from srn_core.data import Clip
from srn_core.data.clip import check_scheme
from srn_core.errors import UserError
from srn_core.face.metrics import nme
from srn_core.model import SRN
from srn_core.model.patches import extract_patches
from srn_core.victims.on_clips import VictimOnClips
from srn_core.victims.protocol import Victim
from srn_gym.cache.memo import batch_size
from srn_gym.cache.store import Store
from srn_gym.features import ADDED, ENCODERS, ClipFeatures, Encode, FrozenFeatures, observed
from srn_gym.neighbourhoods import neighbour_table
from srn_gym.rules import read_rules
from srn_gym.scene import NO_OCCLUDER

NUM_ACTIONS = 3


class Response(NamedTuple):
    """The tracker's answer to a frame, and the reward.

    Attributes:
        reward: ``(B,)`` float32 fraction, as the rules say.
        nme: ``(B,)`` float32 fraction of the scheme's normaliser, for 68 points the inter-ocular distance (eq. 10).
        excess: ``(B,)`` float32, that error minus the error on the clean frame in the same state, at most the rules'
            ``reward_cap``; None if it was not asked for.
        prediction: ``(B, L, 2)`` landmarks, crop pixels.
        state: ``(B, D)`` the tracker's memory after the frame; in ``detect`` mode unchanged.
    """

    reward: Tensor
    nme: Tensor
    excess: Tensor | None
    prediction: Tensor
    state: Tensor


class OcclusionGame:
    """The game's rules on a set of clips against a frozen tracker.

    Attributes:
        tracker: the victim.
        victim: the victim on the game's clips.
        rules: what the game's arguments chose.
        mode: the rules' mode.
        store: what is remembered.
        scene: the clips' faces and their occluders.
        clips: the clips.
        lengths: ``(C,)`` int64 frames of each clip.
        device: where all tensors lie.
        num_landmarks: L.
        patch_size: P.
        neighbours: ``(L, 3)`` int64 the landmarks that actions 0, 1, 2 cover after each landmark.
    """

    def __init__(
        self, clips: Sequence[Clip], tracker: Victim, store: Store | None = None, name: str = "", **rules: Any
    ) -> None:
        """Set up the game; frames are read when they are first shown.

        Args:
            clips: at least one, of the tracker's landmark scheme.
            tracker: the frozen victim.
            store: holds crops, answers and features, and may be shared with other games; None: a store for this game alone.
            name: of the tracker, for messages; empty: its class.
            rules: the fields of :class:`srn_gym.rules.Rules`.

        Raises:
            UserError: a rule is unknown or bad, clips have another scheme, or features need an SRN and the tracker is none.
        """
        self.rules = read_rules(rules)
        _check_clips(clips, tracker)
        self.tracker, self.mode, self.store = tracker, self.rules.mode, Store() if store is None else store
        self.device, self.num_landmarks, self.patch_size = tracker.device, tracker.scheme.num_landmarks, tracker.patch_size
        self.neighbours = torch.from_numpy(neighbour_table(tracker.scheme, self.rules.neighbourhood)).to(self.device)
        self.scene = self.store.scene(clips, tracker.crop, self.device, self.rules)
        self.clips, self.lengths = self.scene.clips, self.scene.lengths
        self.victim = VictimOnClips(tracker, clips, name)
        self._answers = self.store.answers(self.scene, tracker)
        self._features = None if self.rules.observation == "patches" else self._observed_features()

    def candidates(self, landmark: Tensor) -> Tensor:
        """The landmarks ``(B, 3)`` that the actions 0, 1, 2 cover: the previous, the same and the next."""
        return self.neighbours[landmark]

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Of one env's observation: ``(3, L, 3, P, P)`` for patches, else what :meth:`observe` says."""
        if self._features is not None:
            return NUM_ACTIONS, self._features.size + ADDED[self.rules.observation]
        return NUM_ACTIONS, self.num_landmarks, 3, self.patch_size, self.patch_size

    def observe(self, clip: Tensor, frame: Tensor, landmark: Tensor, earned: Tensor | None = None) -> Tensor:
        """The state of eq. 9, ``phi(I_t^a, S*_t)`` for each action: ``(B, 3, L, 3, P, P)`` uint8.

        With the observation ``features``, what the tracker computes from these patches: ``(B, 3, F)`` float16. With
        ``response`` and ``change``, how it reacts to them: ``(B, 3, 2 L + 1)`` and ``(B, 3, G + 2)`` float32, for G
        components; with ``memory``, also what was earned: ``(B, 3, G + 4)`` (:func:`srn_gym.features.observed`).

        Args:
            clip: clip numbers.
            frame: the frame to be covered.
            landmark: the landmark covered before, whose candidates are shown.
            earned: ``(B, 2, L)`` what was earned on the clip so far (:mod:`srn_gym.memory`); None: nothing.
        """
        clip, frame = clip.repeat_interleave(NUM_ACTIONS), frame.repeat_interleave(NUM_ACTIONS)
        target = self.candidates(landmark).flatten()
        if self._features is not None:
            earned = None if earned is None else earned.repeat_interleave(NUM_ACTIONS, 0)
            found = observed(self.rules.observation, self._features, clip, frame, target, earned)
        else:
            points = self.scene.landmarks[self.scene.row(clip, frame)]
            found = extract_patches(self.scene.cover(clip, frame, target), points, self.patch_size)
        return found.contiguous().view(-1, *self.observation_shape)

    def respond(self, clip: Tensor, frame: Tensor, target: Tensor, state: Tensor, excess: bool = False) -> Response:
        """Run the tracker on the covered frames.

        Args:
            clip: clip numbers.
            frame: frame numbers.
            target: covered landmarks; -1 for none.
            state: ``(B, D)`` the tracker's memory before the frame; ``detect`` mode does not read it.
            excess: find the excess error also where it is not the reward. It costs an answer on the clean frame.

        Raises:
            UserError: the tracker has no answer (:func:`srn_core.victims.answers.answered`). Left out, such a frame would
                count as no error.
        """
        if self.mode == "track":
            cuts = self.scene.cuts[self.scene.row(clip, frame), None]
            state = torch.where(cuts, self.tracker.start(len(clip)), state)
        prediction, after = self._react(clip, frame, target, state)
        error = self._nme(clip, frame, prediction)
        reward, added = error, None
        if excess or self.rules.reward == "excess":
            clean, _ = self._react(clip, frame, torch.full_like(target, NO_OCCLUDER), state)
            added = error - self._nme(clip, frame, clean)
            reward = added if self.rules.reward == "excess" else error
        if (cap := self.rules.reward_cap) is not None:
            reward, added = reward.clamp(max=cap), None if added is None else added.clamp(max=cap)
        return Response(reward, error, added, prediction, after)

    def nme_table(self, clip: int, wanted: Tensor | None = None) -> Tensor:
        """The NME of every landmark on every frame of a clip: ``(T, L + 1)`` float32 on the CPU, last column: no occluder.

        Args:
            clip: the clip's number.
            wanted: ``(T, L)`` or ``(T, L + 1)`` bool, the entries to compute; the others become nan. None: all.

        Raises:
            UserError: the mode is ``track``, where an error depends on all frames before.
        """
        if self.mode != "detect":
            raise UserError("mode 'track': errors depend on earlier frames, so no table of them exists; use mode 'detect'")
        table = torch.full((len(self.clips[clip]), self.num_landmarks + 1), torch.nan)
        frames, columns = (torch.ones_like(table) if wanted is None else wanted).nonzero(as_tuple=True)
        # Parts bound the memory; the memo computes them in parts that suit the device.
        size = 32 * batch_size(self.device)
        for frame, column in zip(frames.split(size), columns.split(size), strict=True):
            target = torch.where(column == self.num_landmarks, NO_OCCLUDER, column)
            which, when, covered = (values.to(self.device) for values in (torch.full_like(frame, clip), frame, target))
            found = self._answers.lookup(which, when, covered, self._predict)
            table[frame, column] = self._nme(which, when, found).cpu()
        return table

    def features(self, model: SRN, encode: Encode) -> FrozenFeatures:
        """What another SRN computes from the candidates, shared through the store.

        Args:
            model: on the game's device, with the tracker's scheme and patch size.
            encode: from its patch features to the vectors.

        Raises:
            UserError: ``model`` has another scheme or patch size.
        """
        config = model.config
        if (config.scheme, config.patch_size) != (self.scene.scheme.name, self.patch_size):
            raise UserError(
                f"encoder with scheme '{config.scheme}' and patches of {config.patch_size} px, but the tracker's are "
                f"'{self.scene.scheme.name}' and {self.patch_size} px; choose an SRN like the tracker"
            )
        return self.store.features(self.scene, model, encode)

    def own_features(self, encode: Encode) -> FrozenFeatures:
        """:meth:`features` of the tracker itself; of a victim made of several, those of the one of each clip.

        Raises:
            UserError: the tracker is not an SRN.
        """
        if not self.victim.models:
            raise UserError("the tracker is not an SRN, so it has no features; choose an SRN as the tracker or the encoder")
        parts = [self.features(model, encode) for model in self.victim.models]
        return parts[0] if self.victim.which is None else ClipFeatures(parts, self.victim.which)

    def _observed_features(self) -> FrozenFeatures:
        wanted = self.rules.observation
        try:
            return self.own_features(ENCODERS[wanted])
        except UserError:
            message = f"observation '{wanted}': the tracker is not an SRN; choose an SRN, or observation='patches'"
            raise UserError(message) from None

    def _react(self, clip: Tensor, frame: Tensor, target: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The tracker's landmarks and its memory afterwards; in ``detect`` mode its answers are remembered."""
        if self.mode == "detect":
            return self._answers.lookup(clip, frame, target, self._predict), state
        return self._track(clip, frame, target, state)

    def _track(self, clip: Tensor, frame: Tensor, target: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        images, boxes = self.scene.occlude(clip, frame, target), self.scene.boxes[self.scene.row(clip, frame)]
        return self.victim.step(clip, frame, images, boxes, state)

    def _predict(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        """The tracker without memory: ``(B, L, 2)``."""
        return self._track(clip, frame, target, self.tracker.start(len(clip)))[0]

    def _nme(self, clip: Tensor, frame: Tensor, prediction: Tensor) -> Tensor:
        row = self.scene.row(clip, frame)
        return nme(prediction, self.scene.landmarks[row], self.scene.normaliser[row])


def _check_clips(clips: Sequence[Clip], tracker: Victim) -> None:
    if not clips:
        raise UserError("no clips; expected at least one")
    check_scheme(clips, tracker.scheme)
