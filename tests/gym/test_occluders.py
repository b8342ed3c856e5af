"""Occluders: pure functions of the key, the same on every device, each what its name says."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import avg_pool2d

from srn_core.occluders.squares import KINDS, add_square, noise_keys, square_corner

SIZE = 20
CENTRES = torch.tensor([[30.0, 31.2], [2.0, 60.0], [30.0, 31.2]])


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def keys() -> torch.Tensor:
    return noise_keys(0, torch.tensor([5, 6, 7]), torch.tensor([0, 3, 0]))


def squares(images, keys, kind, centres=CENTRES) -> torch.Tensor:
    """What the squares show, cut out again: ``(B, 3, SIZE, SIZE)``."""
    covered = add_square(images, centres, keys, SIZE, kind)
    corners = square_corner(centres, SIZE, 64).tolist()
    return torch.stack([image[:, y : y + SIZE, x : x + SIZE] for image, (x, y) in zip(covered, corners, strict=True)])


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_square_changes_and_the_key_alone_decides(images, keys, kind):
    covered = add_square(images, CENTRES, keys, SIZE, kind)
    for image, before, (x, y) in zip(covered, images, square_corner(CENTRES, SIZE, 64).tolist(), strict=True):
        changed = (image != before).any(0)
        assert changed[y : y + SIZE, x : x + SIZE].float().mean() > 0.9
        changed[y : y + SIZE, x : x + SIZE] = False
        assert not changed.any()
    assert torch.equal(covered[1:2], add_square(images[1:2], CENTRES[1:2], keys[1:2], SIZE, kind))
    if kind in ("noise", "texture", "mask"):
        assert torch.equal(squares(images, keys, kind), squares(255 - images, keys, kind))
        assert not torch.equal(*squares(images, keys, kind)[[0, 2]])


@pytest.mark.parametrize("size", [1, 2, 3, 24, 64])
@pytest.mark.parametrize("kind", KINDS)
def test_every_size_works(images, keys, kind, size):
    assert add_square(images, CENTRES, keys, size, kind).shape == images.shape


def test_blur_is_two_box_filters_of_what_is_below(images, keys):
    found = squares(images, keys, "blur")[0].float()
    side = SIZE // 2 | 1
    whole = images[:1].float()
    for _ in range(2):
        whole = avg_pool2d(whole, side, stride=1, padding=side // 2)
    x, y = square_corner(CENTRES, SIZE, 64)[0].tolist()
    torch.testing.assert_close(found, whole[0, :, y : y + SIZE, x : x + SIZE], atol=2, rtol=0)
    flat = torch.full_like(images, 77)
    assert torch.equal(add_square(flat, CENTRES, keys, SIZE, "blur"), flat)


def test_black_is_black_and_texture_is_smooth(images, keys):
    assert not squares(images, keys, "black").any()

    def roughness(kind: str) -> float:
        return float(squares(images, keys, kind).float().diff(dim=-1).abs().mean())

    assert roughness("texture") < 0.4 * roughness("noise")
    assert squares(images, keys, "texture").float().std() > 30


def test_mask_is_pale_cloth_with_pleats(images, keys):
    cloth = squares(images, keys, "mask").float()
    assert cloth.mean() > 150
    rows = cloth.mean((1, 3))
    darkest = rows.argsort(1)[:, :3].sort(1).values
    assert (darkest.diff(dim=1) == SIZE // 3).all()
    assert cloth.std(3).mean() < 8 < rows.std(1).min()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_cuda_gives_the_same_pixels(images, keys, kind):
    ours, theirs = (
        add_square(*(tensor.to(device) for tensor in (images, CENTRES, keys)), SIZE, kind) for device in ("cpu", "cuda")
    )
    assert torch.equal(ours, theirs.cpu())
