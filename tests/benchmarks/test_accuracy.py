"""The accuracy page: what it measures, and that its figures are those of its rows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.accuracy import AccuracyArgs, accuracy
from srn_core.errors import UserError


def test_figures_equal_their_rows_and_every_file_is_there(tiny_checkpoint, tmp_path):
    records = accuracy(AccuracyArgs(tiny_checkpoint, device="cpu", out=tmp_path))
    assert [record["mode"] for record in records] == ["detect", "track"]
    stem = tmp_path / tiny_checkpoint.rsplit("/", 1)[-1]
    rows = [json.loads(line) for line in stem.with_suffix(".jsonl").read_text().splitlines()]
    for record in records:
        errors = [row["nme"] for row in rows if (row["data"], row["mode"]) == (record["data"], record["mode"])]
        assert len(errors) == record["n_faces"]
        assert np.mean(errors) == pytest.approx(record["nme_mean"], abs=1e-3)
    page = stem.with_suffix(".md").read_text()
    assert all(f"**{record['nme_mean']:.2f}**" in page for record in records)
    assert page.count("srn evaluate") == 2
    assert stem.with_suffix(".png").stat().st_size > 1000


def test_mirror_averaging_leaves_out_what_runs_with_memory(tiny_checkpoint, tmp_path):
    plain, mirrored = (accuracy(AccuracyArgs(tiny_checkpoint, mirror=on, device="cpu", out=tmp_path)) for on in (False, True))
    assert [record["mode"] for record in mirrored] == ["detect"]
    assert mirrored[0]["data"] == plain[0]["data"] and mirrored[0]["nme_mean"] != plain[0]["nme_mean"]
    assert "--mirror" in (tmp_path / f"{tiny_checkpoint.rsplit('/', 1)[-1]}-mirror.md").read_text()


def test_a_missing_data_root_is_named(tiny_checkpoint, tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        accuracy(AccuracyArgs(tiny_checkpoint, tmp_path / "nowhere", out=tmp_path))
