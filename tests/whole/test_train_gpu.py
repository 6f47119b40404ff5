import importlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sr_arn.models.restoration import Strengths
from sr_arn.pictures.color import luminance, luminance_levels
from sr_arn.pictures.resize import imresize
from sr_arn.upscaling.loading import load_model

torch = pytest.importorskip("torch")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def module():
    """Return a function that imports a module of benchmarks/ as its neighbours do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module


def peak_ratio(one, other):
    return -10 * np.log10(np.mean((one - other) ** 2))


def small_network(scale):
    from sr_arn.models.conv_network import ConvAnchoredNetwork

    torch.manual_seed(0)
    return ConvAnchoredNetwork(scale, channels=8, layers=4, anchors=4, equivariant=False)


@pytest.mark.parametrize("quality", [90, 75, 50, 30])
def test_jpeg_is_that_of_pillow(module, coffee, quality):
    y = luminance(coffee)[:320, :320]
    jpeg = module("gpu_degradations").Jpeg(CPU)
    ours = jpeg(torch.from_numpy(y)[None], torch.tensor([float(quality)]))[0].numpy()
    full = np.clip(np.round((255 * y - 16) * (255 / 219)), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(full).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        theirs = (np.asarray(image) * (219 / 255) + 16) / 255
    assert peak_ratio(ours, theirs) > 50  # the two round in other places
    assert peak_ratio(ours, y) < 45


@pytest.mark.parametrize("strengths", [(None, 4.0), (100, 0), (81.5, 0), (50, 2), (49, 8), (5, 30)])
def test_strengths_are_those_of_the_package(module, strengths):
    quality, sigma = strengths
    there = module("gpu_degradations")
    ours = [0.0 if quality is None else float(there.strength_of_jpeg(torch.tensor(float(quality))))]
    ours.append(float(there.strength_of_noise(torch.tensor(float(sigma)))))
    np.testing.assert_allclose(ours, Strengths(quality, sigma).coordinates, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_resizing_is_that_of_the_package(module, planes, scale):
    there, plane = module("gpu_planes"), planes[0][:96, :144]
    bicubic = there.Bicubic(scale, CPU)(torch.from_numpy(plane)[None])[0, 0]
    np.testing.assert_allclose(bicubic, imresize(plane, scale), atol=1e-5)
    smaller = there.resized(torch.from_numpy(plane), 1 / scale)
    np.testing.assert_allclose(smaller, imresize(plane, 1 / scale), atol=1e-5)


def test_crops_are_parts_of_planes_turned(module, planes):
    whole = [torch.from_numpy(planes[0][:40, :50]), torch.from_numpy(planes[1][:30, :60])]
    turns = torch.tensor([[0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 1, 1]], dtype=torch.bool)
    which, top, left = (torch.tensor(n) for n in ([1, 0, 1, 0], [3, 5, 0, 24], [44, 0, 9, 34]))
    crops = module("gpu_planes").Buffer(whole).crops(which, top, left, 16, turns)
    parts = [whole[k][y : y + 16, x : x + 16] for k, y, x in zip(which, top, left, strict=True)]
    wanted = parts[0], parts[1].flip(0), parts[2].flip(1).T, parts[3].flip(0, 1).T
    for crop, part in zip(crops, wanted, strict=True):
        assert torch.equal(crop, part)


@pytest.mark.parametrize("kind", ["Clean", "Degraded"])
def test_batches_are_bicubic_and_what_it_lacks(module, planes, kind):
    whole = [torch.from_numpy(plane[:300, :300]) for plane in planes]
    make = getattr(module("gpu_batches"), kind)
    inputs, details = make(whole, 2, crop=16, batch=24)()
    hr = module("gpu_planes").Bicubic(2, CPU)(inputs[0][:, 0]) + details
    assert details.shape == (24, 1, 32, 32)
    assert inputs[0].shape == (24, 1, 16, 16)
    if kind == "Clean":  # a contrast of 1.3 at most, around the middle
        assert (hr - 0.5).abs().max() < 0.66
        assert details.abs().mean() < 0.05
    else:
        assert hr.min() + 1e-6 >= 0
        assert hr.max() <= 1 + 1e-6
        assert inputs[1].shape == (24, 2)
        assert inputs[1].min() >= 0
        assert inputs[1].max() < 1


@pytest.mark.parametrize("strengths", [Strengths(noise=5), Strengths(jpeg=40, noise=2)])
def test_a_network_with_strengths_is_the_model_of_its_arrays(module, planes, strengths):
    from sr_arn.models.conv import ConvModel

    plain = small_network(3)
    network = module("gpu_network").Restoring(plain)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn(parameter.shape)
        for bias in (plain.last.bias, plain.last.similarity_bias, *plain.pairs[0][0].bias[None]):
            bias += 0.1 * torch.randn(bias.shape)
    arrays = network.folded()
    assert arrays.keys() == ConvModel.restoring_axes.keys()
    clean = {name: arrays[name] for name in ConvModel.array_axes}
    model = ConvModel(3, clean, arrays).restored(strengths)
    lr = planes[1][100:140, 50:98]
    told = torch.from_numpy(strengths.coordinates)[None]
    with torch.no_grad():
        details = network(torch.from_numpy(lr)[None, None], told)[0, 0].numpy()
        flat = network(torch.full((1, 1, 40, 48), 0.5), told)[0, 0].numpy()
    reach = 3 * model.reach
    inside = np.s_[reach:-reach, reach:-reach]
    wanted = imresize(lr, 3) + details - flat  # models give flat areas no details
    assert np.abs(details[inside]).max() > 0.02
    np.testing.assert_allclose(model(lr)[inside], wanted[inside], atol=1e-4)


def test_two_steps_on_a_processor_and_their_model_file(module, planes, tmp_path, monkeypatch):
    there = module("train_gpu")
    levels = [(255 * plane[:152, :152]).round().astype(np.uint8) for plane in planes]
    data = module("gpu_planes").Planes({"a": levels}, {"b": [levels[0][:32, :32]]}, "digest")
    sizes = {"channels": 8, "layers": 4, "anchors": 4}
    part = there.Round(1000, 0.001)
    recipe = there.Recipe(sizes, 2, "start-x2", clean=(part, part), restoring=(part,))
    monkeypatch.setattr(there, "RECIPES", {"start-x2": recipe, "small-x2": recipe})
    arrays = {
        name: t.detach().contiguous().numpy() for name, t in small_network(2).folded().items()
    }
    there.set_path(tmp_path, "start-x2", "clean").write_bytes(there.save(arrays))
    there.train(["small-x2"], data, tmp_path, CPU, steps=2, crop=16, batch=4)
    clean = there.load_file(there.set_path(tmp_path, "small-x2", "clean"))
    restoring = there.load_file(there.set_path(tmp_path, "small-x2", "restoring"))
    for name, array in arrays.items():
        assert not np.array_equal(array, clean[name])
        assert not np.array_equal(clean[name], restoring[name])
    assert np.abs(restoring["pair_gain"]).max() > 0
    assert there.install(tmp_path, tmp_path) == ["small-x2"]
    upscaler = load_model(tmp_path / "small-x2.safetensors")
    assert upscaler.model.restores
    training = upscaler.header["training"]
    assert training["clean"]["start"] == "start-x2"
    trial = {"steps": 2, "rate": 0.001, "crop": 16, "batch": 4}
    assert training["clean"]["rounds"] == 2 * [trial]
    assert training["restoring"]["start"] == "small-x2"
    assert training["sets"] == {"a": len(planes)}
    assert training["restoring"]["scores"]["jpeg 30"]["b"].keys() == {"bicubic", "before", "after"}


def test_pictures_are_packed_without_loss(module, tmp_path):
    rng = np.random.default_rng(0)
    for name, count in (("open_photos", 24), ("T91", 2), ("BSD200", 9)):
        (tmp_path / name).mkdir()
        for number in range(count):
            pixels = rng.integers(0, 256, (8, 6, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number:02}.png")
    there = module("gpu_planes")
    there.pack(tmp_path, tmp_path / "planes.npz")
    found = there.read_planes(tmp_path / "planes.npz")
    counts = [{k: len(v) for k, v in part.items()} for part in found[:2]]
    assert counts == [{"open_photos": 22, "T91": 2, "BSD200": 4}, {"open_photos": 2, "BSD200": 2}]
    with Image.open(tmp_path / "BSD200" / "08.png") as image:
        wanted = luminance_levels(np.asarray(image))
    np.testing.assert_array_equal(found.held_out["BSD200"][1], wanted)
    assert len(found.digest) == 64
