"""Files and functions that fit a reader: the two walls, for Python and for Cython."""

from __future__ import annotations

from tests.house.tree import functions, functions_in, read, relative, sources

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
# A line of Cython carries its types besides.
CYTHON_WIDTH_MAX = 120


def test_files_are_short() -> None:
    """Beyond five hundred lines there are two rooms in one file."""
    lengths = {
        relative(path): len(read(path).splitlines()) for path in sources(".py", ".pyx", ".pxd", ".pyi")
    }
    assert {path: lines for path, lines in lengths.items() if lines >= FILE_LINES_MAX} == {}


def test_functions_fit_on_a_screen() -> None:
    """Sixty lines are the wall; twenty the habit."""
    too_long = [
        f"{relative(path)}:{function.line} {function.name}: {function.lines} lines"
        for path in sources(".py", ".pyx")
        for function in functions(path)
        if function.lines >= FUNCTION_LINES_MAX
    ]
    assert too_long == []


def test_lines_of_cython_fit() -> None:
    """Ruff measures the lines of Python; nobody else measures these."""
    too_wide = [
        f"{relative(path)}:{number}"
        for path in sources(".pyx", ".pxd")
        for number, line in enumerate(read(path).splitlines(), start=1)
        if len(line) > CYTHON_WIDTH_MAX
    ]
    assert too_wide == []


MEASURED = """\
cdef class Thing:
    cdef int first(self, int a,
                   int b) except -1:
        return a

    def second(self): return 2

    def third(self, mark="("):
        # why

        return 3

cdef int declared(int a) noexcept nogil
cpdef fourth():
    return ")"
cdef int *pointer = <int *> malloc(3)
"""


def test_the_measure_of_cython_functions() -> None:
    """Heads over several lines, methods, blank lines and quoted brackets are measured as a reader would."""
    found = [(each.name, each.line, each.lines) for each in functions_in(MEASURED, cython=True)]
    assert found == [("first", 2, 3), ("second", 6, 1), ("third", 8, 4), ("fourth", 14, 2)]
