"""What the documentation says of the tests is so."""

import re
import runpy
from importlib.util import find_spec

import pytest
from conftest import ROOT

from sr_arn.pictures.formats import FORMATS

PAGE = (ROOT / "docs" / "pictures.md").read_text()
LABEL = r"[A-Za-z](?:[0-9]+|[a-z])?"
TESTS = dict(
    re.findall(rf"^\| ({LABEL}) \| `(\w+/test_\w+\.py::test_\w+)` \|$", PAGE, re.MULTILINE)
)
GROUP = rf"\(((?:{LABEL}, )*{LABEL})\)"
"""Labels of tests: letters, and more characters where those are taken."""


def test_every_test_that_is_named_is_there():
    assert len(TESTS) > 30
    for name in TESTS.values():
        file, _, function = name.partition("::")
        assert f"\ndef {function}(" in (ROOT / "tests" / file).read_text(), name


def test_every_cell_of_the_tables_names_its_test():
    kinds, formats = (PAGE.partition(f"## {title}\n")[2].partition("\n- ")[0] for title in (
        "Kinds of pixels", "Formats"))  # fmt: skip
    for table, first in ((kinds, 2), (formats, 1)):
        rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")]
        for row in rows[1:]:
            for cell in row[first:]:
                named = re.search(GROUP + "$", cell.strip())
                assert named or cell.strip() in ("", "none"), cell
                assert set(named[1].split(", ")) <= set(TESTS) if named else True


def test_every_format_has_its_row():
    table = PAGE.partition("## Formats\n")[2].partition("\n- ")[0]
    assert re.findall(r"^\| ([^|]+?) \|", table, re.MULTILINE) == [known.name for known in FORMATS]


def test_every_letter_is_used():
    text = PAGE.partition("## Tests")[0]
    used = {label for group in re.findall(GROUP, text) for label in group.split(", ")}
    assert used == set(TESTS)


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", [p for p in PAGES if "```python" in p.read_text()], ids=str)
def test_python_of_the_pages_runs(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        for package in ("torch", "upath"):
            if find_spec(package) is None and package in block:
                pytest.skip(f"{package} is not installed")
        exec(block, names)  # noqa: S102 - our own


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_and_pictures_of_the_pages_are_there(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "index.md").read_text()
    listed = set(re.findall(r"^(\w+)$", index, re.MULTILINE))
    assert {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"} == listed


def test_the_reference_is_made_of_the_public_names():
    pytest.importorskip("torch", reason='needs the extra "torch"')
    made = runpy.run_path(str(ROOT / "docs" / "api.py"))["page"]()
    assert (ROOT / "docs" / "api.md").read_text() == made, "run python docs/api.py"
