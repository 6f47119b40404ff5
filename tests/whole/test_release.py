"""A release is complete: wheel and sdist are built, and tried from the built files."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, SHIPPED, opened

pytestmark = pytest.mark.slow

LARGEST = 35e6  # bytes of the wheel
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
BESIDE = {"LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.cfg"}  # in the sdist


def run(*command, **options):
    """Return what a program prints, or fail with all of it."""
    result = subprocess.run(  # noqa: S603 - our own
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False, env=ENVIRONMENT, **options,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    return result.stdout


def tracked(*paths):
    """Return the files of the repository, or those below some paths."""
    return set(run("git", "ls-files", "-z", *paths, cwd=ROOT).rstrip("\0").split("\0"))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the sdist that it is built from, made of the tracked files alone."""
    source, dist = (tmp_path_factory.mktemp(name) for name in ("source", "dist"))
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    run(sys.executable, "-m", "build", "--outdir", dist, source)
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    return wheel, sdist


def test_the_wheel_holds_the_package_and_nothing_else(built):
    wheel, _ = built
    assert wheel.stat().st_size < LARGEST
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (licence,) = (name for name in archive.namelist() if name.endswith("/licenses/LICENSE"))
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert names == tracked("sr_arn")
    assert "sr_arn/weights/CREDITS.md" in names


def test_the_sdist_holds_the_package_and_what_builds_it(built):
    with tarfile.open(built[1]) as archive:
        paths = [Path(member.name) for member in archive if member.isfile()]
    names = {path.relative_to(path.parts[0]).as_posix() for path in paths}
    made = {name for name in names if name == "PKG-INFO" or name.startswith("sr_arn.egg-info/")}
    assert names - made == tracked("sr_arn") | BESIDE


def test_the_readme_renders(built):
    run(sys.executable, "-m", "twine", "check", "--strict", *built)


def test_the_wheel_enlarges_without_torch(built, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    programs = tmp_path / "venv" / "bin"
    run(programs / "pip", "install", "-q", built[0])
    output = tmp_path / "coffee_x3.png"
    run(programs / "sr-arn", "upscale", SHIPPED / "coffee.png", "-o", output, cwd=tmp_path)
    assert opened(output).size == (1800, 1200)
    code = 'from importlib.util import find_spec as f; print(f("sr_arn").origin, f("torch"))'
    package, torch = run(programs / "python", "-c", code, cwd=tmp_path).split()
    assert Path(package).is_relative_to(tmp_path)
    assert torch == "None"
