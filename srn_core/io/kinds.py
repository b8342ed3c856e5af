"""What a file is that was given in place of a picture or video, from how it begins."""

# First bytes, from which byte on they stand, the kind, and what to do.
CONVERT, RESTORE = "convert it", "restore the file"
KINDS = (
    (b"\xff\xd8\xff", 0, "a JPEG picture", CONVERT),
    (b"\x89PNG", 0, "a PNG picture", CONVERT),
    (b"WEBP", 8, "a WebP picture", CONVERT),
    (b"GIF8", 0, "a GIF file", CONVERT),
    (b"BM", 0, "a BMP file", CONVERT),
    (b"II*\0", 0, "a TIFF file", CONVERT),
    (b"MM\0*", 0, "a TIFF file", CONVERT),
    *((b"ftyp" + brand, 4, "a HEIC picture", CONVERT) for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1")),
    *((b"ftyp" + brand, 4, "an AVIF picture", CONVERT) for brand in (b"avif", b"avis")),
    (b"ftypqt", 4, "a QuickTime video", "save its frames as pictures"),
    (b"ftyp", 4, "an MP4 video", "save its frames as pictures"),
    (b"\x1a\x45\xdf\xa3", 0, "a Matroska or WebM video", "save its frames as pictures"),
    (b"AVI ", 8, "an AVI video", "save its frames as pictures"),
    (b"WAVE", 8, "a sound file", RESTORE),
    (b"\0\0\0\x0cjP  ", 0, "a JPEG 2000 file", CONVERT),
    (b"\0\0\0\x0cJXL ", 0, "a JPEG XL file", CONVERT),
    (b"\xff\x0a", 0, "a JPEG XL file", CONVERT),
    (b"8BPS", 0, "a Photoshop file", CONVERT),
    (b"\0\0\x01\0", 0, "an icon", CONVERT),
    (b"\x76\x2f\x31\x01", 0, "an OpenEXR file", CONVERT),
    (b"DDS ", 0, "a DDS file", CONVERT),
    *((b"P%d" % i + space, 0, "a PNM file", CONVERT) for i in range(1, 8) for space in (b"\n", b" ", b"\r")),
    (b"%PDF", 0, "a PDF file", CONVERT),
    (b"%!PS", 0, "a PostScript file", CONVERT),
    (b"PK\x03\x04", 0, "a zip archive", "take the file out of it"),
    (b"\x1f\x8b", 0, "a gzip archive", "take the file out of it"),
    (b"version https://git-lfs", 0, "a pointer of Git LFS", "fetch the file itself: git lfs pull"),
    *(
        (start, 0, "a web page", "download the file again")
        for start in (b"<!doctype html", b"<!DOCTYPE html", b"<html", b"<HTML")
    ),
    *((start, 0, "an SVG or XML file", CONVERT) for start in (b"<svg", b"<?xml")),
    (b"\0" * 64, 0, "a file that begins with zeros, as after an interrupted copy", RESTORE),
)


def kind_of(data: bytes) -> tuple[str, str]:
    """What a file is and what to do with it, from its first bytes; empty texts where that is not known."""
    if not data:
        return "an empty file", RESTORE
    return next(((kind, remedy) for start, at, kind, remedy in KINDS if data[at : at + len(start)] == start), ("", ""))
