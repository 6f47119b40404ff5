import numpy as np
import pytest
from conftest import random_network

from sr_arn import InputError, imresize, load_model
from sr_arn.models.refine import BackProjection, SelfEnsemble
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.upscaler import Upscaler


@pytest.fixture(scope="module")
def lr(planes):
    return imresize(planes[1][:90, :120], 1 / 3)


@pytest.fixture(scope="module")
def model():
    return load_model("deep-arn-x3").model


def test_ensemble_is_the_mean_over_the_flips_and_rotations(model, lr):
    results = []
    for flip in (np.asarray, np.flipud):
        for turns in range(4):
            hr = model(np.ascontiguousarray(np.rot90(flip(lr), turns)))
            results.append(flip(np.rot90(hr, -turns)))
    assert max(np.abs(result - results[0]).max() for result in results[1:]) > 1e-3
    np.testing.assert_allclose(SelfEnsemble(model)(lr), np.mean(results, axis=0), atol=1e-6)


def test_back_projection_shrinks_to_the_input(model, lr):
    def missing(hr):
        return np.sqrt(np.mean((lr - imresize(hr, 1 / 3)) ** 2))

    errors = [missing(model(lr))] + [missing(BackProjection(model, n)(lr)) for n in (1, 4, 20)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 10


def test_back_projection_by_hand(model, lr):
    once = model(lr)
    once = once + imresize(lr - imresize(once, 1 / 3), 3)
    np.testing.assert_array_equal(BackProjection(model, 1)(lr), once)


def test_refined_up_scalers_keep_header_and_schedule():
    upscaler = load_model("deep-arn-x3", schedule=Schedule(threads=3))
    refined = upscaler.refined(ensemble=True, back_project=2)
    assert (refined.header, refined.schedule) == (upscaler.header, Schedule(threads=3))
    assert refined.model.name == "deep-arn, ensemble, back-projection"
    assert upscaler.refined().model is upscaler.model


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize("size", [(61, 43), (40, 70)])
@pytest.mark.parametrize("name", ["aplus-x2", "conv"])
def test_tiles_and_threads_do_not_change_a_bit(planes, ensemble, steps, size, name):
    upscaler = Upscaler(random_network(2, 5, 1, 2, 0.2)) if name == "conv" else load_model(name)
    upscaler = upscaler.refined(ensemble, steps)
    lr = planes[0][: size[0], : size[1]]
    rgba = np.stack([lr, lr[::-1], lr**2, (lr > 0.4) * lr], axis=-1)
    for border in ("full",) if name == "conv" and ensemble else ("full", "paper"):
        one = upscaler.scheduled(Schedule(threads=1))
        whole, colour = one.upscale_luminance(lr, border), one.upscale(rgba)
        for tile, threads in ((21, 1), (30, 2)):
            other = upscaler.scheduled(Schedule(threads=threads, tile=tile))
            np.testing.assert_array_equal(other.upscale_luminance(lr, border), whole)
            np.testing.assert_array_equal(other.upscale(rgba), colour)


@pytest.mark.parametrize("steps", [-1, 1.5, True])
def test_bad_steps(steps):
    with pytest.raises(InputError, match="back-project: expected an integer of at least"):
        load_model("bicubic").refined(back_project=steps)


def test_too_many_steps():
    with pytest.raises(InputError, match="back-project: expected at most 50, received 51"):
        load_model("bicubic").refined(back_project=51)
