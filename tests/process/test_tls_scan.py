"""A scanner of TLS at a port of the command: it finds nothing, and where there is something it does.

sslyze runs as a program of its own, which `make test` installs beside what tests import. It asks no other
machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from potstill import make_server
from tests.process.secure_app import app
from tests.support.certificates import Authority, Pair
from tests.support.daemons import needed
from tests.support.engine import WAIT_S
from tests.support.server import serve_process

APP = "tests.process.secure_app:app"
# Below the limit of a test, with room for the start of a server.
SCAN_S = 40.0
EVERY_QUESTION = (
    *("--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--elliptic_curves"),
    *("--heartbleed", "--robot", "--openssl_ccs", "--compression", "--reneg", "--fallback", "--early_data"),
    *("--ems", "--resum", "--certinfo", "--http_headers"),
)
OLD_VERSIONS = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")
# Question, the answer that counts, and what it has to be.
RIGHT = (
    ("heartbleed", "is_vulnerable_to_heartbleed", False),
    ("robot", "robot_result", "NOT_VULNERABLE_RSA_NOT_SUPPORTED"),
    ("openssl_ccs_injection", "is_vulnerable_to_ccs_injection", False),
    ("tls_compression", "supports_compression", False),  # CRIME
    ("session_renegotiation", "client_renegotiations_success_count", 0),
    ("session_renegotiation", "supports_secure_renegotiation", True),  # as a way to refuse it (RFC 5746)
    ("tls_fallback_scsv", "supports_fallback_scsv", True),
    ("tls_extended_master_secret", "supports_ems_extension", True),
    ("tls_1_3_early_data", "supports_early_data", False),  # which anybody could send again
)
AEAD = ("AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256")
# The first three are in Mozilla's "intermediate" configuration. The other two are stronger: OpenSSL has them
# by default, and before 3.15 Python can choose one curve or leave it at that.
RECOMMENDED_CURVES = {"X25519", "secp256r1", "secp384r1"}
STRONGER_CURVES = {"X448", "secp521r1"}
# OpenSSL's number of an option that `ssl` does not name.
ALLOW_CLIENT_RENEGOTIATION = 1 << 8

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Scan:
    """What was found: the result of each question, and Mozilla's objections by what they are about."""

    results: dict[str, Any]
    objections: dict[str, str]

    def suites(self, version: str) -> list[str]:
        """The names of the suites that were accepted, as IANA has them."""
        accepted = self.results[f"{version}_cipher_suites"]["accepted_cipher_suites"]
        return [each["cipher_suite"]["name"] for each in accepted]

    def curves(self) -> set[str]:
        """Those that were accepted."""
        return {each["name"] for each in self.results["elliptic_curves"]["supported_curves"] or ()}


