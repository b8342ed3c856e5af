"""Packs: the faces come back as they went in, in a small file; what is broken is named."""

import dataclasses
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from srn_core.checkpoints import load_pretrained
from srn_core.data import load_clips
from srn_core.data.formats.pack_file import INDEX
from srn_core.data.pack import SEEN, load_to_pack, thinned, write_pack
from srn_core.errors import UserError
from srn_core.evaluation.evaluate import evaluate
from srn_core.face.geometry import CropSpec, crop_region, wide_crop
from srn_core.model.config import PRESETS
from srn_core.tracking.tracker import Tracker
from srn_core.training.pool import FacePool
from tests.support.face_sets import write_wflw
from tests.support.faces import DATA, TINY, real


@pytest.fixture(scope="module")
def pack(clip_spec: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up clips as ``test``, rendered ones as ``val``."""
    path = tmp_path_factory.mktemp("packs") / "faces.pack"
    write_pack(path, load_to_pack([f"{clip_spec}?split=test", "demo?split=val&limit=2"]))
    return path


def test_clips_come_back_with_all_but_their_surroundings(pack: Path, clip_spec: str) -> None:
    packed = load_clips(f"packed:{pack}")
    given = [*load_clips(f"{clip_spec}?split=test").clips, *load_clips("demo?split=val&limit=2").clips]
    assert [clip.name for clip in packed.clips] == [clip.name for clip in given]
    assert packed.box_source == "annotation-derived box" and any("category 3" in note for note in packed.notes)
    for ours, theirs in zip(packed.clips, given, strict=True):
        assert ours.scheme is theirs.scheme and np.array_equal(ours.cuts, theirs.cuts)
        # One shift for the whole run: the video keeps its frame of coordinates.
        shift = theirs.boxes[0, :2] - ours.boxes[0, :2]
        np.testing.assert_allclose(ours.landmarks + shift, theirs.landmarks, atol=1e-3)
        np.testing.assert_allclose(ours.boxes + np.tile(shift, 2), theirs.boxes, atol=1e-3)
        for config in PRESETS.values():
            a, b = (clip.crops(wide_crop(config.crop)).astype(int) for clip in (ours, theirs))
            assert np.abs(a - b).mean() < 3
    again = pickle.loads(pickle.dumps(packed.clips[1]))
    np.testing.assert_array_equal(again.frame(2), packed.clips[1].frame(2))


def test_splits_kinds_limits_and_masks_are_those_of_every_spec(pack: Path) -> None:
    def names(options: str) -> list[str]:
        return [clip.name for clip in load_clips(f"packed:{pack}?{options}").clips]

    assert names("split=val") == names("kind=demo") == ["demo012", "demo013"]
    assert names("split=test") == names("kind=300vw&split=test") == ["124"]
    assert names("split=val&limit=1") == ["demo012"] and len(names("split=all")) == 3
    plain, masked = (load_clips(f"packed:{pack}?split=val&masked={m}").clips[0].frame(0) for m in (0, 1))
    assert (np.abs(plain.astype(int) - masked).max(2) > 30).mean() > 0.05


def test_a_split_by_attribute_is_asked_for_by_its_name(tmp_path: Path) -> None:
    write_wflw(tmp_path / "wflw")
    clips = load_to_pack([f"wflw:{tmp_path / 'wflw'}?split=occlusion"])
    write_pack(tmp_path / "o.pack", clips)
    assert len(load_clips(f"packed:{tmp_path / 'o.pack'}?split=occlusion")) == len(clips[0]) > 0


def test_a_region_holds_what_crops_read_shrunk_no_further_than_to_their_pixels() -> None:
    y, x = np.mgrid[:700, :900]
    image = np.stack([x / 4, y / 4, 0 * x], -1).astype(np.uint8)
    boxes = np.array([[300, 200, 500, 420], [310, 190, 520, 430]], float)
    spec = CropSpec(80, 2.0)
    region = crop_region(boxes, spec)
    part = region.cut(image)
    assert 0.18 < region.scale < 0.2 and max(part.shape) < 100
    v, u = np.mgrid[: part.shape[0], : part.shape[1]][:, 1:-1, 1:-1]
    where = region.map.to_frame(np.stack([u.ravel(), v.ravel()], -1))
    np.testing.assert_allclose(part[v.ravel(), u.ravel(), :2], where / 4, atol=1.0)
    assert crop_region(boxes / 8, spec).scale == 1 and crop_region(boxes - 450, spec).rectangle[:2] == (0, 0)
    assert not crop_region(boxes + 2000, spec).cut(image).size


def test_no_preset_sees_more_than_is_packed() -> None:
    for config in PRESETS.values():
        wide = wide_crop(config.crop)
        assert wide.factor <= SEEN.factor and wide.size / wide.factor <= SEEN.size / SEEN.factor


def test_thinning_keeps_runs_their_starts_and_even_steps(clip_spec: str) -> None:
    clip = load_clips(clip_spec).clips[0]
    assert thinned(clip, None) is clip and len(thinned(clip, 6)) == 6
    for most, kept in ((5, [0, 2, 4]), (2, [0, 3]), (1, [0])):
        thin = thinned(clip, most)
        assert thin.cuts.tolist() == [True] + [False] * (len(kept) - 1)
        np.testing.assert_array_equal(thin.landmarks, clip.landmarks[kept])
        np.testing.assert_array_equal(thin.frame(len(kept) - 1), clip.frame(kept[-1]))


def test_visibility_comes_back_where_it_is_known(clip_spec: str, tmp_path: Path) -> None:
    clip_set = load_clips(f"{clip_spec}?limit=2")
    seen = np.random.default_rng(0).random((6, 68)) < 0.5
    first = dataclasses.replace(clip_set.clips[0], visible=seen)
    write_pack(tmp_path / "seen.pack", [dataclasses.replace(clip_set, clips=(first, clip_set.clips[1]))], most=3)
    packed = load_clips(f"packed:{tmp_path / 'seen.pack'}").clips
    assert packed[1].visible is None
    np.testing.assert_array_equal(packed[0].visible, seen[[0, 2, 4]])


def test_training_draws_from_the_same_faces(pack: Path, clip_spec: str) -> None:
    given, packed = (
        FacePool(load_clips(spec).clips, TINY, torch.device("cpu"))
        for spec in ("demo?split=val&limit=2", f"packed:{pack}?split=val")
    )
    np.testing.assert_array_equal(given.run, packed.run)
    np.testing.assert_allclose(given.mean_shape, packed.mean_shape, atol=1e-5)
    np.testing.assert_allclose(given.landmarks, packed.landmarks, atol=1e-3)
    assert (given.crops.int() - packed.crops.int()).abs().float().mean() < 3


def compare(spec: str, path: Path, mode: str = "detect") -> float:
    """What packing adds to the mean NME, in percent of the inter-ocular distance."""
    write_pack(path, load_to_pack([spec]))
    tracker = Tracker(load_pretrained("srn-small"), "cpu")
    before, after = (evaluate(tracker, load_clips(s), mode).nme.mean() for s in (spec, f"packed:{path}"))  # type: ignore[arg-type]
    return abs(100 * float(after - before))


def test_the_error_of_a_tracker_stays(tmp_path: Path) -> None:
    assert compare("demo?split=val&limit=2", tmp_path / "demo.pack") < 0.05


@real("talk")
@pytest.mark.slow
def test_real_video_keeps_the_error(tmp_path: Path) -> None:
    assert compare(f"300vw:{DATA / 'talk'}?split=val&limit=1", tmp_path / "talk.pack", "track") < 0.05


@real("300w")
@pytest.mark.slow
def test_real_photos_that_are_shrunk_keep_the_error(tmp_path: Path) -> None:
    assert compare(f"300w:{DATA / '300w'}?split=val", tmp_path / "photos.pack") < 0.05


def without(name: str) -> Callable[[Path], None]:
    def break_(path: Path) -> None:
        with zipfile.ZipFile(path) as file:
            members = {info.filename: file.read(info) for info in file.infolist() if info.filename != name}
        with zipfile.ZipFile(path, "w") as file:
            for member, data in members.items():
                file.writestr(member, data)

    return break_


def replaced(old: bytes, new: bytes) -> Callable[[Path], None]:
    def break_(path: Path) -> None:
        with zipfile.ZipFile(path) as file:
            members = {info.filename: file.read(info) for info in file.infolist()}
        members[INDEX] = members[INDEX].replace(old, new)
        with zipfile.ZipFile(path, "w") as file:
            for member, data in members.items():
                file.writestr(member, data)

    return break_


@pytest.mark.parametrize(
    "break_",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(path.read_bytes()[:3000] + b"???" + path.read_bytes()[3003:]),
        without(INDEX),
        without("landmarks.npy"),
        without("000000.webp"),
        replaced(b"{", b"["),
        replaced(b'"version": 1', b'"version": 9'),
        replaced(b'"frames": 48', b'"frames": 47'),
        replaced(b'"cuts": [0]', b'"cuts": [99]'),
        replaced(b'"scheme": "68"', b'"scheme": "67"'),
    ],
)  # fmt: skip
def test_a_broken_pack_is_named(pack: Path, tmp_path: Path, break_: Callable[[Path], None]) -> None:
    broken = tmp_path / "broken.pack"
    broken.write_bytes(pack.read_bytes())
    break_(broken)
    with pytest.raises(UserError, match=r"broken\.pack: "):
        for clip in load_clips(f"packed:{broken}").clips:
            for t in range(len(clip)):
                clip.frame(t)


def test_what_does_not_fit_into_a_pack_is_said(pack: Path, clip_spec: str) -> None:
    with pytest.raises(UserError, match="masked=1"):
        load_to_pack([f"{clip_spec}?masked=1"])
    with pytest.raises(UserError, match="2 clips are called demo012"):
        load_to_pack(["demo", "demo?split=val&limit=1"])
    with pytest.raises(UserError, match="expected one of kind=300vw split=test, kind=demo split=val"):
        load_clips(f"packed:{pack}?split=train")
    with pytest.raises(UserError, match="no such file"):
        load_clips("packed:/no/such.pack")
