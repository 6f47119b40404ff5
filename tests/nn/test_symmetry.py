import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn import InputError  # noqa: E402
from sr_arn.models.conv_network import ConvAnchoredNetwork  # noqa: E402
from sr_arn.nn.symmetry import SYMMETRIES, channel_moves, pixel_moves, turned  # noqa: E402
from sr_arn.training.conv_arn import plain  # noqa: E402


def varied(*sizes, **options):
    """Return a network all of whose numbers differ from where they start."""
    torch.manual_seed(0)
    network = ConvAnchoredNetwork(*sizes, **options)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network


def departure(details, size=17):
    """Return how far, relatively, a turned picture's result is from the turned result."""
    lr = np.random.default_rng(0).uniform(size=(size, size)).astype(np.float32)
    straight = details(lr)
    errors = [
        np.abs(details(np.ascontiguousarray(turned(lr, s))) - turned(straight, s)).max()
        for s in range(SYMMETRIES)
    ]
    return max(errors) / np.abs(straight).max()


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(
    "sizes",
    [(8, 2, 8), (16, 4, 16), (8, 2, 1), (12, 2, 8), (8, 2, 3), (5, 2, 2), (19, 4, 17)],
)
def test_the_network_turns_with_the_picture(scale, sizes):
    network = varied(scale, *sizes)

    def by_torch(lr):
        with torch.no_grad():
            return network(torch.from_numpy(lr)[None, None])[0, 0].numpy()

    assert departure(by_torch) < 1e-4
    assert departure(plain(network)) < 1e-4


def test_without_symmetry_it_does_not():
    assert departure(plain(varied(3, 8, 2, 8, equivariant=False))) > 0.01


def test_an_eighth_of_the_numbers_is_learned():
    tied, free = (
        sum(p.numel() for p in ConvAnchoredNetwork(3, 16, 4, 8, equivariant=e).parameters())
        for e in (True, False)
    )
    assert tied == pytest.approx(free / 8, rel=0.02)


def test_what_is_learned_stays_symmetric():
    network = ConvAnchoredNetwork(3, 8, 2, 8)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.1)
    before = network.last.weight.detach().clone()
    for _ in range(3):
        network(torch.rand(2, 1, 9, 9)).square().mean().backward()
        optimiser.step()
    assert (network.last.weight - before).abs().max() > 0.1
    assert departure(plain(network)) < 1e-4


@pytest.mark.parametrize("side", [1, 2, 3, 5])
def test_pixels_move_as_the_picture_turns(side):
    picture = np.random.default_rng(0).normal(size=(side, side))
    for symmetry, moves in enumerate(pixel_moves(side)):
        moved = np.empty(side**2)
        moved[moves] = picture.ravel()
        np.testing.assert_array_equal(moved.reshape(side, side), turned(picture, symmetry))


@pytest.mark.parametrize("count", [1, 8, 11, 24])
def test_channels_move_as_symmetries_after_one_another_do(count):
    square = np.random.default_rng(0).normal(size=(3, 3))
    moves = channel_moves(count)
    for one in range(SYMMETRIES):
        for then in range(SYMMETRIES):
            both = [
                np.array_equal(turned(turned(square, one), then), turned(square, s))
                for s in range(SYMMETRIES)
            ].index(True)
            np.testing.assert_array_equal(moves[then][moves[one]], moves[both])
    grouped = count - count % SYMMETRIES
    assert all(len(set(channel)) == SYMMETRIES for channel in moves.T[:grouped])
    assert all(len(set(channel)) == 1 for channel in moves.T[grouped:])


def test_starts_from_what_turns_only():
    network = ConvAnchoredNetwork(3, 8, 4, 8)
    network.start_from(varied(3, 8, 2, 8).folded())
    assert departure(plain(network)) < 1e-4
    with pytest.raises(InputError, match="start: the model does not turn with the picture"):
        network.start_from(varied(3, 8, 2, 8, equivariant=False).folded())
    half = network.folded()  # of which one tensor does not turn
    with pytest.raises(InputError, match="does not turn"):
        network.start_from({**half, "anchors": torch.randn_like(half["anchors"])})
    free = varied(3, 8, 2, 8, equivariant=False)
    other = ConvAnchoredNetwork(3, 8, 2, 8, equivariant=False)
    other.start_from(free.folded())
    torch.testing.assert_close(other.folded(), free.folded())