def scanned(address: tuple[str, int], authority: Authority, report: Path) -> Scan:
    """Ask everything. Raises AssertionError, with the scanner's words, unless all of it was answered."""
    where = f"localhost:{address[1]}{{127.0.0.1}}"
    trust = ("--certinfo_ca_file", str(authority.cafile))
    questions = (*EVERY_QUESTION, *trust, "--mozilla_config", "intermediate")
    done = subprocess.run(
        [scanner(), *questions, "--json_out", str(report), where],
        capture_output=True,
        text=True,
        timeout=SCAN_S,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    (found,) = json.loads(report.read_text())["server_scan_results"]
    assert found["scan_status"] == "COMPLETED", found["connectivity_error_trace"]
    # A question that a later sslyze brings, and that nobody has asked yet, counts too.
    unanswered = {
        question: (asked["status"], asked["error_reason"], asked["error_trace"])
        for question, asked in found["scan_result"].items()
        if asked["status"] != "COMPLETED"
    }
    assert unanswered == {}, unanswered
    objections = dict(re.findall(r"^ +\* (\w+): (.+)$", objected(done), re.MULTILINE))
    # Its exit code says whether there are any: we have not overlooked them.
    assert done.returncode == (1 if objections else 0), done.stdout + done.stderr
    results = {question: asked["result"] for question, asked in found["scan_result"].items()}
    return Scan(results, objections)


def scanner() -> str:
    """The path of the program. Where it is missing the test fails, and says what to do."""
    places = (f"{sys.prefix}/scan/bin", f"{sys.prefix}/bin", os.environ.get("PATH", os.defpath))
    found = shutil.which("sslyze", path=os.pathsep.join(places))
    if found is None:
        pytest.fail("sslyze is missing, which this test runs: `make test` installs it")
    return found


def objected(done: subprocess.CompletedProcess[str]) -> str:
    """The last chapter of the output, which is not in the JSON."""
    _, title, chapter = done.stdout.partition("""Checking results against Mozilla's "intermediate\"""")
    assert title, done.stdout + done.stderr
    return chapter


def weaknesses(scan: Scan) -> list[str]:
    """Whatever a scanner would call medium or worse, each in a line."""
    found = [f"{version}: {suite}" for version in OLD_VERSIONS for suite in scan.suites(version)]
    wanted = {
        "tls_1_2": re.compile(rf"TLS_ECDHE_(ECDSA|RSA)_WITH_({'|'.join(AEAD)})"),
        "tls_1_3": re.compile(rf"TLS_({'|'.join(AEAD)})"),
    }
    for version, names in wanted.items():
        found += [f"{version}: {suite}" for suite in scan.suites(version) if not names.fullmatch(suite)]
    for question, answer, right in RIGHT:
        if scan.results[question][answer] != right:
            found.append(f"{question}: {answer} is {scan.results[question][answer]}")
    found += [f"curve: {curve}" for curve in sorted(scan.curves() - RECOMMENDED_CURVES - STRONGER_CURVES)]
    return found


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def rsa_pair(authority: Authority) -> Pair:
    """Only with such a key could a suite without forward secrecy be accepted, or ROBOT be found."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return authority.issue("localhost", file="rsa", key=key)


def tls_options(pair: Pair) -> tuple[str, ...]:
    return "--certfile", str(pair.certfile), "--keyfile", str(pair.keyfile)


@pytest.fixture(scope="module", params=["ecdsa", "rsa"])
def scan(request: pytest.FixtureRequest, authority: Authority) -> Scan:
    """Of a port with nothing but a certificate: by ECDSA and one process, by RSA and two workers."""
    ecdsa = request.param == "ecdsa"
    pair = authority.issue("localhost", file="ecdsa") if ecdsa else rsa_pair(authority)
    report = authority.directory / f"{request.param}.json"
    with serve_process(APP, *tls_options(pair), "--workers", "0" if ecdsa else "2") as running:
        found = scanned(running.address, authority, report)
    assert not running.log.lines("Traceback"), running.log.tail()
    return found


def test_it_finds_nothing(scan: Scan) -> None:
    """No old version, no suite without forward secrecy or AEAD, no weakness with a name of its own."""
    found = weaknesses(scan)
    assert not found, "\n".join(found)


def test_what_is_there_instead(scan: Scan) -> None:
    """The list above is not empty because nothing was spoken."""
    assert scan.suites("tls_1_2")
    assert "TLS_AES_128_GCM_SHA256" in scan.suites("tls_1_3")
    assert {"X25519", "secp256r1"} <= scan.curves()
    assert len(scan.results["tls_1_2_cipher_suites"]["rejected_cipher_suites"]) > 100
    for version in OLD_VERSIONS:
        assert not scan.results[f"{version}_cipher_suites"]["is_tls_version_supported"]
        assert scan.results[f"{version}_cipher_suites"]["rejected_cipher_suites"]
    assert scan.results["http_headers"]["http_error_trace"] is None


def test_tickets_resume(scan: Scan) -> None:
    """In TLS 1.2, which is the version that it tries; each time, and whichever worker accepts."""
    resumption = scan.results["session_resumption"]
    assert resumption["tls_ticket_resumption_result"] == "FULLY_SUPPORTED", resumption


def test_what_mozilla_recommends(scan: Scan) -> None:
    """Its "intermediate" configuration objects to nothing but curves stronger than those in its list."""
    curves = set(re.findall(r"'(\w+)'", scan.objections.get("tls_curves", "")))
    assert set(scan.objections) <= {"tls_curves"}, scan.objections
    assert curves <= STRONGER_CURVES


def test_a_fallback_is_refused(authority: Authority) -> None:
    """From 1.3 to 1.2 too (RFC 7507). The scanner tries 1.1, which is not to be had anyway."""
    with serve_process(APP, *tls_options(authority.issue("localhost", file="fallback"))) as running:
        address = f"127.0.0.1:{running.address[1]}"
        command = [needed("openssl", "openssl"), "s_client", "-connect", address, "-tls1_2", "-fallback_scsv"]
        done = subprocess.run(command, input=b"", capture_output=True, timeout=WAIT_S, check=False)
    assert done.returncode != 0
    assert b"inappropriate fallback" in done.stderr, done


# That it finds something where there is something


def test_weak_suites_are_found(authority: Authority) -> None:
    """A user may choose suites without AEAD or forward secrecy; then the scanner says so."""
    chosen = ("--ciphers", "ECDHE+AESGCM:ECDHE+AES:kRSA+AES")
    with serve_process(APP, *tls_options(rsa_pair(authority)), *chosen) as running:
        scan = scanned(running.address, authority, authority.directory / "weak.json")
    found = weaknesses(scan)
    assert "tls_1_2: TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA" in found
    assert "tls_1_2: TLS_RSA_WITH_AES_128_GCM_SHA256" in found
    assert "robot: robot_result is NOT_VULNERABLE_NO_ORACLE" in found
    assert "TLS_RSA_WITH_AES_128_GCM_SHA256" in scan.objections["ciphers"]


def test_old_versions_are_found(authority: Authority) -> None:
    """A program may bring a context with everything that this OpenSSL still has."""
    pair = rsa_pair(authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options |= ALLOW_CLIENT_RENEGOTIATION
    context.load_cert_chain(pair.certfile, pair.keyfile)
    server = make_server(("127.0.0.1", 0), app, ssl_context=context, threads=2)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        scan = scanned(server.server_address, authority, authority.directory / "old.json")
    finally:
        server.server_close()
        serving.join(WAIT_S)
    found = weaknesses(scan)
    assert "tls_1_0: TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA" in found
    assert "tls_1_1: TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA" in found
    assert "tls_1_2: TLS_ECDH_anon_WITH_AES_128_CBC_SHA" in found
    assert "session_renegotiation: client_renegotiations_success_count is 10" in found
    assert {"tls_versions", "ciphers"} <= set(scan.objections)
