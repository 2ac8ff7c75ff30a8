"""Pages that load themselves again, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.desk.desks import ask, desk, write
from tests.support.chromium import chromium

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PAGE = """
from pathlib import Path

def app(environ, start_response):
    page = Path("templates/page.html").read_text() + "{words}"
    start_response("200 OK", [("Content-Type", "text/html"), ("ETag", '"always the same"')])
    return [page.encode()]
"""

# What the debugger's own page does when a PIN and an expression are typed into its last console.
CONSOLE = """(async () => {
  const ask = (parts) => fetch("?__debugger__=yes&s=" + SECRET + parts).then((answer) => answer.text());
  const frame = [...document.querySelectorAll(".frame")].pop().id.split("-")[1];
  await ask("&cmd=pinauth&pin=%s");
  return ask("&cmd=" + encodeURIComponent("price + 1") + "&frm=" + frame);
})()"""


def test_a_page_follows_the_code_the_template_and_the_errors(tmp_path: Path) -> None:
    """Without a hand on the browser: a view, a template, an error with its console, a syntax error."""
    (tmp_path / "templates").mkdir()
    write(tmp_path, "templates/page.html", "<h1>Cellar</h1>")
    write(tmp_path, "shop.py", PAGE.format(words="one"))
    with desk(tmp_path, "--live-reload") as server, chromium(tmp_path) as tab:
        tab.open(f"http://127.0.0.1:{server.address[1]}/")
        assert tab.wait_for_text("one").startswith("Cellar")
        write(tmp_path, "shop.py", PAGE.format(words="two"))
        tab.wait_for_text("two")
        write(tmp_path, "templates/page.html", "<h1>Attic</h1>")
        tab.wait_for_text("Attic")
        write(tmp_path, "shop.py", "def app(environ, start_response):\n    price = 41\n    return [1 / 0]\n")
        tab.wait_for_text("ZeroDivisionError")
        pin = server.log.wait_for(r"debugger PIN: [\d-]+$").rpartition(" ")[2]
        assert ">42<" in tab.answer(CONSOLE % pin)
        write(tmp_path, "shop.py", "app = (\n")
        tab.wait_for_text("SyntaxError")
        write(tmp_path, "shop.py", PAGE.format(words="three"))
        tab.wait_for_text("three")
        loads = tab.loads
        assert tab.text()  # another word with the browser: no load came meanwhile
        assert tab.loads == loads


def test_without_the_option_there_is_no_script(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    write(tmp_path, "templates/page.html", "")
    write(tmp_path, "shop.py", PAGE.format(words="one"))
    with desk(tmp_path) as server:
        assert ask(server.address)[1] == b"one"
