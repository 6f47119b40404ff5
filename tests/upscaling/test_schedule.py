"""A schedule does not change a bit, keeps to its limits, and goes on where memory is short."""

import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_arn import InputError, load_model
from sr_arn.models.base import BicubicModel
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.upscaler import Upscaler

MODELS = ["bicubic", "aplus-x3", "arn-x3", "deep-arn-x3", "conv-arn-x2", "conv-arn-x3-91"]


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return load_model(request.param)


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 50), st.integers(1, 50)),
    st.integers(16, 60),
    st.integers(1, 5),
    st.sampled_from(["full", "paper"]),
    st.sampled_from([(), (2,), (3,), (4,)]),
)
def test_tiles_and_threads_do_not_change_a_bit(model, coffee, shape, tile, threads, border, kind):
    image = np.resize(coffee[80:, 70:], (*shape, *kind))
    lr = np.resize(coffee[:300, :200, 1] / 255, shape)
    whole = Upscaler(model.model, schedule=Schedule(threads=1, tile=1000))
    parts = Upscaler(model.model, schedule=Schedule(threads=threads, tile=tile))
    np.testing.assert_array_equal(
        parts.upscale_luminance(lr, border), whole.upscale_luminance(lr, border)
    )
    np.testing.assert_array_equal(parts.upscale(image), whole.upscale(image))


def test_a_whole_picture_is_the_same_whatever_the_memory(model, coffee):
    image = coffee[:133, :211]
    expected = model.upscale(image)
    for memory in (20, 1000):
        np.testing.assert_array_equal(
            Upscaler(model.model, schedule=Schedule(memory=memory)).upscale(image), expected
        )


class Greedy(BicubicModel):
    """Runs out of memory for more than some LR pixels."""

    most = 0

    def __call__(self, lr, rim):
        if lr.size > self.most:
            raise MemoryError
        return super().__call__(lr, rim)


def test_where_memory_is_short_the_tile_halves_and_work_goes_on(coffee):
    image = coffee[:100, :150, 0]
    greedy = Greedy(2)
    greedy.most = 30 * 40
    np.testing.assert_array_equal(
        Upscaler(greedy).upscale(image), Upscaler(BicubicModel(2)).upscale(image)
    )
    greedy.most = 15 * 15
    with pytest.raises(MemoryError, match="not even for"):
        Upscaler(greedy).upscale(image)


def test_what_a_tile_took_is_free_before_its_halves_are_tried():
    tried = []

    class Remembering(BicubicModel):
        def __call__(self, lr, rim):
            assert all(tile() is None for tile in tried)
            if lr.size > 50 * 50:
                tried.append(weakref.ref(lr))
                raise MemoryError
            return super().__call__(lr, rim)

    lr = np.random.default_rng(0).random((90, 80)).astype(np.float32)
    result = Upscaler(Remembering(2), schedule=Schedule(threads=1)).upscale_luminance(lr)
    assert len(tried) >= 3
    np.testing.assert_array_equal(result, Upscaler(BicubicModel(2)).upscale_luminance(lr))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"threads": 0}, "threads: expected an integer of at least 1"),
        ({"tile": 15}, "tile: expected an integer of at least 16"),
        ({"memory": 2.5}, "memory: expected an integer of at least 1"),
        ({"memory": 1}, "memory: expected at least 3 MB, received 1"),
    ],
)
def test_refuses_limits_that_are_none(coffee, limits, message):
    with pytest.raises(InputError, match=message):
        Upscaler(BicubicModel(6), schedule=Schedule(**limits)).upscale(coffee[:9, :9])


def test_refuses_the_wrong_number_before_a_picture_is_there():
    with pytest.raises(InputError, match="tile: expected an integer of at least 16, received 15"):
        Schedule(tile=15)


def test_a_loaded_model_takes_another_schedule_and_stays_as_it_is(coffee):
    upscaler = load_model("aplus-x3", schedule=Schedule(threads=1))
    other = upscaler.scheduled(Schedule(threads=2, tile=20))
    assert (upscaler.schedule.threads, other.schedule.tile) == (1, 20)
    assert (other.model, other.name, other.header) == (
        upscaler.model,
        upscaler.name,
        upscaler.header,
    )
    image = coffee[:50, :60]
    np.testing.assert_array_equal(other.upscale(image), upscaler.upscale(image))
