import itertools
import json
import pickle
import struct

import numpy as np
import pytest
from safetensors.numpy import save

from sr_arn import InputError, load_model, save_model
from sr_arn.models.files import BUNDLED, bundled_models, read_header
from sr_arn.system.safetensors_header import LARGEST_HEADER

NAME = "aplus-x2"


@pytest.fixture(scope="module")
def data():
    return (BUNDLED / f"{NAME}.safetensors").read_bytes()


OF_ONE_SCALE = {"global-arn-x3", "arn-x3"}


@pytest.fixture(scope="module")
def header():
    return read_header(BUNDLED / f"{NAME}.safetensors")


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    return {
        "features.projection": rng.normal(size=(6, 81)).astype(np.float32),
        "regressor.anchors": rng.normal(size=(4, 6)).astype(np.float32),
        "regressor.projections": rng.normal(size=(4, 6, 36)).astype(np.float16),
    }


@pytest.fixture
def write(tmp_path, arrays, header):
    """Write a small model with some arrays or header fields changed (None: left out)."""

    def write(changed_arrays=None, **changed_fields):
        path = tmp_path / "small.safetensors"
        kept = {k: v for k, v in {**arrays, **(changed_arrays or {})}.items() if v is not None}
        fields = {k: v for k, v in {**header, **changed_fields}.items() if v is not None}
        path.write_bytes(save(kept, metadata={"sr_arn": json.dumps(fields)}))
        return path

    return write


def test_the_box_holds_a_model_for_every_scale_of_the_tables():
    kinds = ("aplus-x{}", "deep-arn-x{}", "conv-arn-x{}-tiny", "conv-arn-x{}", "conv-arn-x{}-91")
    expected = {kind.format(scale) for kind in kinds for scale in (2, 3, 4)}
    assert set(bundled_models()) == expected | OF_ONE_SCALE
    for name in bundled_models():
        upscaler = load_model(name)
        plain = name.removesuffix("-91").removesuffix("-tiny")
        assert plain == f"{upscaler.model.name}-x{upscaler.scale}"
        assert upscaler.header["time"]["seconds"] > 0
        assert set(upscaler.header["scores"]) == {"Set5", "Set14", "B100"}
        assert upscaler.header["licence"] == "BSD-3-Clause"
        assert len(upscaler.header["training"]["digest"]) == 64


# What A+ must reach with our own K-SVD, in dB; published: 36.55 / 32.28 / 31.21 at x2,
# 32.59 / 29.13 / 28.29 at x3, 30.28 / 27.32 / 26.82 at x4. The three forms of ARN must pass
# what was published of them at x3: 32.69 / 29.20 / 28.32, 32.89 / 29.31 / 28.38 (ours is 0.001 and
# 0.006 dB above the first two, and 0.029 and 0.014 short of the 32.92 and 29.33 that we aimed at)
# and 33.01 / 29.37 / 28.45.
@pytest.mark.parametrize(
    ("name", "floors"),
    [
        ("aplus-x2", {"Set5": 36.50, "Set14": 32.22, "B100": 31.15}),
        ("aplus-x3", {"Set5": 32.53, "Set14": 29.09, "B100": 28.27}),
        ("aplus-x4", {"Set5": 30.23, "Set14": 27.28, "B100": 26.78}),
        ("global-arn-x3", {"Set5": 32.72, "Set14": 29.22, "B100": 28.34}),
        ("arn-x3", {"Set5": 32.89, "Set14": 29.31, "B100": 28.40}),
        ("deep-arn-x3", {"Set5": 33.05, "Set14": 29.40, "B100": 28.48}),
        ("conv-arn-x3-tiny", {"Set5": 33.66, "Set14": 29.77, "B100": 28.80}),
        ("conv-arn-x3-91", {"Set5": 33.82, "Set14": 29.82, "B100": 28.84}),
        ("conv-arn-x2-91", {"Set5": 37.53, "Set14": 33.03, "B100": 31.90}),
        ("conv-arn-x2", {"Set5": 37.74, "Set14": 33.30, "B100": 31.96}),
        ("conv-arn-x3", {"Set5": 33.99, "Set14": 29.96, "B100": 28.89}),
        ("conv-arn-x4", {"Set5": 31.55, "Set14": 28.22, "B100": 27.33}),
    ],
)
def test_the_box_reaches_the_published_quality(name, floors):
    scores = load_model(name).header["scores"]
    assert all(scores[name]["psnr"] >= floor for name, floor in floors.items())


def test_each_form_of_arn_beats_the_one_before():
    names = ("aplus-x3", "global-arn-x3", "arn-x3", "deep-arn-x3")
    scores = [load_model(name).header["scores"] for name in names]
    for weaker, stronger in itertools.pairwise(scores):
        assert all(stronger[s]["psnr"] > weaker[s]["psnr"] for s in ("Set5", "Set14", "B100"))


