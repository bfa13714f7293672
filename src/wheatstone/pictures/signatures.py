"""Which decoder a file is for, told from its bytes, never from its name."""

from __future__ import annotations

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_MAX_FTYP_BYTES = 512


def picture_format(data: bytes) -> str | None:
    """Pillow's name of the format (JPEG, PNG, WEBP, HEIF, AVIF, TIFF); None for every other kind of file.

    BigTIFF counts as another kind: it exists for files far above any limit on pictures.
    """
    for signature, name in _SIGNATURES.items():
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        end = min(int.from_bytes(data[:4], "big"), _MAX_FTYP_BYTES)
        brands = {data[at : at + 4] for at in range(8, end, 4)}
        if brands & _AVIF_BRANDS:
            return "AVIF"
        if brands & _HEIF_BRANDS:
            return "HEIF"
    return None
