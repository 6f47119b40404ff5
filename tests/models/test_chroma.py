"""The network for Cb and Cr, by laws: alone, in a model, and in a model file."""

import json

import numpy as np
import pytest
from conftest import random_network
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from sr_arn import InputError, imresize, load_model, save_model
from sr_arn.models.chroma import ChromaModel
from sr_arn.models.conv import ConvModel
from sr_arn.models.restoration import OFF, Strengths
from sr_arn.pictures.color import rgb_to_ycbcr
from sr_arn.planes import Rim
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.upscaler import Upscaler

SOME = Strengths(jpeg=40, noise=3)


@pytest.fixture(scope="module", params=[2, 3])
def network(request):
    return random_network(request.param, 6, 1, 3, 0.1, hidden=4, chroma=True)


@pytest.fixture(scope="module")
def ycbcr(coffee):
    return rgb_to_ycbcr(coffee[30:71, 40:92] / np.float32(255))


def of_planes(network):
    """Return a torch network from 3 planes to 2 with the arrays of a model's, as for clean ones."""
    torch = pytest.importorskip("torch")
    from sr_arn.models.conv_network import ConvAnchoredNetwork
    from sr_arn.models.restoration import CLEAN, folded

    chroma = network.chroma
    arrays = folded(chroma.arrays, CLEAN)
    pairs, _, channels = arrays["pair_weight"].shape[:3]
    sizes = chroma.scale, channels, 2 * pairs, len(arrays["anchors"])
    found = ConvAnchoredNetwork(*sizes, equivariant=False, inputs=3, outputs=2)
    found.start_from({name: torch.from_numpy(array) for name, array in arrays.items()})
    return found


def test_it_is_the_network_of_its_arrays(network, ycbcr):
    import torch

    s, reach = network.scale, network.chroma.reach
    with torch.no_grad():
        planes = torch.from_numpy(ycbcr).permute(2, 0, 1)[None]
        details = of_planes(network)(planes)[0].permute(1, 2, 0).numpy()
        flat = of_planes(network)(torch.zeros_like(planes))[0].permute(1, 2, 0).numpy()
    inside = np.s_[reach * s : -reach * s, reach * s : -reach * s]
    wanted = imresize(ycbcr[..., 1:], s) + details - flat
    assert np.abs(details - flat)[inside].max() > 0.01
    np.testing.assert_allclose(network.chroma(ycbcr)[inside], wanted[inside], atol=1e-5)


def test_flat_colours_stay_as_they_are(network):
    colour = np.array([0.3, 0.6, 0.45], np.float32)
    hr = network.chroma(np.broadcast_to(colour, (30, 31, 3)).copy())
    inner = hr[8 * network.scale : -8 * network.scale, 8 * network.scale : -8 * network.scale]
    np.testing.assert_allclose(inner, np.broadcast_to(colour[1:], inner.shape), atol=1e-6)


def test_a_rim_does_not_change_a_bit(network, ycbcr):
    rim = Rim(4, 6, 8, 2)
    whole = network.chroma(ycbcr)
    np.testing.assert_array_equal(network.chroma(ycbcr, rim), rim.cut(whole, network.scale))


@pytest.mark.parametrize("restore", ["off", SOME])
@pytest.mark.parametrize("alpha", [False, True])
def test_tiles_do_not_change_a_byte(network, coffee, restore, alpha):
    image = coffee[:90, :110]
    if alpha:
        fade = np.linspace(0, 255, 110).astype(np.uint8)
        image = np.dstack([image, np.broadcast_to(fade, image.shape[:2])])
    whole = Upscaler(network).upscale(image, restore=restore)
    tiled = Upscaler(network, schedule=Schedule(threads=2, tile=40)).upscale(image, restore=restore)
    np.testing.assert_array_equal(tiled, whole)


def test_luminance_is_that_of_the_model_without(network, coffee):
    from sr_arn.pictures.color import luminance_levels

    plain = ConvModel(network.scale, network.arrays)
    both = (Upscaler(m).upscale(coffee[:40, :50], restore="off") for m in (network, plain))
    ours, theirs = ((luminance_levels(result).astype(int), result) for result in both)
    assert not np.array_equal(ours[1], theirs[1])
    inner = np.s_[12:-12, 12:-12]  # far from black and white: there colours are cut off
    assert np.median(np.abs(ours[0] - theirs[0])[inner]) <= 1