def test_saved_again_it_is_the_same_file(tmp_path, data):
    upscaler = load_model(NAME)
    header = upscaler.header
    fields = {name: header[name] for name in ("licence", "scores", "time")}
    save_model(tmp_path / "again.safetensors", upscaler, **fields)
    assert (tmp_path / "again.safetensors").read_bytes() == data


def test_a_small_model_works(write):
    assert load_model(write()).upscale(np.zeros((9, 9), np.uint8)).shape == (18, 18)


def test_by_default_the_best_model_of_the_scale():
    for scale in (2, 3, 4):
        usual = [name for name in bundled_models(scale) if "-large" not in name]
        headers = [load_model(name).header for name in usual]
        best = max(header["scores"]["B100"]["psnr"] for header in headers)
        assert load_model(None, scale=scale).header["scores"]["B100"]["psnr"] == best


ARN_SETTINGS = {"similarity": "abs_cosine", "sharpness": 3.0, "rank": 2, "components": 5}


def arn_arrays(rng, rank=2, m=4):
    return {
        "regressor.projections": None,
        "regressor.mixing": rng.normal(size=(m, rank)).astype(np.float32),
        "regressor.basis": rng.normal(size=(5, 36)).astype(np.float32),
        "regressor.weight": rng.normal(size=(rank, 5, 6)).astype(np.float32),
        "regressor.bias": rng.normal(size=(rank, 5)).astype(np.float32),
        "regressor.intercept": rng.normal(size=36).astype(np.float32),
    }


def test_settings_decide_the_arrays(write):
    rng = np.random.default_rng(0)
    path = write(arn_arrays(rng), regressor="arn", settings=ARN_SETTINGS)
    loaded = load_model(path)
    assert loaded.model.regressor.sharpness == 3.0
    assert loaded.upscale(np.zeros((9, 9), np.uint8)).shape == (18, 18)
    path = write(arn_arrays(rng), regressor="arn", settings=ARN_SETTINGS | {"rank": None})
    with pytest.raises(InputError, match=r"expected shape \[4, 5, 6\], received \[2, 5, 6\]"):
        load_model(path)
    path = write(arn_arrays(rng), regressor="arn", settings=ARN_SETTINGS | {"components": None})
    with pytest.raises(InputError, match=r"expected shape \[2, 36, 6\], received \[2, 5, 6\]"):
        load_model(path)


@pytest.mark.parametrize(
    "settings",
    [
        None,
        "abs_cosine",
        {},
        ARN_SETTINGS | {"layers": 3},
        ARN_SETTINGS | {"rank": -1},
        ARN_SETTINGS | {"rank": "2"},
        ARN_SETTINGS | {"components": 0},
        ARN_SETTINGS | {"sharpness": float("nan")},
        ARN_SETTINGS | {"sharpness": [1]},
        ARN_SETTINGS | {"sharpness": 10**400},
        ARN_SETTINGS | {"sharpness": True},
        ARN_SETTINGS | {"similarity": ["dot"]},
        ARN_SETTINGS | {"similarity": "magic"},
    ],
)
def test_settings_are_checked(write, settings):
    path = write(arn_arrays(np.random.default_rng(0)), regressor="arn", settings=settings)
    with pytest.raises(InputError, match=r"small\.safetensors: header field 'settings'"):
        load_model(path)


def test_a_deep_model_there_and_back(tmp_path):
    pytest.importorskip("torch", reason='needs the extra "torch"')
    from sr_arn.models.features import GradientFeatures
    from sr_arn.models.patch import PatchModel
    from sr_arn.regressors import DeepARNRegressor
    from sr_arn.upscaling.upscaler import Upscaler

    rng = np.random.default_rng(0)
    features = GradientFeatures(2).fit([rng.random((20, 20)).astype(np.float32)])
    d = len(features.projection_)
    x = rng.normal(size=(100, d)).astype(np.float32)
    for layers in (1, 3):
        regressor = DeepARNRegressor(anchors=2, layers=layers, epochs=1)
        regressor.fit(x, rng.normal(size=(100, 36)).astype(np.float32))
        save_model(tmp_path / "d.safetensors", Upscaler(PatchModel(features, regressor)))
        loaded = load_model(tmp_path / "d.safetensors").model.regressor
        assert loaded.layers == layers
        np.testing.assert_array_equal(loaded.predict(x), regressor.predict(x))


