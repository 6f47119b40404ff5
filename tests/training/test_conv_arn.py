import json

import numpy as np
import pytest
from conftest import random_network
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from sr_arn import (
    InputError,
    UnavailableError,
    imresize,
    load_model,
    psnr_y,
    save_model,
    train_upscaler,
)
from sr_arn.models import conv_details
from sr_arn.models.conv import ConvModel
from sr_arn.models.refine import SelfEnsemble
from sr_arn.planes import Rim
from sr_arn.training.conv_arn import ConvARN
from sr_arn.upscaling.upscaler import Upscaler

SMALL = {
    "channels": 12,
    "layers": 2,
    "anchors": 3,
    "crop": 16,
    "batch_size": 4,
    "device": "cpu",
}


@pytest.fixture(autouse=True)
def short_epochs(monkeypatch):
    monkeypatch.setattr("sr_arn.training.conv_arn.BATCHES", 10)


@pytest.fixture(scope="module")
def model():
    return random_network(3, 10, 2, 3, 0.1)


@pytest.fixture
def path(tmp_path, model):
    save_model(tmp_path / "m.safetensors", Upscaler(model))
    return tmp_path / "m.safetensors"


def test_a_file_gives_the_model_but_for_float16(path, model, planes):
    lr = imresize(planes[0][:90, :120], 1 / 3)
    loaded = load_model(path).model
    assert isinstance(loaded, ConvModel)
    assert loaded.sizes == {"channels": 10, "layers": 4, "anchors": 3}
    details = model(lr) - imresize(lr, 3)
    np.testing.assert_allclose(loaded(lr), model(lr), atol=0.01 * np.abs(details).max())


def rewrite(path, arrays=None, **fields):
    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["sr_arn"]) | fields
    save_file(arrays or load_file(path), path, metadata={"sr_arn": json.dumps(header)})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"regressor": "aplus"}, "header field 'regressor' is aplus"),
        ({"kind": "patch"}, "header field 'regressor' is conv-arn"),
        ({"kind": ["conv"]}, r"header field 'kind' is \['conv'\]"),
        ({"scale": 2}, r"array 'last_weight': expected shape \[3, 4, 10, 3, 3\]"),
        ({"scores": {"Set5": {"psnr": "x"}}}, "header field 'scores' is"),
    ],
)
def test_headers_are_checked(path, fields, message):
    rewrite(path, **fields)
    with pytest.raises(InputError, match=message):
        load_model(path)


@pytest.mark.parametrize("name", sorted(ConvModel.array_axes))
def test_arrays_are_checked(path, name):
    arrays = load_file(path)
    bad = arrays[name][:-1] if len(arrays[name]) > 1 else arrays[name][:0]
    if name not in ("pair_weight", "first_weight"):  # the first to be seen sets the length
        rewrite(path, arrays | {name: bad})
        with pytest.raises(InputError, match=r"array '\w+': expected shape"):
            load_model(path)
    rewrite(path, {other: array for other, array in arrays.items() if other != name})
    with pytest.raises(InputError, match=f"the array '{name}' is missing"):
        load_model(path)


@pytest.mark.parametrize(("letter", "length"), [("p", 65), ("c", 513), ("m", 257)])
def test_monstrous_networks_are_refused(path, letter, length):
    arrays = {}
    for name, axes in ConvModel.array_axes.items():
        lengths = {"c": 1, "p": 1, "z": 2, "m": 1, "t": 9, "3": 3, letter: length}
        arrays[name] = np.zeros([lengths[axis] for axis in axes], np.float16)
    rewrite(path, arrays)
    with pytest.raises(InputError, match="expected shape"):
        load_model(path)


def test_networks_that_overflow_are_refused(path):
    large = {name: np.full_like(array, 3e4) for name, array in load_file(path).items()}
    rewrite(path, large)
    with pytest.raises(InputError, match="weights are too large"):
        load_model(path)


def test_entries_too_large_for_float16_are_kept(tmp_path, model):
    arrays = {name: array.copy() for name, array in model.arrays.items()}
    arrays["pair_weight"][0, 0, 0, 0] = 1e5
    arrays["pair_weight"][:, 1] = 0
    save_model(tmp_path / "m.safetensors", Upscaler(ConvModel(3, arrays)))
    assert load_model(tmp_path / "m.safetensors").model.arrays["pair_weight"].max() == 1e5


