"""The table: what is asked of the shop, and what must come back, whichever framework stands behind it.

One row is one exchange. `only` names the frameworks that have the feature at all; it is empty for all five.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.apps.clients import Answer, Request
from tests.apps.shop import FILES, LABEL, LARGE, SECRET, digest
from tests.apps.validation import WITHOUT_VALIDATOR

FRAMEWORKS = ("flask", "django", "bottle", "falcon", "pyramid")
# Bottle sends field values as UTF-8, always.
WITH_LATIN_1 = ("flask", "django", "falcon", "pyramid")
WITH_RANGES = ("flask", "bottle", "falcon", "pyramid")

NOTHING_SAID = object()


@dataclass(frozen=True)
class Expected:
    """What of the answer matters to the row; what it leaves out may be as the framework likes."""

    status: int | tuple[int, ...]
    json: Any = NOTHING_SAID
    body: bytes | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    allow: frozenset[str] = frozenset()
    secret: str | None = None

    def check(self, answer: Answer) -> None:
        statuses = self.status if isinstance(self.status, tuple) else (self.status,)
        assert answer.status in statuses, answer
        if self.json is not NOTHING_SAID:
            assert answer.json() == self.json
        if self.body is not None:
            # Compared apart, so that a failure does not print megabytes.
            assert len(answer.body) == len(self.body)
            assert answer.body == self.body
        for name, value in self.fields.items():
            assert answer.field(name) == value
        if self.allow:
            allowed = {method.strip() for method in (answer.field("Allow") or "").split(",")}
            assert allowed >= self.allow
        if self.secret is not None:
            assert self.secret.encode() not in answer.body
            assert b"Traceback" not in answer.body


@dataclass(frozen=True)
class Scenario:
    sentence: str
    request: Request
    expected: Expected
    only: tuple[str, ...] = ()


def get(target: str, *fields: tuple[str, str]) -> Request:
    return Request("GET", target, fields)


def send(method: str, target: str, body: bytes, media_type: str | None = None) -> Request:
    return Request(method, target, (("Content-Type", media_type),) if media_type else (), body)


def send_json(method: str, target: str, value: Any) -> Request:
    return send(method, target, json.dumps(value).encode(), "application/json")


def send_form(target: str, fields: list[tuple[str, str]]) -> Request:
    return send("POST", target, urlencode(fields).encode(), "application/x-www-form-urlencoded")


FIELD_PART = b'Content-Disposition: form-data; name="%b"\r\n\r\n%b'
FILE_PART = (
    b'Content-Disposition: form-data; name="%b"; filename="%b"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n%b"
)


def multipart(fields: list[tuple[str, str]], files: list[tuple[str, str, bytes]]) -> Request:
    """The form as browsers send it; RFC 7578 leaves file names as UTF-8."""
    boundary = b"----the-angels-share"
    parts = [FIELD_PART % (name.encode(), value.encode()) for name, value in fields]
    parts += [FILE_PART % (name.encode(), filename.encode(), content) for name, filename, content in files]
    body = b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts) + b"--%b--\r\n" % boundary
    return send("POST", "/upload", body, f"multipart/form-data; boundary={boundary.decode()}")


def described(name: str, filename: str, content: bytes) -> dict[str, Any]:
    return {"field": name, "filename": filename, "type": "application/octet-stream", **digest([content])}


def digested(body: bytes) -> dict[str, Any]:
    return {**digest([body]), "announced": str(len(body))}


ROUTING = [
    Scenario("the root is found", get("/"), Expected(200)),
    Scenario("a variable in the path is a number", get("/casks/7"), Expected(200, json={"cask": 7})),
    Scenario("a variable of the wrong kind is not found", get("/casks/seven"), Expected(404)),
    Scenario("an unknown path is not found", get("/nowhere"), Expected(404)),
    Scenario("a trailing slash is another path", get("/casks/7/"), Expected(404)),
    Scenario(
        "a wrong method is refused with the right ones",
        get("/casks"),
        Expected(405, allow=frozenset({"POST"})),
    ),
    Scenario(
        "a wrong method with a body is refused too",
        send_json("PUT", "/casks", {"cask": 1}),
        Expected(405, allow=frozenset({"POST"})),
    ),
    Scenario(
        "OPTIONS lists the methods",
        Request("OPTIONS", "/casks/7"),
        Expected(200, allow=frozenset({"GET", "PUT", "DELETE"})),
    ),
    Scenario("HEAD has no body", Request("HEAD", "/casks/7"), Expected(200, body=b"")),
    Scenario("HEAD of a stream has no body", Request("HEAD", "/lines/20"), Expected(200, body=b"")),
    Scenario("HEAD of a missing page has no body", Request("HEAD", "/nowhere"), Expected(404, body=b"")),
]

TEXT = [
    Scenario(
        "a path of UTF-8 is decoded once",
        get("/notes/caf%C3%A9%20%E2%82%AC%20%F0%9F%A5%83"),
        Expected(200, json={"note": "café € 🥃"}),
    ),
    Scenario(
        "a percent sign in the path survives", get("/notes/46%2525"), Expected(200, json={"note": "46%25"})
    ),
    Scenario(
        "plus, semicolon and tilde are letters in a path",
        get("/notes/a+b;c=%2B~%3F%23"),
        Expected(200, json={"note": "a+b;c=+~?#"}),
    ),
    Scenario("no query is an empty one", get("/query"), Expected(200, json={})),
    Scenario("an empty query is an empty one", get("/query?"), Expected(200, json={})),
    Scenario(
        "a query keeps repeated and empty values",
        get("/query?peat=heavy&peat=light&age="),
        Expected(200, json={"peat": ["heavy", "light"], "age": [""]}),
    ),
    Scenario(
        "a query of UTF-8 is decoded by the framework",
        get("/query?na%C3%AFve=%F0%9F%A5%83+neat&q=50%25&u=http://a/b?c"),
        Expected(200, json={"naïve": ["🥃 neat"], "q": ["50%"], "u": ["http://a/b?c"]}),
    ),
    Scenario(
        "a request field reaches the application",
        get("/fields?name=X-Mark", ("X-Mark", "quarter cask")),
        Expected(200, json={"value": "quarter cask"}),
    ),
    Scenario(
        "a repeated request field is one list",
        get("/fields?name=X-Mark", ("X-Mark", "one"), ("X-Mark", "two")),
        Expected(200, json={"value": "one, two"}),
    ),
    Scenario(
        "a missing request field is missing", get("/fields?name=X-Mark"), Expected(200, json={"value": None})
    ),
    Scenario(
        "a latin-1 request field is latin-1 text",
        get("/fields?name=X-Mark", ("X-Mark", "Señor")),
        Expected(200, json={"value": "Señor"}),
    ),
    Scenario(
        "a latin-1 response field is sent in latin-1",
        get("/named"),
        Expected(200, fields={"X-Name": "Señor"}),
        only=WITH_LATIN_1,
    ),
    Scenario(
        "the host the client asked for is the one the application sees",
        get("/whereami?a=1&b=%20"),
        Expected(200),
    ),
]

BODIES = [
    Scenario(
        "a form is read",
        send_form("/form", [("name", "Lagavulin"), ("note", "smoke & salt"), ("note", "café 🥃")]),
        Expected(200, json={"name": ["Lagavulin"], "note": ["smoke & salt", "café 🥃"]}),
    ),
    Scenario("an empty form is read", send_form("/form", []), Expected(200, json={})),
    Scenario(
        "a form of 50 kB is read",
        send_form("/form", [("note", "x" * 50_000)]),
        Expected(200, json={"note": ["x" * 50_000]}),
    ),
    Scenario(
        "JSON is read and answered",
        send_json("POST", "/casks", {"cask": 9, "wood": ["oak", "chêne"], "full": True, "age": None}),
        Expected(
            201,
            json={"cask": 9, "wood": ["oak", "chêne"], "full": True, "age": None},
        ),
    ),
    Scenario(
        "JSON is stored by PUT",
        send_json("PUT", "/casks/7", {"wood": "oak"}),
        Expected(200, json={"cask": 7, "stored": {"wood": "oak"}}),
    ),
    Scenario("DELETE answers 204 without a body", Request("DELETE", "/casks/7"), Expected(204, body=b"")),
    Scenario(
        "an empty answer is empty",
        send("POST", "/empty", b""),
        Expected(200, body=b"", fields={"Content-Length": "0"}),
    ),
    Scenario(
        "a body of bytes arrives whole",
        send("POST", "/digest", bytes(range(256)) * 40, "application/octet-stream"),
        Expected(200, json=digested(bytes(range(256)) * 40)),
    ),
    Scenario(
        "a body of 3 MB arrives whole",
        send("PUT", "/digest", LARGE, "application/octet-stream"),
        Expected(200, json=digested(LARGE)),
    ),
    Scenario(
        "an empty body is empty",
        send("POST", "/digest", b"", "application/octet-stream"),
        Expected(200, json=digested(b"")),
    ),
    Scenario(
        "a small file is uploaded with its fields",
        multipart(
            [("owner", "Søren"), ("tag", "a"), ("tag", "b")],
            [("label", "étiquette.txt", LABEL), ("note", "b.bin", b"\r\n--\r\n\0")],
        ),
        Expected(
            200,
            json={
                "fields": {"owner": ["Søren"], "tag": ["a", "b"]},
                "files": [
                    described("label", "étiquette.txt", LABEL),
                    described("note", "b.bin", b"\r\n--\r\n\0"),
                ],
            },
        ),
    ),
    Scenario(
        "a file of 3 MB is uploaded",
        multipart([("owner", "Ann")], [("cask", "large.bin", LARGE)]),
        Expected(200, json={"fields": {"owner": ["Ann"]}, "files": [described("cask", "large.bin", LARGE)]}),
    ),
    Scenario("3 MB in one piece arrive whole", get("/large"), Expected(200, body=LARGE)),
    Scenario(
        "a body nobody read does not hurt",
        send("POST", "/errors/handled", LARGE[: 1 << 20], "application/octet-stream"),
        Expected(409),
    ),
    Scenario(
        "a generator's pieces arrive in order",
        get("/lines/1000"),
        Expected(200, body=b"".join(b"line %d\n" % number for number in range(1000))),
    ),
    Scenario("a generator of one piece is one piece", get("/lines/1"), Expected(200, body=b"line 0\n")),
    Scenario("a generator of nothing is nothing", get("/lines/0"), Expected(200, body=b"")),
]

ERRORS = [
    Scenario(
        "an exception nobody handles is a 500 without details",
        get("/errors/raised"),
        Expected(500, secret=SECRET),
    ),
    Scenario(
        "SystemExit in a view is a 500 without details", get("/errors/exit"), Expected(500, secret=SECRET)
    ),
    Scenario("a view forbids", get("/errors/forbidden"), Expected(403)),
    Scenario(
        "the framework's own handler answers",
        send("POST", "/errors/handled", b""),
        Expected(409, json={"error": "out of stock", "what": "cask 7"}),
    ),
]

FILE_SCENARIOS = [
    Scenario(
        "a small file is sent",
        get("/files/label.txt"),
        Expected(200, body=LABEL, fields={"Content-Length": str(len(LABEL))}),
    ),
    Scenario(
        "a file with a name of UTF-8 is sent",
        get("/files/%C3%A9tiquette.txt"),
        Expected(200, body=FILES["étiquette.txt"]),
    ),
    Scenario(
        "a file of 3 MB is sent",
        get("/files/large.bin"),
        Expected(200, body=LARGE, fields={"Content-Length": str(len(LARGE))}),
    ),
    Scenario(
        "an empty file is sent",
        get("/files/empty.txt"),
        Expected(200, body=b"", fields={"Content-Length": "0"}),
    ),
    Scenario("a missing file is not found", get("/files/missing.txt"), Expected(404)),
    Scenario(
        "a path that climbs is not followed",
        get("/files/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
        Expected((400, 403, 404), secret="root:"),
    ),
    Scenario(
        "HEAD of a file tells its length",
        Request("HEAD", "/files/large.bin"),
        Expected(200, body=b"", fields={"Content-Length": str(len(LARGE))}),
    ),
    Scenario(
        "a range in the middle of a file is sent",
        get("/files/large.bin", ("Range", "bytes=1000001-2000000")),
        Expected(
            206,
            body=LARGE[1_000_001:2_000_001],
            fields={"Content-Range": f"bytes 1000001-2000000/{len(LARGE)}", "Content-Length": "1000000"},
        ),
        only=WITH_RANGES,
    ),
    Scenario(
        "the rest of a file is sent",
        get("/files/large.bin", ("Range", "bytes=3000000-")),
        Expected(206, body=LARGE[3_000_000:]),
        only=WITH_RANGES,
    ),
    Scenario(
        "the end of a file is sent",
        get("/files/large.bin", ("Range", "bytes=-10")),
        Expected(206, body=LARGE[-10:], fields={"Content-Length": "10"}),
        only=WITH_RANGES,
    ),
    Scenario(
        "a range behind the end is refused",
        get("/files/label.txt", ("Range", "bytes=5000-6000")),
        Expected(416),
        only=WITH_RANGES,
    ),
]


def bare(row: Scenario) -> Scenario:
    """The same row beside the validator, so that the server sees the framework's own `wsgi.file_wrapper`
    object."""
    request = Request(row.request.method, row.request.target, (*row.request.fields, (WITHOUT_VALIDATOR, "1")))
    return Scenario(f"{row.sentence} by wsgi.file_wrapper", request, row.expected, row.only)


SCENARIOS = [*ROUTING, *TEXT, *BODIES, *ERRORS, *FILE_SCENARIOS, *map(bare, FILE_SCENARIOS)]
