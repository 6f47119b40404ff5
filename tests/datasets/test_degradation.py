"""LR planes as cameras make them, and models that were trained for them."""

import numpy as np
import pytest
from conftest import SHIPPED
from skimage.filters import gaussian

from sr_arn import InputError, imresize, load_model, save_model, train_upscaler
from sr_arn.cli import main
from sr_arn.datasets.components import Blur, Jpeg, Kernel, Noise
from sr_arn.datasets.degradation import BICUBIC, Degradation
from sr_arn.datasets.images import TrainingImage
from sr_arn.evaluation.held_out import Validation
from sr_arn.models.features import GradientFeatures
from sr_arn.pictures.color import rgb_to_ycbcr
from sr_arn.pictures.io import write_image
from sr_arn.pictures.picture import Picture
from sr_arn.regressors import APlusRegressor
from sr_arn.training.pairs import shrink, training_pairs
from sr_arn.training.trainers import learner_class

BLURRED = Degradation(blur=1.6)
ANY = Degradation.parse("blur=0-2,noise=0-10,kernel=any,jpeg=30-95")


def test_without_any_it_is_bicubic(planes):
    np.testing.assert_array_equal(BICUBIC(planes[0], 3), imresize(planes[0], 1 / 3))
    assert Degradation.parse("bicubic") == Degradation.parse("blur=0,noise=0") == BICUBIC


def test_blur_comes_before_shrinking(planes):
    """scikit-image's Gaussian, in double precision."""
    expected = imresize(gaussian(planes[0].astype(float), 1.6, mode="nearest"), 0.5)
    np.testing.assert_allclose(BLURRED(planes[0], 2), expected, atol=1e-5)


def test_noise_has_its_size_and_hangs_on_the_plane(planes):
    noisy = Degradation(noise=5)
    added = noisy(planes[0], 2) - imresize(planes[0], 0.5)
    assert abs(added.std() * 255 - 5) < 0.1
    assert abs(added.mean() * 255) < 0.1
    np.testing.assert_array_equal(noisy(planes[0], 2), noisy(planes[0], 2))
    other = noisy(planes[0] + np.float32(0.01), 2) - imresize(planes[0] + np.float32(0.01), 0.5)
    assert abs(np.corrcoef(added.ravel(), other.ravel())[0, 1]) < 0.05


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected bicubic, or blur=SIGMA,kernel=bicubic.*jpeg=QUALITY, received nothing$"),
        ("blur", "expected bicubic, or"),
        ("blur=a", "blur: expected a number, or a range such as 1-2, received a"),
        ("blur=", "blur: expected a number, or a range such as 1-2, received nothing"),
        ("blur=1-2-3", "blur: expected a number, or a range such as 1-2, received 1-2-3"),
        ("blur=1,noise=2,blur=2", "degradation: blur is given twice in blur=1,noise=2,blur=2"),
        ("fog=1", "received fog=1"),
        ("blur=-1", "blur: expected 0 to 20, received -1"),
        ("noise=nan", "noise: expected 0 to 100, received nan"),
        ("noise=10-2", "noise: expected the lower end of a range first, received 10-2"),
        ("noise=10-nan", "noise: expected 0 to 100, received 10-nan"),
        ("jpeg=0-95", "jpeg: expected 1 to 100, received 0-95"),
        ("jpeg=75.5", "jpeg: expected whole numbers, received 75.5"),
        ("kernel=cubic", "kernel: expected bicubic, box, .*, none, any, received cubic"),
    ],
)
def test_refuses_others(text, message):
    with pytest.raises(InputError, match=message) as error:
        Degradation.parse(text)
    assert "\n" not in str(error.value)


def test_a_range_of_one_number_is_the_number(planes):
    text, same = (
        "blur=1.2,noise=3,jpeg=75,kernel=box",
        "jpeg=75-75,blur=1.2-1.2,kernel=box,noise=3-3",
    )
    one, other = Degradation.parse(text), Degradation.parse(same)
    assert one == other == Degradation(blur=1.2, noise=3, jpeg=75, kernel="box")
    assert not other.is_range
    np.testing.assert_array_equal(one(planes[0], 2), other(planes[0], 2))
    assert one.drawn(np.random.default_rng(0)) is one


@pytest.mark.parametrize("text", ["bicubic", "blur=1.2,noise=3", str(ANY), "jpeg=75"])
def test_text_and_strengths_make_it_again(text):
    degrade = Degradation.parse(text)
    assert str(degrade) == text
    assert Degradation(**degrade.strengths) == degrade
    assert hash(Degradation.parse(text)) == hash(degrade)


def test_components_apply_in_the_order_of_the_world(planes):
    plane = planes[0][:60, :80]
    once = Noise(4).after(imresize(Blur(1.5).before(plane), 0.5))
    expected = Jpeg(50).after(once)
    for text in ("blur=1.5,noise=4,jpeg=50", "jpeg=50,noise=4,blur=1.5"):
        np.testing.assert_array_equal(Degradation.parse(text)(plane, 2), expected)