def test_the_number_of_layers_is_that_of_the_header(write):
    draw = lambda *shape: np.ones(shape, np.float32)  # noqa: E731 - shorter so
    arrays = {
        "regressor.projections": None,
        "regressor.hidden_anchors": draw(2, 4, 6),
        "regressor.hidden_weight": draw(2, 4, 6, 6),
        "regressor.hidden_bias": draw(2, 4, 6),
        "regressor.weight": draw(4, 36, 6),
        "regressor.bias": draw(4, 36),
        "regressor.intercept": draw(36),
    }
    settings = {"layers": 3, "similarity": "abs_dot", "sharpness": 1.0}
    assert load_model(write(arrays, regressor="deep-arn", settings=settings)).scale == 2
    for layers in (2, 4, 10**12):
        path = write(arrays, regressor="deep-arn", settings=settings | {"layers": layers})
        with pytest.raises(InputError, match=r"expected shape \["):
            load_model(path)


def test_names_paths_and_scales(tmp_path, write):
    assert load_model().scale == load_model("bicubic").scale == 3
    assert load_model().model.sizes == load_model("conv-arn-x3").model.sizes
    assert [load_model(scale=scale).name for scale in (2, 3, 4)] == [
        f"conv-arn-x{scale}" for scale in (2, 3, 4)
    ]
    assert load_model("bicubic", scale=7).scale == 7
    assert load_model(str(write()), scale=2).scale == 2
    with pytest.raises(
        InputError, match="scale: the model aplus-x2 is for 2, received 3; bundled are"
    ):
        load_model("aplus-x2", scale=3)
    with pytest.raises(InputError, match=r"scale: expected one of 2, .*, received 5; bundled are"):
        load_model(scale=5)
    with pytest.raises(InputError, match="model: nonsense is neither a file nor bundled"):
        load_model("nonsense")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        load_model(tmp_path)
    with pytest.raises(InputError, match="model: expected a trained one, received bicubic"):
        save_model(tmp_path / "b.safetensors", load_model("bicubic"))


def test_cut_off_anywhere(tmp_path, data):
    path = tmp_path / "cut.safetensors"
    for length in [0, 1, 7, 8, 9, *(len(data) * tenth // 10 for tenth in range(1, 10)), -1]:
        path.write_bytes(data[:length])
        with pytest.raises(InputError, match=r"^model .*cut\.safetensors: "):
            load_model(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"weights": list(range(99))}), "is a pickle or PyTorch file"),
        (b"PK\x03\x04" + bytes(99), "is a pickle or PyTorch file"),
        (b"text of any other kind", "is no safetensors file"),
        (struct.pack("<Q", 2**63) + bytes(99), "is no safetensors file"),
        (struct.pack("<Q", LARGEST_HEADER + 1) + bytes(LARGEST_HEADER + 9), "no safetensors file"),
        (struct.pack("<Q", 20_000) + b"[" * 20_000, "has no 'sr_arn' entry"),
        (save({"a": np.zeros(3)}), "has no 'sr_arn' entry"),
        (save({"a": np.zeros(3)}, {"sr_arn": "{"}), "has no 'sr_arn' entry"),
        (save({"a": np.zeros(3)}, {"sr_arn": "[]"}), "expected format version 1, received None"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_model(tmp_path / "other")


@pytest.mark.parametrize(
    "fields",
    [
        {"format_version": 2},
        {"kind": "magic"},
        {"regressor": "os.system"},
        {"regressor": ["aplus"]},
        {"scale": 0},
        {"scale": True},
        {"scale": "2"},
        {"scale": 10**9},
        {"features": {"energy": float("nan")}},
        {"features": [1]},
        {"scores": 3},
        {"training": None},
        {"licence": None},
    ],
)
def test_header_fields_are_checked(write, fields):
    (field,) = fields
    expected = (
        r"expected format version 1" if field == "format_version" else f"header field '{field}'"
    )
    with pytest.raises(InputError, match=expected):
        load_model(write(**fields))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"regressor.anchors": None}, "the array 'regressor.anchors' is missing"),
        ({"regressor.anchors": np.zeros((4, 7), np.float32)}, r"expected shape \[4, 6\]"),
        ({"regressor.anchors": np.zeros((5, 6), np.float32)}, r"expected shape \[5, 6, 36\]"),
        ({"regressor.projections": np.zeros((4, 6, 81), np.float16)}, r"shape \[4, 6, 36\]"),
        ({"features.projection": np.zeros((6, 80), np.float32)}, r"expected shape \[6, 81\]"),
        ({"features.projection": np.zeros((0, 81), np.float32)}, r"received \[0, 81\]"),
        ({"features.projection": np.zeros((6, 81), np.float64)}, "is of dtype F64"),
        ({"regressor.anchors": np.full((4, 6), np.inf, np.float32)}, "has entries above 1e\\+06"),
    ],
)
def test_arrays_are_checked(write, changed, message):
    with pytest.raises(InputError, match=message):
        load_model(write(changed))


def test_control_characters_of_a_file_do_not_reach_the_terminal(write):
    with pytest.raises(InputError) as error:
        load_model(write(kind="\x1b[31mred\n"))
    assert str(error.value).isprintable()
