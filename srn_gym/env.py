"""The single environment: a batch of one."""

import operator
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Discrete

from srn_core.data.several import Specs
from srn_core.devices import to_device
from srn_core.values import python_value
from srn_gym.common import RENDER_FPS, check_render_mode, observation_space, reset_info, step_info
from srn_gym.episodes import Episodes
from srn_gym.game import NUM_ACTIONS
from srn_gym.games import DEFAULT_CLIPS, DEFAULT_TRACKER, load_game
from srn_gym.render import TITLE, close_window, draw_env, show

RENDER_MODES = ("human", "rgb_array")


class OcclusionSynthesisEnv(gym.Env[np.ndarray, np.int64]):
    """Cover a face, frame by frame, where it hurts a landmark tracker most.

    ## Description

    A video clip of a face plays. On every frame the agent puts a square occluder on a landmark: on the landmark that it
    covered on the frame before, or on one of its two neighbours. A frozen tracker, the victim, then looks for all landmarks,
    and its error is the reward. This is the hard occluded face synthesis (HOFS) of Zhu et al., "Reasoning Structural Relation
    for Occlusion-Robust Facial Landmark Localization", Pattern Recognition 2022, https://arxiv.org/abs/2112.10087.

    ## Action space

    `Discrete(3)`, where `l` is the landmark that was covered last:

    | Num | Action                      | `neighbourhood="index"` | `neighbourhood="graph"`          |
    |-----|-----------------------------|-------------------------|----------------------------------|
    | 0   | cover the previous landmark | `l - 1`                 | the one before `l` on the tour   |
    | 1   | cover the same landmark     | `l`                     | `l`                              |
    | 2   | cover the next landmark     | `l + 1`                 | the one after `l` on the tour    |

    Indices wrap round modulo L, the number of landmarks. The tour is closed too. It follows a contour of the face, then
    continues on the nearest other contour of the mean shape. On the 68 points it is 0-16, 26-22, 43-47, 42, 27-30, 31-35,
    52-59, 48-51, 62-67, 60-61, 40-41, 36-39, 21-17, and 0 again. `env.unwrapped.game.neighbours` is the table `(L, 3)` of the
    landmarks that the actions cover.

    ## Observation space

    `Box(0, 255, (3, L, 3, P, P), uint8)`: for each action, the frame as this action would cover it. A frame is shown as RGB
    patches of `P x P` pixels around the L ground-truth landmarks (eq. 9); the tracker sets L and P. The occluder depends on
    `noise_seed`, clip and frame alone (`"blur"` also on what it covers). So an observation can be rebuilt from (clip, frame,
    landmark): `env.unwrapped.game.observe`.

    With `observation="features"`: `Box(-65504, 65504, (3, F), float16)`. For each action, these are the six component-group
    vectors (eq. 6) that the tracker, an SRN, computes from the patches, side by side. F is 768 for `srn-small`.

    With `observation="response"`: `Box(0, 3.4e38, (3, 2 L + 1), float32)`, how the tracker, an SRN, reacts to each action. Run
    for one step from the truth, it would move each landmark. The first L numbers are the lengths of these moves on the covered
    frame, the next L the lengths of their change from the clean frame, both in sixteenths of a patch. The last number is the
    covered landmark's, divided by L. For 68 points that is 137 numbers per action.

    With `observation="change"`: `Box(-3.4e38, 3.4e38, (3, G + 2), float32)`, less of the same. The first number is the mean
    length of these moves on the covered frame minus that on the clean frame, then come these differences for each of the G
    components (6 for 68 points), then the covered landmark's number divided by L. These 8 numbers tell the weak places of a new
    face better than the 137.

    With `observation="memory"`: `Box(-3.4e38, 3.4e38, (3, G + 4), float32)`, `"change"` and what covering this landmark earned
    on the clip since the reset. The first of the two added numbers is the sum of the excess errors (see Rewards; percent), the
    second is their number n, both divided by n + 1. A face's weak places last, so what was met there says more about the
    next frames than the picture does. With `reward="nme"` it costs one more answer of the tracker per step.

    ## Rewards

    `1/L sum_i ||p_i - t_i|| / d`, the normalised mean error (NME): the mean distance `||p_i - t_i||` of the tracker's landmarks
    from the truth on the covered frame, divided by the distance `d` of the outer eye corners. It is a fraction (eq. 10). With
    `reward="excess"`, the NME of the clean frame under the same tracker state is subtracted, which leaves the effect of
    the occluder alone. `reward_cap` limits either reward from above.

    ## Starting state

    A random clip, its first frame (with a `window`: a random frame) and a random landmark. `reset(options=...)` accepts
    `"clip"`, `"frame"` and `"landmark"`.

    ## Episode end

    - Terminated: the last frame of the clip has been covered. The observation repeats that frame.
    - Truncated: `window` frames have been covered, and the clip has more.

    ## Info

    `reset`: the shown `"clip"` and `"frame"`, and the `"landmark"` of the start. `step`: the `"clip"`, `"frame"` and
    `"landmark"` that were covered, the `"nme"` (eq. 10 whatever the reward; a fraction), and `"prediction"` and
    `"ground_truth"`, both `(L, 2)` pixels of the original frame.

    ## Arguments

    | Argument          | Default              | Meaning                                                                 |
    |-------------------|----------------------|-------------------------------------------------------------------------|
    | `clips`           | `"demo?split=train"` | data spec of the clips, or a list of data specs                         |
    | `tracker`         | `"srn-small"`        | the victim: a checkpoint's name or folder, a network in an ONNX file    |
    |                   |                      | (`"onnx:PATH?size=112&..."`), `"constant"`, or your own                 |
    |                   |                      | (`"MODULE:FUNCTION"`, see `srn_core.victims.registry`)                  |
    | `device`          | `"auto"`             | `"auto"`, `"cpu"`, `"cuda"`, `"cuda:N"`                                 |
    | `mode`            | `"detect"`           | `"detect"`: the tracker sees each frame without memory; `"track"`: its  |
    |                   |                      | memory runs through the clip                                            |
    | `occluder`        | `"noise"`            | what covers: `"noise"` (uniform), `"black"`, `"blur"` (the covered      |
    |                   |                      | pixels, blurred), `"texture"` (smooth colours), `"mask"` (mask cloth)   |
    | `occluder_size`   | `48`                 | side of the square, in pixels of a 224 px crop                          |
    | `noise_seed`      | `0`                  | seed of the occluder's pixels, the same for all episodes                |
    | `noise_per_frame` | `True`               | new pixels on each frame; `False`: the same throughout a clip           |
    | `neighbourhood`   | `"index"`            | what "previous" and "next" mean: `"index"` or `"graph"`, see above      |
    | `reward`          | `"nme"`              | `"nme"` or `"excess"`, see above                                        |
    | `reward_cap`      | `None`               | the largest reward, a fraction                                          |
    | `observation`     | `"patches"`          | `"patches"`, `"features"`, `"response"`, `"change"` or `"memory"`, see  |
    |                   |                      | above                                                                   |
    | `window`          | `None`               | longest episode, in frames; `None`: whole clips                         |
    | `render_mode`     | `None`               | `"rgb_array"`, or `"human"` for a window                                |

    Envs in one process share clips, crops, the tracker and its answers if their arguments agree (`srn_gym.games`).

    >>> env = gym.make("srn_gym:OcclusionSynthesis-v0")  # doctest: +SKIP
    >>> observation, info = env.reset(seed=0, options={"clip": 3, "landmark": 30})  # doctest: +SKIP
    >>> observation, reward, terminated, truncated, info = env.step(2)  # doctest: +SKIP

    ## Registered ids

    `OcclusionSynthesis-v0`; `gym.make_vec` makes one batched env (`srn_gym.vector_env`).

    ## Version history

    * v0: initial version.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": RENDER_FPS}

    def __init__(
        self,
        clips: Specs = DEFAULT_CLIPS,
        tracker: str = DEFAULT_TRACKER,
        device: str = "auto",
        window: int | None = None,
        render_mode: Literal["human", "rgb_array"] | None = None,
        **rules: Any,
    ) -> None:
        """See the class for the arguments; ``rules`` are the fields of :class:`srn_gym.rules.Rules`.

        Raises:
            UserError: an argument cannot be used.
        """
        self.render_mode = check_render_mode(render_mode, RENDER_MODES)
        self.game = load_game(clips, tracker, device, **rules)
        self.episodes = Episodes(self.game, 1, window)
        self.observation_space = observation_space(self.game)
        self.action_space = Discrete(NUM_ACTIONS)
        self._started, self._ended = False, False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; ``options`` may set ``clip``, ``frame`` and ``landmark``.

        Raises:
            ValueError: an option is unknown, or its value is out of range.
        """
        super().reset(seed=None if seed is None else operator.index(seed))
        self.episodes.reset([0], [self.np_random], options)
        self._started, self._ended = True, False
        self._show()
        return self._observation(), _single(reset_info(self.episodes))

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Cover the shown frame, then show the next one.

        Raises:
            ResetNeeded: there is no episode yet, or it has ended.
            ValueError: the action is unknown.
        """
        if not self._started or self._ended:
            raise ResetNeeded(f"step() {'after the episode ended' if self._ended else 'before reset()'}; call reset() first")
        action = python_value(action)
        if not self.action_space.contains(action):
            raise ValueError(f"action {action!r}: expected 0, 1 or 2")
        step = self.episodes.step(to_device(np.array([int(action)]), self.game.device))
        info, terminated, truncated = _single(step_info(self.game, step)), bool(step.terminated[0]), bool(step.truncated[0])
        self._ended = terminated or truncated
        self._show()
        return self._observation(), float(step.reward[0]), terminated, truncated, info

    def render(self) -> np.ndarray | None:
        """Draw the last step, with the truth in green and the prediction in pink; before the first step, the shown frame.

        With ``human``, :meth:`reset` and :meth:`step` call this method.

        Returns:
            ``(H, W, 3)`` uint8 RGB for ``rgb_array``; ``human`` shows it in a window and returns None.

        Raises:
            ResetNeeded: there is no episode yet.
        """
        if self.render_mode is None:
            gym.logger.warn("render() without a render_mode; make the env with render_mode='rgb_array' or 'human'")
            return None
        if not self._started:
            raise ResetNeeded("render() before reset(); call reset() first")
        picture = draw_env(self.episodes, 0)
        if self.render_mode == "rgb_array":
            return picture
        show(picture, TITLE, "render_mode 'human'", "use render_mode='rgb_array'")
        return None

    def close(self) -> None:
        """Close the window of ``human``."""
        if self.render_mode == "human" and self._started:
            close_window(TITLE)

    def _show(self) -> None:
        if self.render_mode == "human":
            self.render()

    def _observation(self) -> np.ndarray:
        return np.asarray(self.episodes.observation()[0].cpu().numpy())


def _single(info: dict[str, np.ndarray]) -> dict[str, Any]:
    """The first env's entries: Python numbers and arrays."""
    return {name: values[0].item() if values.ndim == 1 else values[0] for name, values in info.items()}
