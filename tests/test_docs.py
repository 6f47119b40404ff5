"""What the documentation says of the tests is so."""

import re
import string

from conftest import ROOT

PAGE = (ROOT / "docs" / "pictures.md").read_text()
TESTS = dict(re.findall(r"^\| (\w) \| `(test_\w+\.py::test_\w+)` \|$", PAGE, re.MULTILINE))


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
                named = re.search(r"\(((?:\w, )*\w)\)$", cell.strip())
                assert named or cell.strip() in ("", "none"), cell
                assert set(named[1].split(", ")) <= set(TESTS) if named else True


def test_every_letter_is_used():
    text = PAGE.partition("## Tests")[0]
    used = {letter for group in re.findall(r"\(((?:\w, )*\w)\)", text) for letter in group}
    assert used - {",", " "} == set(TESTS) <= set(string.ascii_letters)