def test_flat_areas_keep_their_level(model):
    side = 2 * model.reach + 5
    for level in (0.0, 0.3, 1 / 3, 1.0):
        hr = model(np.full((side, side), level, np.float32))
        inner = hr[model.reach * 3 : -model.reach * 3, model.reach * 3 : -model.reach * 3]
        np.testing.assert_allclose(inner, level, atol=1e-7)


@pytest.mark.parametrize("rim", [(0, 0, 0, 0), (9, 9, 9, 9), (0, 30, 2, 5), (7, 0, 0, 19)])
@pytest.mark.parametrize("height", [1, 15, 16, 17, 70])
def test_rows_at_a_time_and_rim_do_not_change_a_bit(monkeypatch, model, height, rim):
    lr = np.random.default_rng(0).uniform(size=(sum(rim[:2]) + height, 40)).astype(np.float32)
    found = model(lr, Rim(*rim))
    monkeypatch.setattr(conv_details, "ROWS", 1000)
    np.testing.assert_array_equal(found, Rim(*rim).cut(model(lr), 3))


# --- training ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason='needs the extra "torch"')


def test_torch_gives_the_same_but_for_rounding(torch, model):
    lr = np.random.default_rng(0).uniform(size=(33, 28)).astype(np.float32)
    upscaler = Upscaler(model)
    by_torch, precise = upscaler.to("cpu"), []
    by_torch.model.network.register_forward_pre_hook(
        lambda *_: precise.append(not torch.backends.cudnn.allow_tf32)
    )
    for border in ("full", "paper"):
        found, expected = (u.upscale_luminance(lr, border) for u in (by_torch, upscaler))
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert by_torch.model.reach == model.reach
    assert precise
    assert all(precise)
    assert torch.backends.cudnn.allow_tf32  # as it was


@pytest.mark.parametrize("upscaler", [load_model("bicubic"), load_model("aplus-x3").refined(True)])
def test_other_models_do_not_run_by_torch(upscaler):
    with pytest.raises(InputError, match=r"device: .* runs on the CPU only"):
        upscaler.to("cpu")


def test_a_device_that_is_not_there(torch, model):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(UnavailableError, match="device: there is no CUDA device"):
        Upscaler(model).to("cuda")


def test_learns_more_than_bicubic_from_a_shipped_picture(torch, planes, monkeypatch):
    monkeypatch.setattr("sr_arn.training.conv_arn.BATCHES", 40)
    hr = planes[2][:240, :240]
    lr = imresize(hr, 1 / 3)
    model = ConvARN(**SMALL, epochs=4).fit([planes[0], planes[1]], 3).model_
    ours, bicubic = (psnr_y(hr, up, 3) for up in (model(lr), imresize(lr, 3)))
    assert ours > bicubic + 0.3


@pytest.mark.usefixtures("two_threads")
def test_the_same_seed_gives_the_same_model(torch, planes):
    def trained(seed):
        return ConvARN(**SMALL, epochs=1, random_state=seed).fit(planes[:1], 2).model_.arrays

    one, same, other = trained(0), trained(0), trained(1)
    for name in one:
        np.testing.assert_array_equal(one[name], same[name])
    assert not np.array_equal(one["pair_weight"], other["pair_weight"])


