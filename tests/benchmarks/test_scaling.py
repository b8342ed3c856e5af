"""Training steps in several processes are timed."""

import dataclasses

import pytest

from benchmarks.common.results import read_figures, read_rows
from benchmarks.speed.scaling import ScalingArgs, scaling, scaling_page, summarise_steps
from srn_core.errors import UserError


def test_speed_up_and_more_cpu_are_against_the_first_number_and_a_slow_repeat_does_not_count():
    times = {1: (1.0, 1.0, 9.0), 2: (0.6, 0.6, 30.0)}
    rows = [
        {"processes": count, "repeat": repeat, "wall": wall + jitter, "cpu": count * 0.6, "draw": 0.3}
        for count, walls in times.items()
        for repeat, wall in enumerate(walls)
        for jitter in (-0.1, 0.1)
    ]
    one, two = summarise_steps(rows)
    assert (one["wall"], one["speed_up"], one["more_cpu"]) == pytest.approx((1, 1, 1))
    assert (two["wall"], two["speed_up"], two["more_cpu"]) == pytest.approx((0.6, 1 / 0.6, 2))
    record = {"machine": {"name": "m"}, "settings": dataclasses.asdict(ScalingArgs()), "figures": [one, two], "command": "c"}
    assert "| 2 | 0.600 | 1.67 | 1.200 | 2.00 | 0.25 |" in scaling_page(record)


@pytest.mark.slow
def test_one_and_two_processes_are_timed(tmp_path):
    args = ScalingArgs(clips="demo?split=val&limit=1&frames=4", batch=8, steps=3, repeats=1, device="cpu", out=tmp_path)
    one, two = scaling(args)
    assert (one["processes"], two["processes"]) == (1, 2)
    assert 0 < one["draw"] < one["cpu"] < two["cpu"]
    assert read_figures(tmp_path)["figures"] == [one, two]
    assert len(read_rows(tmp_path, "rows")) == 6


def test_no_number_of_processes_is_refused():
    with pytest.raises(UserError, match="none given"):
        scaling(ScalingArgs(processes=()))
