"""Images, sound and other bytes in answers: by the profile's list, to its size, and as declared.

The first bytes must be those of the declared type where it is known here; and whatever the type is,
bytes are none of a page, a script or a program.
"""

import re

# The first bytes of media types that answers hold; patterns stay bytes until their first use.
_SIGNATURES = {
    "image/png": rb"\x89PNG\r\n\x1a\n",
    "image/jpeg": rb"\xff\xd8\xff",
    "image/gif": rb"GIF8[79]a",
    "image/webp": rb"RIFF....WEBP",
    "image/bmp": rb"BM",
    "image/tiff": rb"II\*\x00|MM\x00\*",
    "image/avif": rb"....ftypavi[fs]",
    "image/heic": rb"....ftyp(?:heic|heix|hevc|mif1|msf1)",
    "image/x-icon": rb"\x00\x00\x01\x00",
    "image/vnd.microsoft.icon": rb"\x00\x00\x01\x00",
    "image/svg+xml": rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|svg|!--|!DOCTYPE svg)",
    "application/pdf": rb"%PDF-",
    "application/zip": rb"PK(?:\x03\x04|\x05\x06|\x07\x08)",
    "application/gzip": rb"\x1f\x8b",
    "audio/wav": rb"RIFF....WAVE",
    "audio/x-wav": rb"RIFF....WAVE",
    "audio/mpeg": rb"ID3|\xff[\xe2-\xff]",
    "audio/ogg": rb"OggS",
    "audio/flac": rb"fLaC",
    "audio/mp4": rb"....ftyp",
    "audio/aac": rb"\xff[\xf0-\xf9]|ADIF",
    "audio/webm": rb"\x1aE\xdf\xa3",
    "video/webm": rb"\x1aE\xdf\xa3",
    "video/mp4": rb"....ftyp",
}
_DISGUISED = (
    rb"(?i)(?:\xef\xbb\xbf)?\s{0,256}<(?:!doctype|html|head|body|script|\?xml|svg)|MZ|\x7fELF|#!"
)


def is_listed(kind: str, types: tuple[str, ...]) -> bool:
    """Whether the profile lists a media type; `image/*` does not cover pictures that are markup."""
    return any(kind == listed or _covers(listed, kind) for listed in types)


def is_as_declared(kind: str, body: bytes) -> bool:
    """Whether the first bytes can be of the media type; of types not known here most can."""
    signature = _SIGNATURES.get(kind)
    if signature is None:
        return kind.endswith(("+xml", "/xml")) or re.match(_DISGUISED, body) is None
    return re.match(signature, body, re.DOTALL) is not None


def _covers(listed: str, kind: str) -> bool:
    return listed.endswith("/*") and kind.startswith(listed[:-1]) and not kind.endswith("xml")