def test_strengths_are_drawn_from_their_ranges_by_a_seed():
    rng = np.random.default_rng(0)
    drawn = [ANY.drawn(rng).strengths for _ in range(200)]
    again = np.random.default_rng(0)
    assert drawn == [ANY.drawn(again).strengths for _ in range(200)]
    for name, low, high in (("blur", 0, 2), ("noise", 0, 10), ("jpeg", 30, 95)):
        values = [one[name] for one in drawn]
        assert low <= min(values) < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < max(values) <= high
    assert {one.get("kernel", "bicubic") for one in drawn} == set(Kernel.names)
    assert {type(one["jpeg"]) for one in drawn} == {int}


def test_pixels_alone_decide_what_is_drawn_for_them(coffee):
    hr = coffee[:120, :160].astype(np.float32) / 255
    settled = ANY.settled(hr)
    assert not settled.is_range
    assert settled == ANY.settled(hr.copy()) != ANY.settled(hr[::-1])
    for own, expected in zip(ANY.pair(hr, 2), settled.pair(hr, 2), strict=True):
        np.testing.assert_array_equal(own, expected)
    np.testing.assert_array_equal(ANY(hr, 2), settled(hr, 2))


def test_noise_of_drawn_strength_is_new_each_time(planes):
    rng = np.random.default_rng(0)
    lr = imresize(planes[0], 0.5)
    first, second = (Degradation(noise="4-5").drawn(rng)(planes[0], 2) - lr for _ in range(2))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05


def test_pairs_of_colour_are_the_luminance_of_what_files_show(coffee):
    hr = coffee[:120, :160].astype(np.float32) / 255
    seen, lr = Degradation(jpeg=60).pair(hr, 2)
    levels = 255 * Degradation(jpeg=60)(hr, 2)
    np.testing.assert_array_equal(levels, levels.round())
    np.testing.assert_array_equal(seen, rgb_to_ycbcr(hr)[..., 0])
    np.testing.assert_array_equal(lr, rgb_to_ycbcr(levels / np.float32(255))[..., 0])


def test_a_model_for_blurred_pictures_restores_them_better(tmp_path, planes):
    settings = {"scale": 2, "max_samples": 60_000}
    usual = train_upscaler(SHIPPED, APlusRegressor(anchors=32), **settings)
    own = train_upscaler(SHIPPED, APlusRegressor(anchors=32), **settings, degrade=BLURRED)
    assert own.header["training"]["degradation"] == {"blur": 1.6, "noise": 0.0}
    assert "degradation" not in usual.header["training"]
    import skimage.data

    unseen = [skimage.data.astronaut()[..., 1] / np.float32(255)]
    for validation, sign in ((Validation(unseen, 2, BLURRED), 1), (Validation(unseen, 2), -1)):
        assert sign * (validation.psnr(own) - validation.psnr(usual)) > 1
    save_model(tmp_path / "m.safetensors", own)
    kept = load_model(tmp_path / "m.safetensors").header["training"]["degradation"]
    assert kept == {"blur": 1.6, "noise": 0.0}


def test_conv_arn_learns_to_undo_it(planes, monkeypatch):
    pytest.importorskip("torch", reason='needs the extra "torch"')
    from sr_arn.training.conv_arn import ConvARN

    monkeypatch.setattr("sr_arn.training.conv_arn.BATCHES", 40)
    small = [plane[:150, :150] for plane in planes]
    settings = ConvARN(channels=16, layers=2, anchors=8, epochs=2, crop=16, batch_size=8)
    model = settings.fit(small, 2, degrade=BLURRED).model_
    validation = Validation([planes[0][150:300, 150:300]], 2, BLURRED)
    from sr_arn.models.base import BicubicModel
    from sr_arn.upscaling.upscaler import Upscaler

    assert validation.psnr(Upscaler(model)) > validation.psnr(Upscaler(BicubicModel(2))) + 0.3


@pytest.mark.parametrize("name", ["aplus", "global-arn", "arn", "deep-arn", "conv-arn"])
def test_everything_learns_from_ranges(parts, monkeypatch, name):
    if name not in ("aplus", "global-arn"):
        pytest.importorskip("torch", reason='needs the extra "torch"')
    settings = {"anchors": 4, "epochs": 1, "channels": 8, "layers": 2, "crop": 16}
    learner = learner_class(name)()
    known = {key: value for key, value in settings.items() if key in learner.get_params()}
    learner.set_params(**known)
    monkeypatch.setattr("sr_arn.training.conv_arn.BATCHES", 2)
    trained = train_upscaler(parts, learner, scale=2, max_samples=2000, degrade=ANY)
    assert trained.header["training"]["degradation"] == ANY.strengths
    assert np.isfinite(trained.upscale_luminance(np.zeros((9, 9), np.float32))).all()


