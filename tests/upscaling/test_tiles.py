import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_arn import InputError, imresize
from sr_arn.upscaling.tiles import Grid

side = st.integers(1, 23)


@given(side, side, st.integers(1, 4), st.integers(0, 7), st.integers(1, 9), st.integers(1, 5))
def test_tiles_fill_the_picture_once(height, width, scale, reach, size, workers):
    image = np.arange(height * width).reshape(height, width)
    filled = np.full((height * scale, width * scale), -1)
    for tile in Grid(image.shape, scale, reach).tiles(workers, size):
        assert (filled[tile.rows.hr, tile.columns.hr] == -1).all()
        tile.paste(np.kron(tile.rim.cut(tile.cut(image)), np.ones((scale, scale), int)), filled)
    np.testing.assert_array_equal(filled, np.kron(image, np.ones((scale, scale), int)))


@given(side, side, st.integers(2, 7), st.integers(1, 9))
def test_surroundings_are_the_mirrored_picture(height, width, reach, size):
    image = np.arange(height * width).reshape(height, width)
    padded = np.pad(image, reach, mode="symmetric")
    for tile in Grid(image.shape, 1, reach).tiles(side=size):
        rows, columns = tile.rows.hr, tile.columns.hr
        expected = padded[
            rows.start : rows.stop + 2 * reach, columns.start : columns.stop + 2 * reach
        ]
        seen = tile.cut(image)
        np.testing.assert_array_equal(seen[: len(expected), : expected.shape[1]], expected)
        extra = np.array(seen.shape) - expected.shape
        np.testing.assert_array_equal(extra, np.array(expected.shape) % 2)
        assert rows.start % 2 == columns.start % 2 == 0


@pytest.mark.parametrize("size", [4, 7, 100])
def test_paper_border_equals_the_whole_plane_at_once(planes, size):
    lr = planes[0][:31, :44]
    hr = np.empty((93, 132), np.float32)
    for tile in Grid(lr.shape, 3, 2, "paper").tiles(side=size):
        tile.paste(tile.rim.cut(imresize(tile.cut(lr), 3), 3), hr)
    np.testing.assert_array_equal(hr, imresize(lr, 3))


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
@pytest.mark.parametrize("shape", [(1000, 300), (300, 1000), (256, 256), (700, 700)])
def test_no_worker_gets_much_more_than_the_others(shape, workers):
    areas = [
        np.ptp([tile.rows.hr.start, tile.rows.hr.stop])
        * np.ptp([tile.columns.hr.start, tile.columns.hr.stop])
        for tile in Grid(shape, 1, 5).tiles(workers)
    ]
    assert -(-len(areas) // workers) <= 1.25 * len(areas) / workers
    assert max(areas) < 1.2 * min(areas)
    assert max(areas) <= 128**2


def test_thin_pictures_are_not_cut_into_rims():
    assert len(list(Grid((9, 40), 2, 5).tiles(workers=16))) == 1


def test_refuses_other_borders():
    with pytest.raises(InputError, match='border: expected "full" or "paper", received round'):
        Grid((4, 4), 2, 2, "round")


@given(
    st.integers(1, 90), st.integers(1, 90), st.integers(0, 7), st.sampled_from(["full", "paper"])
)
def test_halves_are_the_whole(height, width, reach, border):
    grid = Grid((height, width), 3, reach, border)
    image = np.arange(height * width).reshape(height, width)
    (tile,) = grid.tiles(side=90)
    filled = np.full((height, width), -1)

    def fill(tile):
        rows, columns = (slice(*span.extent(3)) for span in (tile.rows, tile.columns))
        seen = tile.cut(image)
        assert seen.shape[0] % 2 == seen.shape[1] % 2 == 0 or border == "paper"
        try:
            halves, _ = grid.halves(tile)
        except MemoryError:
            assert max(tile.rim.cut(seen).shape) < 32
            assert rows.start % 2 == columns.start % 2 == 0
            assert (filled[rows, columns] == -1).all()
            filled[rows, columns] = tile.rim.cut(seen)
        else:
            for half in halves:
                assert min(slice_length(half.rows), slice_length(half.columns)) >= 1
                fill(half)

    def slice_length(span):
        start, stop = span.extent(3)
        return stop - start

    fill(tile)
    np.testing.assert_array_equal(filled, image)


def test_a_side_within_some_memory_takes_no_more():
    for scale, reach in ((2, 3), (3, 20), (4, 37)):
        grid = Grid((999, 999), scale, reach)
        for memory in (5e7, 3e8, 1e9):
            side = grid.side_within(memory)
            assert grid.bytes_of(side) <= memory < grid.bytes_of(side + 2)


def test_rows_of_tiles_of_very_wide_pictures_are_low():
    """They wait for each other to be written."""
    wide = [tile.rows.hr for tile in Grid((400, 6000), 16, 2).tiles(2, 40)]
    assert max(rows.stop - rows.start for rows in wide) == 16 * 16
    usual = [tile.rows.hr for tile in Grid((400, 900), 16, 2).tiles(2, 40)]
    assert max(rows.stop - rows.start for rows in usual) == 16 * 40