def test_strengths_and_the_share_of_details_count(network, ycbcr):
    chroma = network.chroma
    results = [
        chroma.restored(strengths)(ycbcr)
        for strengths in (OFF, SOME, Strengths(jpeg=90), Strengths(aliasing=0.5))
    ]
    np.testing.assert_array_equal(results[0], chroma(ycbcr))
    assert all(np.abs(results[0] - other).max() > 1e-3 for other in results[1:])
    bicubic = imresize(ycbcr[..., 1:], chroma.scale)
    halves = bicubic + (results[0] - bicubic) / 2
    np.testing.assert_allclose(results[3], halves, atol=1e-5)


@pytest.mark.parametrize("alpha", [False, True])
def test_chains_have_it_then_bicubic(network, coffee, alpha):
    image = np.dstack([coffee, coffee[..., :1]])[:60, :72] if alpha else coffee[:60, :72]
    chain = Upscaler(network).then(Upscaler(ConvModel(2, random_network(2, 6, 1, 3, 0.1).arrays)))
    whole = chain.upscale(image, restore=SOME)
    for tile in (24, 40):
        tiled = chain.scheduled(Schedule(threads=2, tile=tile)).upscale(image, restore=SOME)
        np.testing.assert_array_equal(tiled, whole)
    if not alpha:
        ycbcr = rgb_to_ycbcr(image / np.float32(255))
        wanted = imresize(network.chroma(ycbcr), 2)
        np.testing.assert_array_equal(chain.model.chroma(ycbcr), wanted)


def test_refined_models_keep_it(network, coffee):
    image = coffee[:20, :24]
    for refined in (Upscaler(network).refined(ensemble=True), Upscaler(network).refined(False, 1)):
        assert refined.model.chroma is network.chroma
        assert refined.upscale(image, restore="off").shape[:2] == (
            20 * network.scale,
            24 * network.scale,
        )


# --- files ---------------------------------------------------------------------------


def test_a_file_has_it(network, tmp_path, coffee):
    save_model(tmp_path / "m.safetensors", Upscaler(network))
    loaded, small = load_model(tmp_path / "m.safetensors"), coffee[:40, :50]
    for restore in ("off", SOME):
        ours = Upscaler(network).upscale(small, restore=restore).astype(int)
        assert np.abs(loaded.upscale(small, restore=restore) - ours).max() <= 1  # float16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chroma.first_weight": None}, "the array 'chroma.first_weight' is missing"),
        ({"chroma.first_weight": np.zeros((6, 1, 3, 3), np.float32)}, "expected shape"),
        ({"chroma.last_bias": np.zeros((3, 4), np.float32)}, "expected shape"),
        ({"chroma.last_weight": np.full((3, 8, 6, 3, 3), 1e6, np.float32)}, "is not finite"),
    ],
)
def test_unsound_files_are_errors(tmp_path, change, message):
    path = tmp_path / "m.safetensors"
    save_model(path, Upscaler(random_network(2, 6, 1, 3, 0.1, hidden=4, chroma=True)))
    arrays = load_file(path) | change
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    save_file({name: a for name, a in arrays.items() if a is not None}, path, metadata)
    with pytest.raises(InputError, match=message):
        load_model(path)


def test_the_header_says_yes_or_no(tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, Upscaler(random_network(2, 6, 1, 3, 0.1, chroma=True)))
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    (entry,) = metadata
    header = json.loads(metadata[entry])
    assert header["chroma"] is True
    header["chroma"] = "yes"
    save_file(load_file(path), path, {entry: json.dumps(header)})
    with pytest.raises(InputError, match="header field 'chroma'"):
        load_model(path)


def test_it_is_for_clean_pictures_without_a_model_that_restores(coffee):
    model = random_network(2, 6, 1, 3, 0.1, chroma=True)
    assert isinstance(model.chroma, ChromaModel)
    assert not model.restores
    assert Upscaler(model).upscale(coffee[:20, :20]).shape == (40, 40, 3)
