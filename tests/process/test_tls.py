"""TLS by the command: one process and several, clients of other people, renewal under load, wrong files."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from potstill import make_server
from tests.process.secure_app import app
from tests.support.certificates import Authority, Pair, careless, secure_client
from tests.support.daemons import free_port, needed
from tests.support.engine import GET, LAST, WAIT_S
from tests.support.server import ROOT, Server, serve_process
from tests.support.wire import Client

APP = "tests.process.secure_app:app"
WAIT_RENEWAL_S = 20.0

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue("localhost", "127.0.0.1", file="steady")


def tls_options(pair: Pair) -> tuple[str, ...]:
    return "--certfile", str(pair.certfile), "--keyfile", str(pair.keyfile)


@pytest.fixture(scope="module", params=["0", "2"], ids=["alone", "workers"])
def server(request: pytest.FixtureRequest, pair: Pair) -> Iterator[tuple[Server, int]]:
    """A server, and the port on which it redirects."""
    port = free_port()
    options = (*tls_options(pair), "--workers", request.param, "--hsts", "max-age=60")
    with serve_process(APP, *options, "--redirect-http", f"127.0.0.1:{port}") as running:
        yield running, port
    assert not running.log.lines("Traceback"), running.log.tail()


def run(*words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(words, input=given, capture_output=True, timeout=60, check=False)


def curl(authority: Authority, *words: str) -> subprocess.CompletedProcess[bytes]:
    program = needed("curl", "curl")
    return run(program, "-sS", "--max-time", "30", "--cacert", str(authority.cafile), *words)


def test_the_start_line(server: tuple[Server, int]) -> None:
    running, port = server
    line = running.log.wait_for("serving")
    assert f"https://127.0.0.1:{running.address[1]}, http://127.0.0.1:{port}" in line


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl(server: tuple[Server, int], authority: Authority, version: str, tmp_path: Path) -> None:
    """Keep-alive, a body, a large answer from a file: with a certificate that it believes."""
    url = f"https://localhost:{server[0].address[1]}"
    only = ("--tls-max", version, f"--tlsv{version}")
    done = curl(authority, *only, "-i", f"{url}/", f"{url}/")
    assert done.stdout.count(b"HTTP/1.1 200 OK") == 2, done
    assert done.stdout.lower().count(b"strict-transport-security: max-age=60") == 2
    body = tmp_path / "body"
    body.write_bytes(os.urandom(5_000_000))
    done = curl(authority, *only, "--data-binary", f"@{body}", f"{url}/echo", "-o", str(tmp_path / "back"))
    assert done.returncode == 0, done
    assert (tmp_path / "back").read_bytes() == body.read_bytes()


def test_openssl(server: tuple[Server, int], authority: Authority) -> None:
    """s_client: the chain is good, ALPN is chosen, a ticket resumes, renegotiation is not to be had.

    TLS 1.3 has one ticket for each connection.
    """
    openssl, address = needed("openssl", "openssl"), f"127.0.0.1:{server[0].address[1]}"
    base = (
        openssl,
        "s_client",
        "-connect",
        address,
        "-CAfile",
        str(authority.cafile),
        "-verify_return_error",
    )
    done = run(*base, "-alpn", "http/1.1", "-ign_eof", given=LAST)
    assert b"Verify return code: 0 (ok)" in done.stdout
    assert b"ALPN protocol: http/1.1" in done.stdout
    assert b"HTTP/1.1 200 OK" in done.stdout
    assert done.stdout.count(b"Post-Handshake New Session Ticket arrived") == 1
    again = run(*base, "-tls1_2", "-reconnect", given=b"")
    assert again.stdout.count(b"Reused, TLSv1.2") == 5, again.stdout[-2000:]
    refused = run(*base, "-tls1_2", given=b"R\n")
    assert b"no renegotiation" in refused.stderr.lower(), refused


def test_the_redirect(server: tuple[Server, int]) -> None:
    running, port = server
    with Client(("127.0.0.1", port)) as client:
        client.send(b"GET /a?b=c HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = client.response()
    assert answer.status == 308
    assert ("location", f"https://localhost:{running.address[1]}/a?b=c") in answer.fields


def test_a_renewal_under_load(authority: Authority) -> None:
    """Clients ask without pause while the certificate is replaced, twice: not one request fails."""
    pair = authority.issue("localhost", "127.0.0.1", file="renewed")
    served = [pair.serial]
    with serve_process(APP, *tls_options(pair), "--workers", "2") as running:
        errors: list[BaseException] = []
        seen: set[int] = set()
        over = threading.Event()
        load = [
            threading.Thread(target=ask_until, args=(running, authority, over, errors, seen))
            for _ in range(3)
        ]
        for thread in load:
            thread.start()
        try:
            wait_for_serial(seen, pair.serial)
            for _ in range(2):
                before = len(running.log.lines())
                served.append(authority.issue("localhost", "127.0.0.1", file="renewed").serial)
                running.log.wait_for("tls: loaded .*renewed.pem", WAIT_RENEWAL_S, since=before)
                wait_for_serial(seen, served[-1])
        finally:
            over.set()
            for thread in load:
                thread.join(WAIT_S)
        assert errors == []
        assert set(served) <= seen


def ask_until(
    running: Server, authority: Authority, over: threading.Event, errors: list[BaseException], seen: set[int]
) -> None:
    """Some connections for one request, and one that lasts."""
    context = authority.trusting()
    try:
        with secure_client(running.address, context) as lasting:
            while not over.is_set():
                lasting.send(GET)
                assert lasting.response().status == 200
                with secure_client(running.address, context) as client:
                    assert isinstance(client.socket, ssl.SSLSocket)
                    client.send(LAST)
                    assert client.response().status == 200
                    told = client.socket.getpeercert()
                    assert told is not None
                    seen.add(int(str(told["serialNumber"]), 16))
                over.wait(0.005)
    except BaseException as error:
        errors.append(error)


def wait_for_serial(seen: set[int], serial: int) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if serial in seen:
            return
        pause.wait(0.01)
    raise AssertionError(f"nobody was shown {serial:x}")


def test_a_reload_and_a_graceful_stop(authority: Authority, pair: Pair) -> None:
    """SIGHUP keeps the certificate; an answer that is under way at the end gets its goodbye."""
    with serve_process(APP, *tls_options(pair), "--workers", "1") as running:
        running.process.send_signal(signal.SIGHUP)
        running.log.wait_for("reload is done", WAIT_RENEWAL_S)
        with secure_client(running.address, authority.trusting()) as client:
            client.send(GET)
            assert client.response().status == 200
            running.process.send_signal(signal.SIGTERM)
            client.expect_end()


def test_a_renewal_without_a_supervisor(authority: Authority) -> None:
    """By the process that serves."""
    pair = authority.issue("localhost", file="alone")
    with serve_process(APP, *tls_options(pair)) as running:
        fresh = authority.issue("localhost", file="alone")
        running.log.wait_for("tls: loaded", WAIT_RENEWAL_S)
        with secure_client(running.address, careless()) as client:
            assert isinstance(client.socket, ssl.SSLSocket)
            assert ssl.DER_cert_to_PEM_cert(client.socket.getpeercert(True) or b"") == (
                fresh.certfile.read_text()
            )


def test_the_certificate_for_the_desk() -> None:
    with (
        serve_process(APP, "--dev-cert") as running,
        secure_client(running.address, careless()) as client,
    ):
        client.send(GET)
        assert client.response().status == 200


def test_files_that_are_wrong(pair: Pair, authority: Authority) -> None:
    """Said before anything is listened on; `check` says the same, and how long a good one lasts."""
    wrong = (APP, "--certfile", str(pair.certfile), "--keyfile", str(authority.cafile))
    for verb in ("serve", "check"):
        done = potstill(verb, *wrong, "--bind", "127.0.0.1:0")
        assert done.returncode == 1
        assert b"there is no private key in PEM in it" in done.stderr
        assert b"Traceback" not in done.stderr
    done = potstill("check", APP, *tls_options(pair), "--no-bind")
    assert b"for all hosts can be used for another 89 days" in done.stdout
    assert done.returncode == 0


def potstill(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "potstill", *words], cwd=ROOT, capture_output=True, timeout=60, check=False
    )


def test_a_context_of_the_programs(pair: Pair) -> None:
    """make_server with an ssl_context, over a handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certfile, pair.keyfile)
    server = make_server(("127.0.0.1", 0), app, ssl_context=context, threads=2)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        with secure_client(server.server_address, careless()) as client:
            client.send(GET)
            assert client.response().status == 200
    finally:
        server.server_close()
        serving.join(WAIT_S)
    with pytest.raises(ValueError, match="leave out certfile"):
        make_server(("127.0.0.1", 0), app, ssl_context=context, certfile=str(pair.certfile))


@pytest.mark.parametrize("workers", ["0", "2"])
def test_metrics_say_when_certificates_expire(authority: Authority, workers: str) -> None:
    pair = authority.issue("localhost", file="expiring", end_days=30)
    admin = f"127.0.0.1:{free_port()}"
    with serve_process(APP, *tls_options(pair), "--workers", workers, "--admin", admin) as running:
        running.log.wait_for("serving")
        with urllib.request.urlopen(f"http://{admin}/metrics", timeout=WAIT_S) as answer:
            text = answer.read().decode()
    (line,) = [each for each in text.splitlines() if each.startswith("potstill_certificate_expiry_")]
    until = float(line.rpartition(" ")[2])
    assert abs(until - (time.time() + 30 * 24 * 3600)) < 3600
