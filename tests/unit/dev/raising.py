"""Exceptions as an application raises them, and the environ of a client at the desk."""

from __future__ import annotations

from typing import Any

AT_DESK = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/cart",
    "QUERY_STRING": "a=1",
    "REQUEST_URI": "/cart?a=1",
    "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_PORT": "5000",
    "HTTP_HOST": "localhost:8000",
    "wsgi.url_scheme": "http",
}


def environ(**more: str) -> dict[str, Any]:
    return {**AT_DESK, **more}


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def price(item: dict[str, int]) -> int:
    password = "hunter2"
    strange = Unspeakable()
    marked = "<b>bold</b>"
    return item["price"] + len(password) + id(strange) + len(marked)


def error_of() -> Exception:
    """A ValueError that came of a KeyError."""
    try:
        try:
            price({})
        except KeyError as error:
            raise ValueError("<no price>") from error
    except ValueError as error:
        return error
    raise AssertionError
