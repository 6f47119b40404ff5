import numpy as np
import pytest

from sr_arn import InputError, imresize, load_model
from sr_arn.refinement import BackProjection, SelfEnsemble


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


def test_refined_up_scalers_keep_header_and_threads():
    upscaler = load_model("deep-arn-x3")
    upscaler.threads = 3
    refined = upscaler.refined(ensemble=True, back_project=2)
    assert (refined.header, refined.threads) == (upscaler.header, 3)
    assert refined.model.name == "deep-arn, ensemble, back-projection"
    assert upscaler.refined().model is upscaler.model


@pytest.mark.parametrize("steps", [-1, 1.5, True])
def test_bad_steps(steps):
    with pytest.raises(InputError, match="back-project: expected an integer of at least"):
        load_model("bicubic").refined(back_project=steps)
