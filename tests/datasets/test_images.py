"""Images to learn from travel with their LR versions."""

import numpy as np
import pytest
from conftest import SHIPPED

from sr_arn import InputError, imresize, load_model, train_upscaler
from sr_arn.datasets.degradation import Degradation
from sr_arn.datasets.images import ImageFiles, TrainingImage
from sr_arn.evaluation.held_out import Validation
from sr_arn.pictures.io import write_image
from sr_arn.pictures.picture import Picture
from sr_arn.regressors import APlusRegressor


def test_a_degradation_makes_the_lr_plane_that_is_missing(planes):
    blurred = Degradation(blur=1.5)
    hr, lr = TrainingImage.of(planes[0][:61, :62]).pair(2, blurred)
    np.testing.assert_array_equal(hr, planes[0][:60, :62])
    np.testing.assert_array_equal(lr, blurred(hr, 2))


def test_an_lr_plane_is_kept(planes):
    image = TrainingImage(planes[0][:60, :60], np.zeros((30, 30), np.float32))
    assert TrainingImage.of(image) is image
    assert image.pair(2, Degradation(noise=3))[1] is image.lr
    assert image.resized(1) is image
    assert image.resized(0.5).lr is None


def test_equal_hr_planes_may_have_different_lr_planes(planes):
    hr = planes[0][:60, :60]
    lr = imresize(hr, 0.5)
    pair = [TrainingImage(hr, lr), TrainingImage(hr, 0 * lr)]
    both, first = Validation(pair, 2), Validation(pair[:1], 2)
    bicubic = load_model("bicubic", scale=2)
    assert both.psnr(bicubic) < first.psnr(bicubic) - 5


def test_files_are_read_and_compared(tmp_path):
    for name, shape in (("hr", (20, 30)), ("lr", (10, 15))):
        write_image(tmp_path / f"{name}.png", Picture(np.full(shape, 9, np.uint8)))
    files = ImageFiles(tmp_path / "hr.png", tmp_path / "lr.png")
    image = files.read(2)
    assert (image.shape, image.lr.shape) == ((20, 30), (10, 15))
    assert ImageFiles.of(files) is files
    assert ImageFiles.of(files.hr).read(3).lr is None
    with pytest.raises(InputError, match=r"expected 45 x 30 pixels, 3 times those of lr\.png"):
        files.read(3)


def test_training_returns_what_it_held_out():
    settings = {"max_samples": 2000, "validation": 1}
    trained = train_upscaler(SHIPPED, APlusRegressor(anchors=2), **settings)
    assert trained.held_out == [ImageFiles(SHIPPED / "chelsea.png")]
    assert trained.header["training"]["held_out"] == 1
