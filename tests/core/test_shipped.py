"""The weights that ship: their size, what their cards say, and that the cards are true."""

import pytest

from srn_core.checkpoints import SHIPPED, WEIGHTS, load_card, load_pretrained
from srn_core.data import load_clips
from srn_core.evaluation.evaluate import evaluate
from srn_core.tracking.tracker import Tracker

NAMES = sorted(file.parent.name for file in SHIPPED.glob(f"*/{WEIGHTS}"))
DEMO = "demo?split=val"


def test_presets_that_people_choose_between_ship():
    assert NAMES == ["srn-small", "srn-tiny"]
    assert sum((SHIPPED / name / WEIGHTS).stat().st_size for name in NAMES) < 40e6
    assert all((SHIPPED / name / WEIGHTS).stat().st_size < 12e6 for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_tells_how_the_weights_came_about_and_for_whom(name):
    card = load_card(name)
    assert card["name"] == name and "non-commercial" in card["licence"]
    assert len(card["commands"]) == len(card["stages"]) > 0
    # No masks, and no paths of the machine that trained.
    assert all("masked" not in spec and (":DATA/" in spec or spec.startswith("demo?")) for spec in card["data"])
    assert all(stage["arguments"]["out"].startswith("runs/") for stage in card["stages"])


@pytest.mark.parametrize("name", NAMES)
def test_the_card_has_the_error_that_the_weights_have(name):
    """The clips that ship are the only ones that are here for everybody. Other machines round otherwise."""
    [told] = [metric for metric in load_card(name)["metrics"] if (metric["data"], metric["mode"]) == (DEMO, "detect")]
    found = evaluate(Tracker(load_pretrained(name), "cpu"), load_clips(DEMO), "detect")
    assert found.summary()["nme_mean"] == pytest.approx(told["nme_mean"], abs=0.03)
    assert found.summary()["n_faces"] == told["n_faces"] == 192
