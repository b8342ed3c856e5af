"""The multi-queue replay and n-step transitions."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.deepq.replay import TRANSITION, MultiQueueReplay, NStep

CPU = torch.device("cpu")


def rows(clip: int, frames: range) -> np.ndarray:
    made = np.zeros(len(frames), TRANSITION)
    made["clip"], made["frame"], made["steps"], made["reward"] = clip, list(frames), 1, list(frames)
    return made


def test_each_queue_gets_equal_samples_but_a_single_queue_favours_long_clips():
    for single, share in ((False, 0.5), (True, 0.9)):
        replay = MultiQueueReplay(4, 1000, 0.9, single)
        replay.add(rows(0, range(900)))
        replay.add(rows(1, range(100)))
        sample = replay.sample(4000, np.random.default_rng(0), CPU)
        assert abs(float((sample.clip == 0).float().mean()) - share) < 0.04


def test_a_queue_keeps_its_last_transitions_and_the_replay_its_last_clips():
    replay = MultiQueueReplay(2, 10, 0.9)
    replay.add(rows(0, range(25)))
    assert set(replay.sample(500, np.random.default_rng(0), CPU).frame.tolist()) == set(range(15, 25))
    for clip in (1, 2):
        replay.add(rows(clip, range(3)))
    assert set(replay.sample(500, np.random.default_rng(0), CPU).clip.tolist()) == {1, 2}
    assert len(replay) == 6


def test_a_batch_of_one():
    replay = MultiQueueReplay(2, 10, 0.9)
    replay.add(rows(3, range(7, 8)))
    sample = replay.sample(1, np.random.default_rng(0), CPU)
    assert [values.tolist() for values in (sample.clip, sample.frame, sample.next_frame, sample.reward)] == [
        [3],
        [7],
        [8],
        [7.0],
    ]


def test_a_transition_takes_at_most_64_bytes():
    assert TRANSITION.itemsize <= 64


def test_discount_is_zero_after_the_end_else_gamma_to_the_n():
    replay = MultiQueueReplay(1, 2, 0.5)
    made = rows(0, range(2))
    made["steps"], made["terminated"] = 3, [True, False]
    replay.add(made)
    sample = replay.sample(50, np.random.default_rng(0), CPU)
    assert torch.equal(sample.discount, torch.where(sample.frame == 0, 0, 0.125))
    assert torch.equal(sample.next_frame, sample.frame + 3)


def test_a_replay_restored_from_its_state_draws_the_same_samples():
    replay, other = (MultiQueueReplay(3, 5, 0.9) for _ in range(2))
    for clip in range(5):
        replay.add(rows(clip, range(7)))
    other.load(replay.state())
    samples = [r.sample(64, np.random.default_rng(1), CPU) for r in (replay, other)]
    assert all(torch.equal(a, b) for a, b in zip(*samples, strict=True))
    for r in (replay, other):
        r.add(rows(9, range(2)))
    assert np.array_equal(replay.state()["data"], other.state()["data"])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=20), st.integers(0, 99))
def test_n_step_sums_equal_a_plain_loop(steps, ends, seed):
    gamma, rng = 0.8, np.random.default_rng(seed)
    rewards = rng.random((len(ends), 2)).astype(np.float32)
    done = np.array([[a or b, b] for a, b in ends])
    n_step, found = NStep(steps, gamma), {}
    for t in range(len(ends)):
        started = np.zeros(2, TRANSITION)
        started["clip"], started["frame"] = [0, 1], t
        for row in n_step.push(started, rewards[t], np.array([t, t]), done[t], done[t]):
            assert (row["clip"], row["frame"]) not in found
            found[int(row["clip"]), int(row["frame"])] = row
    for env in range(2):
        for t in range(len(ends)):
            last = next((k for k in range(t, min(t + steps, len(ends))) if done[k, env]), t + steps - 1)
            if last >= len(ends):
                assert (env, t) not in found
                continue
            row = found[env, t]
            wanted = sum(gamma ** (k - t) * rewards[k, env] for k in range(t, last + 1))
            assert np.isclose(row["reward"], wanted)
            assert (row["steps"], row["next_landmark"], row["terminated"]) == (last - t + 1, last, done[last, env])
