"""Media types by the ending of a file's name.

The types of the web stand here, so that they are the same on every machine and with every Python: the
`mimetypes` module reads files of the system, and its own table changes between releases. It is asked for
what is not listed here.
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Mapping

UNKNOWN = "application/octet-stream"

TYPES = {
    ".7z": "application/x-7z-compressed",
    ".aac": "audio/aac",
    ".apng": "image/apng",
    ".atom": "application/atom+xml",
    ".avif": "image/avif",
    ".bin": "application/octet-stream",
    ".br": "application/octet-stream",
    ".bz2": "application/x-bzip2",
    ".css": "text/css",
    ".csv": "text/csv",
    ".eot": "application/vnd.ms-fontobject",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".geojson": "application/geo+json",
    ".gif": "image/gif",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".gz": "application/gzip",
    ".htm": "text/html",
    ".html": "text/html",
    ".ico": "image/vnd.microsoft.icon",
    ".ics": "text/calendar",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".jsonld": "application/ld+json",
    ".jxl": "image/jxl",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4a": "audio/mp4",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".mpd": "application/dash+xml",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".otf": "font/otf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".rss": "application/rss+xml",
    ".svg": "image/svg+xml",
    ".tar": "application/x-tar",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".ts": "video/mp2t",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
    ".vtt": "text/vtt",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".weba": "audio/webm",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xhtml": "application/xhtml+xml",
    ".xml": "text/xml",
    ".xz": "application/x-xz",
    ".zip": "application/zip",
    ".zst": "application/zstd",
}


class MediaTypes:
    """Content-Type by file name; `more` adds to the table or overrides it, by ending: `{".gpx": "…"}`.

    Types of text say their charset; the empty charset leaves that to the client.
    """

    def __init__(self, more: Mapping[str, str] | None = None, charset: str = "utf-8") -> None:
        for ending in more or {}:
            if not ending.startswith("."):
                raise ValueError(
                    f"media types: {ending!r} is no ending of a file's name; write it with its dot"
                )
        self._types = {**TYPES, **{ending.lower(): kind for ending, kind in (more or {}).items()}}
        self._charset = charset

    def of(self, name: str) -> str:
        """What Content-Type says of a file of that name."""
        ending = os.path.splitext(name)[1].lower()
        kind = self._types.get(ending) or (mimetypes.guess_type(f"x{ending}")[0] if ending else None)
        if kind is None:
            return UNKNOWN
        if self._charset and kind.startswith("text/") and ";" not in kind:
            return f"{kind}; charset={self._charset}"
        return kind
