"""Several data specs as one set of clips."""

from __future__ import annotations

import numpy as np
import pytest

from srn_core.data import load_clips
from srn_core.data.several import listed_specs, load_all_clips, plain_specs, specs_label
from srn_core.errors import UserError
from tests.support.faces import write_clip


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two folders that share the clip 002."""
    root = tmp_path_factory.mktemp("several")
    for folder, names in (("a", ("001", "002")), ("b", ("002", "003"))):
        for name in names:
            write_clip(root / folder / name, 2, np.random.default_rng(ord(folder) + int(name)))
    (root / "b" / "people.txt").write_text("002 anna\n003 bo\n", encoding="utf-8")
    return root


def test_names_that_two_specs_use_get_the_labels_of_their_specs(folders):
    found = load_all_clips([f"300vw:{folders}/a?split=all", f"300vw:{folders}/b"])
    assert [clip.name for clip in found.clips] == ["001", "300vw split=all/002", "300vw/002", "003"]
    assert [clip.person for clip in found.clips] == ["001", "002", "anna", "bo"]
    assert found.box_source == load_clips(f"300vw:{folders}/a").box_source
    np.testing.assert_array_equal(found.clips[2].frame(1), load_clips(f"300vw:{folders}/b").clips[0].frame(1))


def test_equal_labels_get_their_place_and_no_path(folders):
    found = load_all_clips((f"300vw:{folders}/a", f"300vw:{folders}/b"))
    assert [clip.name for clip in found.clips] == ["001", "300vw 1/002", "300vw 2/002", "003"]


def test_one_spec_keeps_its_names_in_a_list_or_not(folders):
    spec = f"300vw:{folders}/a"
    assert [clip.name for clip in load_all_clips([spec]).clips] == [clip.name for clip in load_all_clips(spec).clips]
    assert load_all_clips([spec]).spec == spec
    assert plain_specs([spec]) == plain_specs(spec) == spec
    assert plain_specs([spec, "demo"]) == (spec, "demo") == listed_specs([spec, "demo"])
    assert specs_label([spec, "demo?split=val"]) == "300vw + demo split=val"


def test_what_cannot_be_one_set_is_refused(folders):
    for specs, word in (((), "no data spec"), (["demo", "demo"], "given twice"), (["demo", "films:x"], "films")):
        with pytest.raises(UserError, match=word):
            load_all_clips(specs)
