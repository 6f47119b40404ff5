"""Processors whose vectors are of 128, 256 and 512 bits make the same pictures."""

import json
import os
import platform
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest
from conftest import SHIPPED
from pictures_by_vectors import MODELS, SCORES

PATIENCE = 100  # seconds to compile and enlarge, on a machine that has other work
PROCESSORS = {  # by numbers of float32 in a vector: what it needs of this one, and its names
    4: ("sse4.2", ("x86-64-v2", "+sse4.2", "Nehalem")),
    8: ("avx2", ("haswell", "+avx,+avx2,+fma,+bmi,+bmi2", "Haswell")),
    16: ("avx512f", ("", "", "")),  # this one itself
}
NAMES = "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "OPENBLAS_CORETYPE"
SCORE = 0.001  # dB


pytestmark = pytest.mark.slow  # the gate runs it: it compiles for three processors


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folders of what each kind of processor makes, by numbers of a vector."""
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("these are processors of another kind")
    present = llvm.get_host_cpu_features()
    data = Path(os.environ.get("SR_ARN_DATA") or SHIPPED.parents[1] / "shared" / "data")
    sets = [f"shipped={SHIPPED / '*.png'}"]
    sets += [f"Set5={data / 'Set5' / '*.png'}"] if (data / "Set5").is_dir() else []
    script, running = Path(__file__).with_name("pictures_by_vectors.py"), {}
    for lanes, (needed, names) in PROCESSORS.items():
        if not present.get(needed):
            continue
        folder = tmp_path_factory.mktemp(f"lanes{lanes}")
        environment = {k: v for k, v in os.environ.items() if k not in NAMES}
        environment |= {name: value for name, value in zip(NAMES, names, strict=True) if value}
        running[folder] = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, script, folder, *sets],
            env=environment | {"NUMBA_CACHE_DIR": str(folder / "numba")},
        )
    try:
        assert [process.wait(PATIENCE) for process in running.values()] == [0] * len(running)
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    folders = {json.loads((f / SCORES).read_text())["lanes"]: f for f in running}
    assert list(folders) == [n for n, (needed, _) in PROCESSORS.items() if present.get(needed)]
    if len(folders) < 2:
        pytest.skip("this processor has one length of vectors")
    return folders


@pytest.mark.parametrize(
    ("model", "share", "most"), [("conv-arn-x3", 1, 1), ("aplus-x3", 0.9999, 4)]
)
def test_pictures_are_alike(made, model, share, most):
    """Within a level of 255, but for near ties of A+, which take another anchor."""
    names = sorted(path.name for path in made[4].glob(f"{model} *.npy"))
    assert len(names) >= 3
    for one, other in combinations(made.values(), 2):
        pairs = [(np.load(one / name), np.load(other / name)) for name in names]
        levels = np.concatenate([255 * np.abs(a - b).ravel() for a, b in pairs])
        assert np.mean(levels <= 1) >= share
        assert levels.max() <= most


def test_scores_are_alike(made):
    scores = [json.loads((folder / SCORES).read_text())["psnr"] for folder in made.values()]
    assert len(scores[0]) >= len(MODELS)
    for one, other in combinations(scores, 2):
        assert one == pytest.approx(other, abs=SCORE)
