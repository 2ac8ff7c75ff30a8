"""Their values → ours. What a converter returns is judged by our option's kind afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable

from potstill.moving_in.mapping import Instead

Converter = Callable[[object], object]

# As uWSGI's uwsgi_str_bool and gunicorn's validate_bool have it, roughly.
NO = frozenset({"", "0", "false", "no", "off", "none"})
GUNICORN_PORT = "8000"
# What Potstill reads of a request head at least; smaller limits of others are not taken over.
HEAD_BYTES = 64 * 1024


def truth(value: object) -> bool:
    """What they take for true."""
    return str(value).strip().lower() not in NO


def whole(value: object) -> int:
    """A number, or a text that is one; anything else is for our option to refuse, so it is advice."""
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,18}", text):
        raise Instead(f"{value!r} is not a whole number; look up what it was meant to be.")
    return int(text)


def unless_zero(advice: str) -> Converter:
    """A number that means something else when it is 0."""

    def convert(value: object) -> object:
        number = whole(value)
        if number == 0:
            raise Instead(advice)
        return number

    return convert


def when_true(advice: str) -> Converter:
    """A switch that is an option of ours when it is on, and nothing worth a line when it is off."""

    def convert(value: object) -> object:
        if not truth(value):
            raise Instead(advice)
        return True

    return convert


def requirement(value: object) -> object:
    """ssl.CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED, by number or by name."""
    words = ("none", "optional", "required")
    text = str(value).strip().lower().rpartition("cert_")[2]
    if text in ("0", "1", "2"):
        return words[int(text)]
    if text in words:
        return text
    raise Instead("Say none, optional or required.")


def networks(value: object) -> object:
    """Addresses, of which * is all."""
    given = value if isinstance(value, (list, tuple)) else str(value).split(",")
    return ["all" if str(each).strip() == "*" else str(each).strip() for each in given]


def advice(sentence: str) -> Converter:
    """Whatever the value: our option means the same and is written in another way."""

    def convert(value: object) -> object:
        raise Instead(sentence)

    return convert


def trusted_networks(value: object) -> object:
    """Addresses and networks between commas, or in a list; a star for everybody."""
    found = value if isinstance(value, (list, tuple)) else str(value).split(",")
    entries = [str(entry).strip() for entry in found if str(entry).strip()]
    if not entries:
        raise Instead("Leave it out: nobody is trusted.")
    return ["0.0.0.0/0", "::/0", "unix"] if "*" in entries else entries


def octal(value: object) -> object:
    """A mask of file modes, written in octal."""
    text = str(value).strip().lower().removeprefix("0o")
    if not re.fullmatch("[0-7]{1,4}", text):
        raise Instead(f"{value!r} is not an octal number.")
    return f"{int(text, 8):03o}"


def gunicorn_mask(value: object) -> object:
    """The same where a plain number is decimal, and one that begins with 0 is octal."""
    text = str(value).strip().lower()
    if re.fullmatch("[1-9][0-9]{0,3}", text):
        return f"{int(text):03o}"
    return octal(text)


def socket_mode(value: object) -> object:
    """uWSGI's chmod-socket, which alone means that everybody may connect."""
    return "666" if str(value).strip() in {"true", "1"} else octal(value)


def as_list(value: object) -> object:
    """One of several: the lines add up."""
    return [str(value)]


def name_or_number(value: object) -> object:
    """A user or a group."""
    return str(value)


def mebibytes(value: object) -> object:
    """uWSGI counts memory in MB of 1024 × 1024."""
    return f"{unless_zero('0 means no limit, as here without the option.')(value)}MiB"


def head_limit(value: object) -> object:
    """The size of a buffer for the whole head of a request."""
    number = whole(value)
    if number <= HEAD_BYTES:
        raise Instead(
            f"Potstill reads heads of {HEAD_BYTES // 1024} KiB anyway; limit-request-head is the bound."
        )
    return number


# Addresses


def gunicorn_addresses(value: object) -> list[str]:
    """One address or a list, in the forms that gunicorn reads."""
    texts = value if isinstance(value, (list, tuple)) else [value]
    return [gunicorn_address(str(text).strip()) for text in texts]


def gunicorn_address(text: str) -> str:
    if match := re.match(r"unix:(?://)?", text):
        return f"unix:{text[match.end() :]}"
    if text.startswith("fd://"):
        return text
    text = text.removeprefix("tcp://")
    if not text:
        return f":{GUNICORN_PORT}"
    has_port = "]:" in text if text.startswith("[") else ":" in text
    return any_host(text if has_port else f"{text}:{GUNICORN_PORT}")


def uwsgi_addresses(value: object) -> list[str]:
    """`:8000`, `*:8000`, `8000`, or a path; what follows a comma are the files of TLS, or options."""
    text = str(value).strip().split(",")[0]
    if text.startswith("="):
        raise Instead("A shared socket has no number here: bind its address, or pass it on as fd://NUMBER.")
    if text.startswith("fd://"):
        return [text]
    if text.startswith("@"):
        raise Instead("Abstract unix sockets are not supported; use a path below /run.")
    if re.fullmatch("[0-9]{1,5}", text):
        return [f":{text}"]
    if ":" in text and "/" not in text:
        return [any_host(text)]
    return [f"unix:{text}"]


def any_host(text: str) -> str:
    """Every address of the machine is written `:PORT`; theirs of IPv6 take IPv4 as well."""
    return re.sub(r"^(\*|\[::\]|\[\*\]):", ":", text)
