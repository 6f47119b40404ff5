"""Backbones: the authors' counts, shapes and numbers."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn import InputError  # noqa: E402
from sr_arn.age.backbones import CompactResidual, SSRNet, keras_arrays  # noqa: E402

INTERNALS = ("pred_age_stage", "local_delta_stage", "delta_s")


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_counts():
    network = SSRNet()
    moving = sum(b.numel() for n, b in network.named_buffers() if "running" in n)
    assert (count(network), moving) == (40_531, 384)
    assert sum(t.numel() for t in network._keras_names().values()) == 40_915
    for bins, total in (((5, 5, 5), 42_599), ((3, 3, 3), 40_915)):
        assert sum(t.numel() for t in SSRNet(bins)._keras_names().values()) == total


def test_shapes():
    network = SSRNet().eval()
    maps = network.backbone.streams(torch.zeros(2, 3, 64, 64))
    assert [m.shape[1:] for m, _ in maps] == [(32, 4, 4), (32, 14, 14), (32, 31, 31)]
    assert [m.shape[1:] for _, m in maps] == [(16, 4, 4), (16, 14, 14), (16, 31, 31)]
    flat = [f(*m)[0].shape[1] for f, m in zip(network.backbone.fusions, maps, strict=True)]
    assert flat == [160, 90, 90]
    assert network.predict(torch.zeros(2, 3, 64, 64)).shape == (2, 1)


@pytest.fixture
def golden(data):
    folder = data / "age_golden"
    if not folder.is_dir():
        pytest.skip("the golden arrays are not here")
    return folder


def faces(golden):
    return torch.from_numpy(np.load(golden / "X.npy")).permute(0, 3, 1, 2).contiguous()


def check_parts(network, x, expected, prefix, atol):
    for k, (p, eta, delta) in enumerate(network.stages.parts(network.backbone(x)), 1):
        for name, ours in zip(INTERNALS, (p, eta, delta[:, None]), strict=True):
            theirs = torch.from_numpy(expected[f"{prefix}{name}{k}"]).to(ours.dtype)
            torch.testing.assert_close(ours, theirs, atol=atol, rtol=1e-4)


def test_every_path_gives_the_authors_numbers(golden):
    stored = np.load(golden / "synthW.npz")
    network = SSRNet().eval()
    network.load_keras({name.replace("__", "/"): stored[name] for name in stored})
    expected = np.load(golden / "synthG.npz")
    x = faces(golden) / 64 - 1
    with torch.no_grad():
        single = network.predict(x)
        torch.testing.assert_close(single, torch.from_numpy(expected["pred_a"]), atol=2e-3, rtol=0)
        check_parts(network, x, expected, "", 1e-4)
        double = network.double().predict(x.double())[:, 0]
    exact = [174.98115291, 393.04063594, 117.80479249, 584.21564900, 473.73604256, 144.96772422]
    np.testing.assert_allclose(double, exact, atol=1e-6)
    assert min(network.stages.share_alive(network.backbone(x.double()))) > 0


@pytest.mark.parametrize("name", ["imdb", "wiki", "morph2", "megaface_asian"])
def test_the_released_weights_give_the_authors_ages(golden, data, name):
    pytest.importorskip("h5py")
    if not (data / "ssrnet_released").is_dir():
        pytest.skip("the released weights are not here")
    network, x = SSRNet().eval(), faces(golden)
    network.load_keras(keras_arrays(data / "ssrnet_released" / f"{name}.h5"))
    expected = np.load(golden / "gold.npz")
    with torch.no_grad():
        ages = network.predict(x)
        theirs = torch.from_numpy(expected[f"{name}/pred_a"])
        torch.testing.assert_close(ages, theirs, atol=2e-3, rtol=0)
        check_parts(network, x, expected, f"{name}/", 1e-4)
        if name == "morph2":  # all that it knows is in Delta
            assert network.stages.share_alive(network.backbone(x)) == [0, 0, 0]
            network.stages.dynamic = 0.0
            np.testing.assert_allclose(network.predict(x), 39.21, atol=0.01)
            network.stages.local = 0.0
            np.testing.assert_allclose(network.predict(x), 36.851913, atol=1e-4)


def test_dropout_is_for_training_alone():
    torch.manual_seed(0)
    network, x = SSRNet(activation="softmax"), torch.rand(4, 3, 64, 64) * 255
    assert not torch.equal(network.predict(x), network.predict(x))
    network.eval()
    assert torch.equal(network.predict(x), network.predict(x))


def test_both_backbones_learn(data):
    torch.manual_seed(0)
    x = torch.rand(16, 3, 64, 64)
    y = torch.linspace(20, 60, 16)
    x += (y[:, None, None, None] - 40) / 40  # brighter with age
    network = SSRNet(activation="softmax")
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    first = network.loss(x, y).item()
    for _ in range(60):
        optimiser.zero_grad()
        loss = network.loss(x, y)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.6 * first
    residual = CompactResidual(8)
    assert residual(x).shape == (16, residual.features) == (16, 64)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SSRNet().predict(torch.zeros(1, 3, 32, 64)), r"faces: expected \[n, 3, 64, 64\]"),
        (lambda: SSRNet().predict(torch.zeros(3, 64, 64)), r"faces: expected \[n, 3, 64, 64\]"),
        (lambda: SSRNet((3, 3)), "bins: expected those of three stages"),
        (lambda: SSRNet(activation="tanh"), "activation: expected relu or softmax"),
        (lambda: SSRNet().load_keras({}), "weights: conv2d_1/kernel is missing"),
    ],
)
def test_what_cannot_be_is_told(make, message):
    with pytest.raises(InputError, match=message):
        make()