def test_train_for_it_from_the_command_line(tmp_path, capsys):
    model = tmp_path / "m.safetensors"
    options = ("--anchors", "8", "--scale", "2", "--validation", "1")
    folder = tmp_path / "images"
    folder.mkdir()
    from PIL import Image

    for number in range(3):
        with Image.open(SHIPPED / "coffee.png") as image:
            left = 100 * number
            image.crop((left, 90, left + 90, 180)).save(folder / f"{number}.png")
    arguments = ["train", str(folder), "-o", str(model), *options]
    assert main([*arguments, "--degradation", "blur=1.6"]) == 0
    rows = [row.split() for row in capsys.readouterr().out.splitlines() if row.startswith("| ")]
    scores = {row[1]: float(row[3]) for row in rows[2:]}
    assert scores["m"] > scores["aplus-x2"]
    assert main([*arguments, "--degradation", "fog"]) == 2
    assert "degradation: expected bicubic" in capsys.readouterr().err


def in_pairs(folder, planes, degrade, scale=2):
    """Write HR and LR pictures as users may have them."""
    for name, hr in planes.items():
        lr = np.clip(degrade(hr, scale), 0, 1)
        for kind, plane, stem in (("HR", hr, name), ("LR", lr, f"{name}x{scale}")):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            levels = np.round(np.clip(plane, 0, 1) * 65535).astype(np.uint16)
            write_image(folder / kind / f"{stem}.png", Picture(levels))
    return folder


def parts(planes):
    """Return parts of the shipped pictures, of even sides, in levels of 16 bits."""
    cuts = {"a": planes[0][:150, :140], "b": planes[1][40:170, :200], "c": planes[2][:90, 30:190]}
    return {name: np.round(cut * 65535).astype(np.float32) / 65535 for name, cut in cuts.items()}


@pytest.mark.parametrize("name", ["aplus", "conv-arn"])
def test_learns_from_pairs_what_it_learns_from_their_degradation(
    tmp_path, planes, monkeypatch, name
):
    def regressor():
        if name == "aplus":
            return APlusRegressor(anchors=8)
        pytest.importorskip("torch", reason='needs the extra "torch"')
        from sr_arn.training.conv_arn import ConvARN

        return ConvARN(channels=8, layers=2, anchors=8, epochs=2, crop=16, batch_size=8)

    monkeypatch.setattr("sr_arn.training.conv_arn.BATCHES", 30)
    folder = in_pairs(tmp_path / "mine", parts(planes), BLURRED)
    own = train_upscaler(folder, regressor(), scale=2)
    assert own.header["training"]["degradation"] == "given"
    assert own.header["training"]["images"] == 3
    validation = Validation([planes[0][150:300, 150:300]], 2, BLURRED)
    assert validation.psnr(own) > validation.psnr(load_model("bicubic", scale=2)) + 0.25


def test_pairs_give_the_samples_of_their_degradation(planes):
    hrs = list(parts(planes).values())
    given = [TrainingImage(hr, BLURRED(hr, 2)) for hr in hrs]
    features = GradientFeatures(2).fit(shrink(given, 2))
    for own, expected in zip(
        training_pairs(given, features),
        training_pairs(hrs, features, sizes=1, degrade=BLURRED),
        strict=True,
    ):
        np.testing.assert_array_equal(own, expected)


def test_pairs_are_checked(tmp_path, planes):
    folder = in_pairs(tmp_path / "mine", parts(planes), BLURRED)
    for name in "abc":
        (folder / "LR" / f"{name}x2.png").rename(folder / "LR" / f"{name}.png")
    with pytest.raises(InputError, match=r"expected 210 x 225 pixels, 3 times those of a\.png"):
        train_upscaler(folder, APlusRegressor(anchors=8), scale=3)
    with pytest.raises(InputError, match="give only such, and no degradation"):
        train_upscaler(folder, APlusRegressor(anchors=8), scale=2, degrade=BLURRED)
    with pytest.raises(InputError, match="give only such, and no degradation"):
        train_upscaler([folder, SHIPPED], APlusRegressor(anchors=8), scale=2)
    (folder / "LR" / "b.png").unlink()
    with pytest.raises(InputError, match="LR has no b"):
        train_upscaler(folder, APlusRegressor(anchors=8), scale=2)


def test_pairs_are_compared_by_their_own_lr_versions(tmp_path, planes, capsys):
    folder = in_pairs(tmp_path / "mine", parts(planes), BLURRED)
    arguments = ["train", str(folder), "-o", str(tmp_path / "aplus-x2.safetensors")]
    options = ["--anchors", "8", "--scale", "2", "--validation", "1"]
    assert main([*arguments, *options]) == 0
    rows = [row.split() for row in capsys.readouterr().out.splitlines() if row.startswith("| ")]
    scores = {row[1]: float(row[3]) for row in rows[2:]}
    assert scores["aplus-x2.safetensors"] > scores["aplus-x2"] + 0.1
