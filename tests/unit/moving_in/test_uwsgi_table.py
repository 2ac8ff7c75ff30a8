"""The table of uWSGI's options: how many, and that each has an answer."""

from __future__ import annotations

import re

import pytest

from potstill.moving_in.mapping import Instead, Row
from potstill.moving_in.uwsgi_table import ROWS, UWSGI, application, by_path, workers
from potstill.settings import OPTIONS


def test_it_knows_the_usual_options() -> None:
    """The ones of the documentation's quick start and best practices among them; none stands there twice."""
    names = [name for row in ROWS for name in (row.name, *row.also)]
    assert len(names) == len(set(names)) == len(UWSGI) >= 300
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in names)
    usual = """
        http http-socket socket wsgi-file module callable master processes workers threads harakiri
        vacuum die-on-term max-requests buffer-size chdir home virtualenv env uid gid chmod-socket daemonize
        logto pidfile touch-reload static-map enable-threads single-interpreter need-app lazy-apps cheaper
        max-worker-lifetime reload-on-rss worker-reload-mercy disable-logging log-4xx log-5xx post-buffering
        plugins strict py-autoreload stats offload-threads limit-post listen procname-prefix cron spooler mule
    """
    assert set(usual.split()) - UWSGI.keys() == set()


def test_the_two_tables_agree() -> None:
    """What the option table says of uWSGI's names is what a file is converted to."""
    named = [
        (option.field, name.removeprefix("uwsgi: "))
        for option in OPTIONS
        for name in option.about.peers
        if name.startswith("uwsgi: ")
    ]
    assert [(UWSGI[name].ours, name) for _, name in named] == named


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_has_an_option_or_a_sentence(row: Row) -> None:
    """Or both: the sentence is for a version that does not have the option."""
    assert row.ours or row.says
    assert all(text.endswith(".") for text in (row.says, row.note) if text)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("/=shop:app", "shop:app"),
        ("/=web/app.py", "web.app:application"),
        ("=shop", "shop:application"),
        ("web/app.py", "web.app:application"),
        ("app.py", "app:application"),
        ("./app.py:made", "app:made"),
    ],
)
def test_applications_by_path(given: str, name: str) -> None:
    """A file becomes a module; what has no name in it is called `application`, as with uWSGI."""
    assert by_path(given) == name


def test_a_file_that_is_named_from_the_root() -> None:
    """Its directory is where to start."""
    with pytest.raises(Instead, match='Start Potstill in /srv/shop, and name it as app = "wsgi:app"'):
        by_path("/srv/shop/wsgi.py:app")


def test_what_is_mounted_elsewhere_has_its_own_option() -> None:
    """Named by its module, which the old configuration may not say."""
    with pytest.raises(Instead, match=r"mount = "):
        by_path("/shop=shop:app")


def test_workers_and_modules() -> None:
    """`%k` is the number of CPUs; `module` alone means its `application`."""
    assert (workers("%k"), workers("4")) == ("auto", 4)
    assert (application("shop"), application("shop:app")) == ("shop:application", "shop:app")
