"""The accuracy page: what it measures, and that its figures are those of its rows."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import AccuracyArgs, accuracy
from benchmarks.common.results import read_figures, read_rows
from srn_core.errors import UserError


def test_figures_equal_their_rows_and_every_file_exists(tiny_checkpoint, tmp_path):
    figures = accuracy(AccuracyArgs(checkpoint=tiny_checkpoint, device="cpu", out=tmp_path))
    assert [figure["mode"] for figure in figures] == ["detect", "track"]
    folder = tmp_path / Path(tiny_checkpoint).name
    assert read_figures(folder)["figures"] == figures
    for figure in figures:
        errors = [row["nme"] for row in read_rows(folder, "rows") if row["mode"] == figure["mode"]]
        assert len(errors) == figure["n_faces"]
        assert np.mean(errors) == pytest.approx(figure["nme_mean"], abs=1e-3)
    page = (folder / "README.md").read_text()
    assert all(f"**{figure['nme_mean']:.2f}**" in page for figure in figures)
    assert page.count("srn evaluate") == 2
    assert (folder / "error-curves.png").stat().st_size > 1000


def test_mirror_averaging_leaves_out_what_runs_with_memory(tiny_checkpoint, tmp_path):
    plain, mirrored = (
        accuracy(AccuracyArgs(checkpoint=tiny_checkpoint, mirror=on, device="cpu", out=tmp_path)) for on in (False, True)
    )
    assert [figure["mode"] for figure in mirrored] == ["detect"]
    assert mirrored[0]["data"] == plain[0]["data"] and mirrored[0]["nme_mean"] != plain[0]["nme_mean"]
    assert "--mirror" in (tmp_path / f"{Path(tiny_checkpoint).name}-mirror" / "README.md").read_text()


def test_a_missing_data_root_is_named(tiny_checkpoint, tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        accuracy(AccuracyArgs(checkpoint=tiny_checkpoint, data_root=tmp_path / "nowhere", out=tmp_path))
