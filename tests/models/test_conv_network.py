import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn import InputError, imresize  # noqa: E402
from sr_arn.models.conv_network import ConvAnchoredNetwork  # noqa: E402
from sr_arn.nn import ConvAnchoredRegression2d  # noqa: E402
from sr_arn.training.conv_arn import plain  # noqa: E402

SIMILARITIES = ["dot", "abs_dot", "neg_sqdist", "abs_cosine"]


def make(*sizes, seed=0):
    """Return a network whose parameters are all of some size."""
    torch.manual_seed(seed)
    network = ConvAnchoredNetwork(*sizes)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.03 * torch.randn_like(parameter)
    return network


def details(network, lr):
    with torch.no_grad():
        return network(torch.as_tensor(lr)[None, None])[0, 0].numpy()


@pytest.mark.parametrize("sizes", [(2, 6, 2, 1), (3, 20, 4, 5), (4, 48, 6, 8)])
@pytest.mark.parametrize("shape", [(23, 31), (1, 1), (2, 50)])
def test_runs_without_torch_as_with_it(sizes, shape):
    network = make(*sizes)
    scale, reach = network.scale, network.reach
    lr = np.random.default_rng(0).uniform(size=shape).astype(np.float32)
    flat = details(network, np.zeros((2 * reach + 1,) * 2, np.float32))
    middle = slice(reach * scale, (reach + 1) * scale)
    expected = details(network, lr) - np.tile(flat[middle, middle], shape)
    assert np.abs(expected).max() > 1e-4
    found = plain(network)(lr) - imresize(lr, scale)
    rounding = np.finfo(np.float32).eps  # of the sum with bicubic, which is about 1
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max() + rounding)


def test_brightness_does_not_matter():
    network = make(3, 12, 4, 4)
    lr = np.random.default_rng(0).uniform(0.2, 0.5, size=(20, 20)).astype(np.float32)
    np.testing.assert_allclose(details(network, lr), details(network, lr + 0.4), atol=1e-5)


def test_reach_is_no_less_and_no_more():
    network = make(2, 8, 4, 3)
    lr = torch.rand(1, 1, 41, 41, requires_grad=True)
    network(lr)[0, 0, 40, 40].backward()  # an HR pixel of the LR pixel at 20, 20
    seen = np.argwhere(lr.grad[0, 0].numpy())
    assert np.abs(seen - 20).max() == network.reach == plain(network).reach


def test_start_from_fewer_layers_changes_nothing():
    first = make(3, 8, 2, 4)
    longer = make(3, 8, 6, 4, seed=1)
    longer.start_from(first.folded())
    lr = np.random.default_rng(0).uniform(size=(20, 20)).astype(np.float32)
    np.testing.assert_allclose(details(longer, lr), details(first, lr), atol=1e-5)


def test_start_from_another_scale_keeps_the_features():
    first, other = make(3, 8, 2, 4), make(2, 8, 2, 4, seed=1)
    before = other.last.weight.detach().clone()
    other.start_from(first.folded())
    one, two = first.folded(), other.folded()
    for name in ("first_weight", "first_bias", "pair_weight", "pair_bias", "anchors"):
        torch.testing.assert_close(two[name], one[name])
    torch.testing.assert_close(other.last.weight, before)


@pytest.mark.parametrize("sizes", [(3, 9, 2, 4), (3, 8, 2, 5), (3, 8, 4, 4)])
def test_start_from_what_does_not_fit(sizes):
    with pytest.raises(InputError, match=r"start: the model has \d channels, \d layers"):
        make(3, 8, 2, 4).start_from(make(*sizes).folded())


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((3, 0, 2, 4), "channels: expected an integer of at least 1"),
        ((3, 8, 3, 4), "layers: expected an even number, received 3"),
        ((3, 8, 0, 4), "layers: expected an integer of at least 2"),
        ((3, 8, 2, 0), "anchors: expected an integer of at least 1"),
        ((0, 8, 2, 4), "scale: expected an integer of at least 1"),
    ],
)
def test_bad_sizes(sizes, message):
    with pytest.raises(InputError, match=message):
        ConvAnchoredNetwork(*sizes)


def exported(module, channels, path):
    """Return what onnxruntime and torch make of an image of another size than exported."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    sizes = {2: torch.export.Dim("h", min=8), 3: torch.export.Dim("w", min=8)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch and what it exports by
        torch.onnx.export(
            module.eval(), (torch.rand(1, channels, 16, 20),), path, dynamic_shapes=(sizes,),
            dynamo=True, verbose=False,
        )  # fmt: skip
    x = torch.rand(1, channels, 23, 31)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    return found, module(x).detach().numpy()


@pytest.mark.parametrize("top_k", [None, 2])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_onnx_gives_what_the_layer_gives(tmp_path, similarity, top_k):
    torch.manual_seed(0)
    layer = ConvAnchoredRegression2d(
        4, 3, 3, anchors=5, similarity=similarity, similarity_bias=True, top_k=top_k, padding=1
    )
    found, expected = exported(layer, 4, tmp_path / "layer.onnx")
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_onnx_gives_what_the_network_gives(tmp_path):
    found, expected = exported(make(3, 16, 4, 5), 1, tmp_path / "network.onnx")
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(found, expected, atol=1e-4)
