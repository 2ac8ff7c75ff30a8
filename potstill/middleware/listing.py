"""A directory as a page of links, for who has asked for that."""

from __future__ import annotations

import os
from html import escape
from urllib.parse import quote

# A page with more entries serves nobody.
ENTRIES_MAX = 10_000

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
</head>
<body>
<h1>{title}</h1>
<ul>
{items}
</ul>
</body>
</html>
"""


def listing(fd: int, title: str, *, top: bool, links: bool) -> bytes:
    """The page for an open directory: directories first, then files, by name; dot-files are left out.

    `top` leaves out the link upwards, `links` says whether symbolic links are shown. All links are relative,
    so the page is right wherever the directory is mounted.
    """
    with os.scandir(fd) as entries:
        shown = [
            (not entry.is_dir(follow_symlinks=links), entry.name)
            for entry, _ in zip(entries, range(ENTRIES_MAX), strict=False)
            if not entry.name.startswith(".") and (links or not entry.is_symlink())
        ]
    items = [] if top else [_item("..", "../")]
    for is_file, name in sorted(shown):
        slash = "" if is_file else "/"
        # `./` keeps a colon in the name from looking like a scheme (RFC 3986 section 4.2).
        items.append(_item(name + slash, "./" + quote(os.fsencode(name)) + slash))
    return PAGE.format(title=escape(title), items="\n".join(items)).encode("utf-8", "replace")


def _item(text: str, target: str) -> str:
    return f'<li><a href="{escape(target)}">{escape(text)}</a></li>'