def test_stopped_and_resumed_it_ends_the_same(torch, planes, tmp_path):
    whole = ConvARN(**SMALL, epochs=3).fit(planes[:1], 2).model_
    looks = []

    def stop(progress):
        if progress.epoch_ended:
            looks.append(stopped.model_.arrays)
        if len(looks) == 2:
            raise KeyboardInterrupt

    stopped = ConvARN(**SMALL, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(planes[:1], 2, observe=stop, checkpoint=tmp_path / "c.safetensors")
    assert not np.array_equal(looks[0]["pair_weight"], looks[1]["pair_weight"])
    resumed = ConvARN(**SMALL, epochs=3).fit(planes[:1], 2, resume=tmp_path / "c.safetensors")
    for name, array in whole.arrays.items():
        np.testing.assert_array_equal(resumed.model_.arrays[name], array)
    with pytest.raises(InputError, match="is of another data"):
        ConvARN(**SMALL, epochs=3).fit(planes[1:2], 2, resume=tmp_path / "c.safetensors")


def test_starts_from_another_model(torch, planes):
    first = ConvARN(**SMALL, epochs=1).fit(planes[:1], 3).model_
    options = SMALL | {"layers": 4, "epochs": 1, "learning_rate": 1e-12}
    longer = ConvARN(**options, start=first).fit(planes[:1], 3).model_
    lr = imresize(planes[1][:90, :120], 1 / 3)
    np.testing.assert_allclose(longer(lr), first(lr), atol=1e-6)


def test_starts_from_a_model_that_does_not_turn(torch, planes, caplog):
    first = random_network(3, 12, 1, 3, 0.05)
    options = SMALL | {"epochs": 1, "learning_rate": 1e-12}
    same = ConvARN(**options, start=first).fit(planes[:1], 3).model_
    lr = imresize(planes[1][:90, :120], 1 / 3)
    np.testing.assert_allclose(same(lr), first(lr), atol=1e-6)
    assert "start: the model does not turn with the picture" in caplog.text


def test_imitates_a_teacher(torch, planes):
    lr = imresize(planes[1][:90, :120], 1 / 3)
    teacher = random_network(3, 4, 1, 2, 0.3)
    wanted = SelfEnsemble(teacher)(lr) - imresize(lr, 3)

    def distance(**options):
        options = SMALL | {"epochs": 6, "learning_rate": 0.01} | options
        found = ConvARN(**options).fit([planes[0], planes[2]], 3).model_(lr) - imresize(lr, 3)
        return np.square(found - wanted).mean() / np.square(wanted).mean()

    assert distance(teacher=teacher) < 0.95 < distance()


def test_train_upscaler_holds_out_and_keeps_what_was_done(torch, tmp_path, planes, caplog):
    from PIL import Image

    for number, plane in enumerate(planes):
        Image.fromarray((plane[:120, :150] * 255).astype(np.uint8)).save(tmp_path / f"{number}.png")
    caplog.set_level("INFO", "sr_arn")
    (tmp_path / "more").mkdir()
    (tmp_path / "0.png").rename(tmp_path / "more" / "0.png")
    folders = [tmp_path / "more", tmp_path]
    upscaler = train_upscaler(folders, ConvARN(**SMALL, epochs=2), scale=2, validation=1)
    training = upscaler.header["training"]
    assert (training["images"], training["held_out"]) == (2, 1)
    assert training["parameters"]["channels"] == 12
    epochs = [line for line in caplog.messages if line.startswith("epoch ")]
    assert len(epochs) == 2
    assert all("held out" in line for line in epochs)


def test_refuses_no_planes_scales_and_folders_given_twice(torch, tmp_path, planes):
    with pytest.raises(InputError, match="planes: expected at least one"):
        ConvARN(**SMALL).fit([], 3)
    with pytest.raises(InputError, match="scale: expected"):
        ConvARN(**SMALL).fit(planes, 9)
    with pytest.raises(InputError, match="images: a folder is given twice"):
        train_upscaler([tmp_path, tmp_path / "."], ConvARN(**SMALL))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"channels": 0}, "channels: expected an integer of at least 1"),
        ({"layers": 5}, "layers: expected an even number"),
        ({"epochs": 0}, "epochs: expected an integer of at least 1"),
        ({"crop": 0}, "crop: expected an integer of at least 1"),
        ({"precision": "half"}, "precision: expected float32 or bfloat16"),
        ({"random_state": -1}, "random_state: expected an integer of at least 0"),
        ({"learning_rate": 0.0}, "learning_rate: expected a finite number above 0"),
        ({"device": "tpu"}, "device: expected auto, cpu or cuda"),
        ({"learning_rate": None}, "learning_rate: expected a finite number above 0"),
        ({"epochs": None}, "epochs: expected an integer of at least 1"),
        ({"start": "conv-arn-x3"}, "start: expected a ConvModel, received conv-arn-x3"),
        ({"teacher": 3}, "teacher: expected a ConvModel, received 3"),
        ({"teacher": random_network(3, 4, 1, 2, 0.1)}, "teacher: expected one for x2, received x3"),
    ],
)
def test_bad_parameters(torch, planes, parameters, message):
    with pytest.raises(InputError, match=message):
        ConvARN(**(SMALL | parameters)).fit(planes[:1], 2)
