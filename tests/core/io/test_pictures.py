"""Pictures of every kind: the right pixels, or one line that says what the file is."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from srn_core.errors import UserError
from srn_core.io.images import picture_facts, read_image

NOISE = np.random.default_rng(0).integers(0, 256, (40, 61, 3), dtype=np.uint8)
SMOOTH = cv2.resize(NOISE[:6, :8], (320, 240), interpolation=cv2.INTER_CUBIC)


def encoded(kind: str, picture: np.ndarray, mode: str = "RGB", **options) -> bytes:
    data = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(data, kind, **options)
    return data.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def test_an_orientation_behind_the_pixels_of_a_png_counts(tmp_path: Path) -> None:
    data, exif = encoded("PNG", NOISE), orientation(6).tobytes().removeprefix(b"Exif\0\0")
    end = data.rindex(b"IEND") - 4
    (tmp_path / "a.png").write_bytes(data[:end] + chunk(b"eXIf", exif) + data[end:])
    assert picture_facts(tmp_path / "a.png").orientation == 6
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", turned=True), np.rot90(NOISE, -1))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), NOISE)


def test_an_orientation_behind_a_long_header_counts(tmp_path: Path) -> None:
    data = encoded("JPEG", NOISE, exif=orientation(8))
    filler = b"\xff\xe7" + struct.pack(">H", 65000) + b"x" * 64998
    (tmp_path / "a.jpg").write_bytes(data[:2] + 5 * filler + data[2:])
    assert picture_facts(tmp_path / "a.jpg").orientation == 8
    assert read_image(tmp_path / "a.jpg", turned=True).shape == (61, 40, 3)


@pytest.mark.parametrize("damage", ["cut", "cut and closed", "part lost", "zeros"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_no_lost_part_of_a_jpeg_is_filled_in(damage: str, mode: str, tmp_path: Path) -> None:
    data = encoded("JPEG", cv2.resize(NOISE, (320, 240), interpolation=cv2.INTER_NEAREST), mode)
    middle = len(data) // 2
    broken = {
        "cut": data[:middle],
        "cut and closed": data[:middle] + b"\xff\xd9",
        "part lost": data[:middle] + data[middle + 2000 :],
        "zeros": data[:middle] + bytes(2000) + data[middle + 2000 :],
    }[damage]
    (tmp_path / "a.jpg").write_bytes(data)
    assert read_image(tmp_path / "a.jpg").shape == (240, 320, 3)
    (tmp_path / "a.jpg").write_bytes(broken)
    with pytest.raises(UserError, match=r"a\.jpg: truncated or damaged"):
        read_image(tmp_path / "a.jpg")


def test_parts_of_a_png_that_are_lost_are_noticed(tmp_path: Path) -> None:
    """Each chunk is sound, but one of the pixels' is missing."""
    data = encoded("PNG", NOISE)
    start = data.index(b"IDAT") - 4
    stream = data[start + 8 : start + 8 + int.from_bytes(data[start : start + 4], "big")]
    for pixels in (stream[: len(stream) // 2], stream[: len(stream) // 3] + stream[len(stream) // 2 :], b""):
        (tmp_path / "a.png").write_bytes(data[:start] + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
        with pytest.raises(UserError, match="truncated or damaged"):
            read_image(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["L", "RGBA", "LA", "P", "1", "CMYK"])
def test_every_mode_shows_what_other_viewers_show(mode: str, tmp_path: Path) -> None:
    kind, ending = ("JPEG", "jpg") if mode == "CMYK" else ("PNG", "png")
    (tmp_path / f"a.{ending}").write_bytes(encoded(kind, SMOOTH, mode))
    with Image.open(tmp_path / f"a.{ending}") as picture:
        expected = np.asarray(picture.convert("RGB")).astype(int)
    assert np.abs(read_image(tmp_path / f"a.{ending}") - expected).mean() < 2


def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), NOISE[..., ::-1].astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), NOISE)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (encoded("GIF", NOISE), "a GIF file.*convert"),
        (encoded("TIFF", NOISE), "a TIFF file.*convert"),
        (encoded("PPM", NOISE), "a PNM file.*convert"),
        (encoded("JPEG2000", NOISE), "a JPEG 2000 file.*convert"),
        (encoded("PDF", NOISE), "a PDF file.*convert"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC picture.*convert"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "an AVIF picture.*convert"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "an MP4 video.*save its frames"),
        (b"\xff\x0a" + b"a" * 50, "a JPEG XL file.*convert"),
        (b"RIFF\x24\0\0\0AVI LIST", "an AVI video"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "a sound file"),
        (b"<!DOCTYPE html><html>", "a web page.*download"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS.*git lfs pull"),
        (b"PK\x03\x04" + b"a" * 50, "a zip archive"),
        (b"\0" * 500, "a file that begins with zeros.*restore"),
        (b"", "an empty file.*restore"),
        (b"hello", "not an image.*restore"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(data)
    for read in (read_image, picture_facts):
        with pytest.raises(UserError, match=rf"a\.jpg: {said}"):
            read(tmp_path / "a.jpg")
