"""Smooth head motion, blinks, speech and expressions as curves over time."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

BOTH = ("Left", "Right")
LIP_SHAPES = ("mouthFunnel", "mouthPucker", "mouthStretch", "mouthUpperUp", "mouthLowerDown")


@dataclass(frozen=True)
class Motion:
    """A performance of T frames.

    Attributes:
        yaw, pitch, roll: ``(T,)`` radians; positive yaw turns the face to the image's right, positive pitch looks down,
            positive roll tips the head clockwise in the image.
        shift: ``(T, 2)`` place of the face's middle relative to the frame's middle, in frame widths.
        zoom: ``(T,)`` factor on the face's size.
        weights: ARKit shape -> ``(T,)`` weight.
    """

    yaw: np.ndarray
    pitch: np.ndarray
    roll: np.ndarray
    shift: np.ndarray
    zoom: np.ndarray
    weights: dict[str, np.ndarray]

    def expression(self, frame: int) -> dict[str, float]:
        """ARKit shape -> weight at one frame."""
        return {name: float(curve[frame]) for name, curve in self.weights.items()}


def wander(rng: np.random.Generator, num_frames: int, knot_every: float, low: float, high: float) -> np.ndarray:
    """A smooth random curve ``(num_frames,)`` within [low, high], with a new direction about every ``knot_every``."""
    knots = max(4, int(np.ceil(num_frames / knot_every)) + 2)
    places = np.linspace(-knot_every, num_frames + knot_every, knots)
    values = CubicSpline(places, rng.uniform(-1.0, 1.0, knots))(np.arange(num_frames))
    return 0.5 * (low + high) + 0.5 * (high - low) * np.tanh(1.3 * values)


def _sweep(rng: np.random.Generator, num_frames: int, amplitude: float) -> np.ndarray:
    """A turn that visits both halves of [-amplitude, amplitude], so that every clip visibly moves."""
    phase, turns = rng.uniform(0.0, 2 * np.pi), rng.uniform(0.7, 1.3)
    clock = np.linspace(0.0, 1.0, num_frames)
    wave = np.sin(2 * np.pi * turns * clock + phase)
    return amplitude * (0.8 * wave + 0.2 * wander(rng, num_frames, 14.0, -1.0, 1.0))


def _pulse(clock: np.ndarray, peak: float, rise: float, fall: float) -> np.ndarray:
    """A bump of height 1 at ``peak``, raised-cosine flanks of the given lengths in frames."""
    offset = (clock - peak) / np.where(clock < peak, rise, fall)
    return np.where(np.abs(offset) < 1.0, 0.5 + 0.5 * np.cos(np.pi * offset), 0.0)


def _blinks(rng: np.random.Generator, num_frames: int) -> np.ndarray:
    clock = np.arange(num_frames)
    curve = np.zeros(num_frames)
    peak = rng.uniform(3.0, 14.0)
    while peak < num_frames:
        curve = np.maximum(curve, _pulse(clock, peak, rng.uniform(2.5, 3.5), rng.uniform(3.5, 5.5)))
        peak += rng.uniform(14.0, 34.0)
    return curve


def _speech(rng: np.random.Generator, num_frames: int) -> dict[str, np.ndarray]:
    """Syllables and pauses between phrases. Each syllable opens the jaw and has a lip shape of its own."""
    clock = np.arange(num_frames)
    shapes = {name: np.zeros(num_frames) for name in ("jawOpen", *LIP_SHAPES)}
    loud = rng.uniform(0.35, 0.75)
    peak = rng.uniform(0.0, 6.0)
    while peak < num_frames + 4:
        bump = _pulse(clock, peak, rng.uniform(2.5, 4.5), rng.uniform(2.5, 5.0))
        opening = loud * rng.uniform(0.2, 1.0)
        shapes["jawOpen"] = np.maximum(shapes["jawOpen"], opening * bump)
        form = LIP_SHAPES[rng.integers(len(LIP_SHAPES))]
        shapes[form] = np.maximum(shapes[form], rng.uniform(0.2, 0.55) * bump)
        peak += rng.uniform(4.0, 7.5) + (rng.uniform(6.0, 12.0) if rng.random() < 0.15 else 0.0)
    return shapes


def sample_motion(rng: np.random.Generator, num_frames: int) -> Motion:
    """A random performance: yaw within 35, pitch within 15 and roll within 12 degrees."""
    yaw = _sweep(rng, num_frames, np.radians(rng.uniform(14.0, 34.0)))
    pitch = _sweep(rng, num_frames, np.radians(rng.uniform(4.0, 14.0)))
    roll = _sweep(rng, num_frames, np.radians(rng.uniform(3.0, 11.0)))
    shift = np.stack([wander(rng, num_frames, 16.0, -0.07, 0.07), wander(rng, num_frames, 16.0, -0.04, 0.06)], axis=1)
    zoom = rng.uniform(0.92, 1.06) * wander(rng, num_frames, 24.0, 0.94, 1.06)
    speech = _speech(rng, num_frames)
    smile = rng.uniform(0.1, 0.9) * np.clip(wander(rng, num_frames, 18.0, -0.5, 1.0), 0.0, 1.0)
    blink = _blinks(rng, num_frames)
    sided = {name: speech[name] for name in LIP_SHAPES[2:]}
    sided.update(
        mouthSmile=smile,
        cheekSquint=0.5 * smile,
        eyeBlink=blink,
        eyeSquint=0.3 * smile,
        browDown=rng.uniform(0.0, 0.4) * np.clip(wander(rng, num_frames, 14.0, -1.0, 1.0), 0.0, 1.0),
        browOuterUp=rng.uniform(0.3, 1.0) * np.clip(wander(rng, num_frames, 12.0, -0.8, 1.0), 0.0, 1.0),
    )
    weights = {
        name + side: curve * (1.0 if name == "eyeBlink" else rng.uniform(0.8, 1.1))
        for name, curve in sided.items()
        for side in BOTH
    }
    weights.update({name: speech[name] for name in ("jawOpen", *LIP_SHAPES[:2])})
    weights["browInnerUp"] = 0.7 * weights["browOuterUpLeft"]
    weights.update(_gaze(rng, num_frames, yaw))
    return Motion(yaw, pitch, roll, shift, zoom, weights)


def _gaze(rng: np.random.Generator, num_frames: int, yaw: np.ndarray) -> dict[str, np.ndarray]:
    """Eyes that stay on the viewer while the head turns, and wander a little."""
    across = np.clip(-0.7 * yaw / np.radians(30.0), -0.7, 0.7) + wander(rng, num_frames, 10.0, -0.25, 0.25)
    upward = wander(rng, num_frames, 12.0, -0.35, 0.3)
    right, left, up, down = (np.clip(curve, 0.0, 1.0) for curve in (-across, across, upward, -upward))
    # The subject's left is the image's right, towards which positive ``across`` looks.
    looks = {"OutLeft": left, "InRight": left, "InLeft": right, "OutRight": right}
    looks |= {"UpLeft": up, "UpRight": up, "DownLeft": down, "DownRight": down}
    return {f"eyeLook{name}": curve for name, curve in looks.items()}
