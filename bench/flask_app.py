"""Hello, through Flask. Apart from `apps.py`, so that no other scenario's memory contains Flask."""

from __future__ import annotations

from flask import Flask

from bench.apps import HELLO

hello = Flask("bench")


@hello.get("/")
def index() -> str:
    return HELLO.decode()
