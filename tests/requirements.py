"""`make requirements`: the thesis' requirements, each with the tests that show it: docs/requirements.md.

A test says which it shows: `@pytest.mark.requirement("FR4")`.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "requirements.md"

FUNCTIONAL = {
    "FR1": "TensorFlow models are loaded and served",
    "FR2": "What goes into a model is checked, transformed and normalised first",
    "FR3": "What comes out of it is made readable for whoever asked",
    "FR4": "Whoever asks has to log in, and may no more than was granted",
    "FR5": "Forecasts are asked for over an API",
    "FR6": "It runs in containers on one machine",
    "FR7": "It runs at a cloud provider",
    "FR8": "Several models are served and managed at a time",
}
NON_FUNCTIONAL = {
    "NFR1": "An answer takes less than 3 seconds, or there is an error by then",
    "NFR2": "Nobody on the way reads or changes what is sent",
    "NFR3": "It is built on what many use and look after",
}
SECURITY = {
    "6.4 Invalid password": "No token is given",
    "6.4 Invalid JWT": "Access is denied",
    "6.4 HTTP request instead of HTTPS": "The connection is refused",
}
OPEN = {
    "FR7": "Not shown: it was run in no cloud. What would be deployed is checked without one: "
    "`make check-deploy`, [deploy/azure](../deploy/azure/README.md).",
}
"""What no test shows so far, and why."""

_TABLES = {
    "Functional requirements (Table 6.5)": FUNCTIONAL,
    "Non-functional requirements (Table 6.6)": NON_FUNCTIONAL,
    "Security tests (Table 6.4)": SECURITY,
}


def shown() -> dict[str, list[str]]:
    """The tests that show each requirement, as FILE::NAME."""
    found: dict[str, list[str]] = {}
    for file in sorted(TESTS.rglob("test_*.py")):
        for test in ast.walk(ast.parse(file.read_text())):
            if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef):
                for requirement in _marked(test):
                    found.setdefault(requirement, []).append(f"{file.relative_to(TESTS.parent)}::{test.name}")
    return found


def _marked(test: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for mark in test.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.requirement":
            yield from (ast.literal_eval(argument) for argument in mark.args)


def page() -> str:
    """All of them as Markdown."""
    tests = shown()
    parts = [
        "# Requirements\n",
        "What the thesis asks for in its chapter 3 and checks in its chapter 6, and the tests that show it "
        "here. Made by `make requirements` from the tests' own marks.\n",
    ]
    for title, requirements in _TABLES.items():
        parts += [f"## {title}\n", _table(requirements, tests)]
    return "\n".join(parts)


def _table(requirements: Mapping[str, str], tests: Mapping[str, list[str]]) -> str:
    rows = ["| | | shown by |", "| --- | --- | --- |"]
    for requirement, text in requirements.items():
        links = [_link(test) for test in tests.get(requirement, ())]
        by = "<br>".join(links) or OPEN[requirement]
        rows.append(f"| {requirement.removeprefix('6.4 ')} | {text} | {by} |")
    return "\n".join([*rows, ""])


def _link(test: str) -> str:
    file, _, name = test.partition("::")
    return f"[`{name}`](../{file})"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(PAGE)  # noqa: T201 - a command
