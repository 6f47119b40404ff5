import hashlib
import re

from conftest import SHIPPED


def test_every_shipped_file_is_described_with_its_hash():
    described = dict(
        re.findall(r"\| `(\S+)` .*`([0-9a-f]{64})`", (SHIPPED / "README.md").read_text())
    )
    files = {path.name: path for path in SHIPPED.iterdir() if path.name != "README.md"}
    assert files
    hashes = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    assert hashes == described
