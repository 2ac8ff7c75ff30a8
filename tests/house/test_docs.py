"""The pages that people read say what is so: every option, every link, every make target."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from potstill.core.refusals import REFUSALS
from potstill.settings import OPTIONS, Option
from tests.house.tree import PACKAGE, ROOT, read, relative

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "changes").glob("*.md")),
]
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_is_in_the_docs(option: Option) -> None:
    """docs/settings.md has a row for each option; the one without a flag is there as `APP`."""
    name = option.about.kind.metavar if option.positional else option.flag
    assert f"`{name}`" in read(ROOT / "docs" / "settings.md")


def test_every_refusal_is_in_the_docs() -> None:
    """Whoever finds the name of a rule in a log finds it in docs/http.md too."""
    named = set(re.findall(r"`([a-z][a-z0-9.]*(?:-[a-z0-9.]+)+|[a-z]+)`", read(ROOT / "docs" / "http.md")))
    rules = {refusal.rule for refusal in REFUSALS if refusal is not None}
    assert rules - named == set()


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to a file of ours points at a file that is there."""
    targets = [
        target for target in _LINK.findall(read(page)) if "://" not in target and "mailto:" not in target
    ]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_can_be_found_from_the_readme() -> None:
    """A page nobody links to is a page nobody reads."""
    linked: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        linked.add(page)
        targets = {
            (page.parent / target).resolve() for target in _LINK.findall(read(page)) if "://" not in target
        }
        ahead += [target for target in targets - linked if target.suffix == ".md"]
    assert [relative(page) for page in sorted((ROOT / "docs").glob("*.md")) if page not in linked] == []


def test_the_map_shows_every_room() -> None:
    """docs/ARCHITECTURE.md names every file of the house, and no file that is gone."""
    page = read(ROOT / "docs" / "ARCHITECTURE.md")
    drawing = re.search(r"^```text\npotstill/\n(.*?)^```", page, re.M | re.S)
    assert drawing
    drawn = set(re.findall(r"^ +([\w./]+)", drawing[1], re.M))
    top = {path.name + "/" * path.is_dir() for path in PACKAGE.iterdir() if path.suffix in {".py", ""}}
    core = {path.stem for path in PACKAGE.glob("core/*.pyx")}
    core |= {path.name for path in PACKAGE.glob("core/[!_]*.py")}
    assert drawn == (top | core) - {"__pycache__/"}


def test_the_make_targets_that_pages_name_exist() -> None:
    """`make something` in a page is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", read(ROOT / "Makefile"), re.M))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z]+)", read(page))}
    assert named <= targets


def test_change_notes_are_named_after_their_issue() -> None:
    """changes/<issue>.<kind>.md: one sentence a file, as changes/README.md says."""
    kinds = "feature|fix|security|removal|docs"
    notes = [path for path in (ROOT / "changes").glob("*.md") if path.name != "README.md"]
    assert [path.name for path in notes if not re.fullmatch(rf"\d+\.({kinds})\.md", path.name)] == []
