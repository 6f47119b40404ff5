import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sr_arn.kernels import cache

KERNELS = Path(cache.__file__).parent
PACKAGE = KERNELS.parent


def test_the_stamp_covers_kernels_and_planes_alone(tmp_path):
    copy = tmp_path / "sr_arn"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("*.safetensors", "__pycache__"))
    noticed = set()
    for path in copy.rglob("*.py"):
        before = cache.stamp(copy)
        path.write_text(path.read_text() + "# edited\n")
        if cache.stamp(copy) != before:
            noticed.add(path.relative_to(copy))
    kernels = {path.relative_to(PACKAGE) for path in KERNELS.rglob("*.py")}
    assert noticed == kernels | {Path("planes.py")}


def test_compiled_code_depends_on_nothing_else():
    for path in (*KERNELS.rglob("*.py"), PACKAGE / "planes.py"):
        tree = ast.parse(path.read_text())
        outside = {
            alias.asname or alias.name: node.module
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "sr_arn"
            for alias in node.names
            if node.module != "sr_arn.planes" and not node.module.startswith("sr_arn.kernels.")
        }
        assert set(outside.values()) <= {"sr_arn.errors"}, path.name
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and function.decorator_list:
                used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
                assert not used & set(outside), f"{path.name}: {function.name}"


USER = """
from package.kernels.cache import compiled
from package.kernels.used import f

@compiled()
def g(pair):
    return f(pair.first)
"""
FILES = {
    "__init__.py": "",
    "naming.py": "NAME = {number}",
    "planes.py": "from typing import NamedTuple\nclass Pair(NamedTuple):\n    {fields}\n",
    "kernels/__init__.py": "",
    "kernels/user.py": USER,
    "kernels/used.py": "from numba import njit\n@njit\ndef f(x):\n    return x + {number}\n",
}
FIELDS = "first: int; second: int", "second: int; first: int"


@pytest.mark.slow  # the gate runs it; the stamp's own test is above
def test_compiled_code_is_found_again_unless_it_is_stale(tmp_path):
    package = tmp_path / "package"
    (package / "kernels").mkdir(parents=True)
    shutil.copy(cache.__file__, package / "kernels")
    numbers = dict.fromkeys(FILES, 0)

    def write(name):
        number, fields = 100 ** numbers[name], FIELDS[numbers[name] % 2]
        (package / name).write_text(FILES[name].format(number=number, fields=fields))

    def run():
        """Return the result, and how often compiled code was found on disk."""
        code = (
            "from package.kernels.user import g; from package.planes import Pair;"
            "print(g(Pair(first=1, second=5)), sum(g.stats.cache_hits.values()))"
        )
        result = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-B", "-c", code], cwd=tmp_path, capture_output=True, text=True,
            check=True, env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")},
        )  # fmt: skip
        return tuple(map(int, result.stdout.split()))

    for name in FILES:
        write(name)
    assert run() == (2, 0)
    for name, expected in (
        ("naming.py", (2, 1)),
        ("kernels/used.py", (101, 0)),
        ("naming.py", (101, 1)),
        ("planes.py", (101, 0)),
    ):
        numbers[name] += 1
        write(name)
        assert run() == expected, name


def test_compiles_where_there_is_no_cache(monkeypatch):
    def no_locator(function):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(cache, "ForgivingCache", no_locator)
    assert cache.compiled()(lambda x: x + 1)(2) == 3


CODE = (
    "import numpy as np; from sr_arn.kernels.rows import strongest as s; "
    "print(s(np.eye(3), np.eye(3)))"
)


@pytest.mark.parametrize("damage", [b"", b"\x80\x05nonsense", None], ids=["empty", "other", "none"])
def test_a_damaged_or_unwritable_cache_costs_time_only(tmp_path, damage):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", CODE]
    limit = "ulimit -f 1; " if damage is None else ""  # no file above 1 KB can be written
    for _ in range(2):
        result = subprocess.run(  # noqa: S603 - our own interpreter
            ["/bin/bash", "-c", f'trap "" XFSZ; {limit}exec "$@"', "-", *command],
            env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert (result.returncode, result.stdout) == (0, "[0 1 2]\n"), result.stderr
        files = [path for path in tmp_path.rglob("*") if path.suffix in (".nbi", ".nbc")]
        assert files or damage is None
        for path in files:
            if damage is not None:
                path.write_bytes(damage)
