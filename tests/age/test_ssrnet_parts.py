"""SSR-Net part by part: norms, dropout, what each stage makes of its maps, the loss."""

from math import tanh

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.backbones import SSRNet, SSRStages  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def norms():
    found = [m for m in SSRNet().modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert [norm.num_features for norm in found] == [32] * 4 + [16] * 4
    return found


def test_norms_take_over_a_hundredth_of_each_batch():
    for norm in norms():
        x = 5 + 3 * torch.randn(4, norm.num_features, 6, 6)
        norm(x)
        mean, var = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3))
        torch.testing.assert_close(norm.running_mean, 0.01 * mean)
        torch.testing.assert_close(norm.running_var, 0.99 + 0.01 * var)


def test_norms_add_a_thousandth_to_variances():
    for norm in norms():
        x = 0.03 * torch.randn(4, norm.num_features, 6, 6)  # of variance 0.0009
        centred = x - x.mean(dim=(0, 2, 3), keepdim=True)
        expected = centred / (centred.square().mean(dim=(0, 2, 3), keepdim=True) + 1e-3).sqrt()
        torch.testing.assert_close(norm(x), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def passing(stage, stream):
    """Let the bins of a stage be its features of one stream, times 1."""
    other = {"second": "first", "first": "second"}[stream]
    getattr(stage, f"of_{stream}").weight.copy_(torch.eye(len(stage.p.bias)))
    getattr(stage, f"of_{other}").weight.zero_()
    getattr(stage, f"of_{other}").bias.fill_(1.0)
    return stage


@pytest.mark.parametrize("stream", ["first", "second"])
def test_a_fifth_of_the_features_is_dropped(stream):
    for stage, cells in zip(SSRStages(bins=(160, 90, 90)).stages, (16, 9, 9), strict=True):
        ones = torch.ones(300, 10 * cells)
        bins = passing(stage, stream).bins(ones, ones)
        kept = bins[bins > 0]
        torch.testing.assert_close(kept, torch.full_like(kept, 1 / 0.8))
        assert len(kept) / bins.numel() == pytest.approx(0.8, abs=0.01)
        assert (passing(stage, stream).eval().bins(ones, ones) == 1).all()


def test_dropout_leaves_delta_alone():
    stages, features = SSRStages(activation="softmax"), torch.rand(5, 680)
    maps = features.split([160, 160, 90, 90, 90, 90], dim=1)
    torch.nn.init.normal_(stages.stages[0].delta.bias)
    once, again = stages.parts(features), stages.parts(features)
    for k, (stage, first, second) in enumerate(zip(stages.stages, once, again, strict=True)):
        assert not torch.equal(first[0], second[0])
        assert not torch.equal(first[1], second[1])
        u, v = (x.double() for x in maps[2 * k : 2 * k + 2])
        expected = ((u * v) @ stage.delta.weight[0].double() + stage.delta.bias.double()).tanh()
        for _, _, delta in (first, second):
            torch.testing.assert_close(delta, expected.float())


@pytest.mark.parametrize("options", [{}, {"activation": "softmax"}])
def test_shifts_and_scales_are_within_one(options):
    stages = SSRStages(**options)
    values = torch.tensor([-0.5, 0.25, 3.0])
    with torch.no_grad():
        for stage in stages.stages:
            for layer in (stage.both, stage.p, stage.eta, stage.delta):
                layer.weight.zero_()
            stage.p.bias.copy_(values)
            stage.eta.bias.copy_(values)
            stage.delta.bias.fill_(-2.0)
    expected = values.exp() / values.exp().sum() if options else values.clamp_min(0)
    for p, eta, delta in stages.parts(torch.rand(2, 680)):
        torch.testing.assert_close(p[0], expected)
        torch.testing.assert_close(eta[0], torch.tensor([tanh(-0.5), tanh(0.25), tanh(3)]))
        torch.testing.assert_close(delta, torch.full((2,), tanh(-2)))


@pytest.mark.parametrize("make", [SSRNet, SSRStages])
def test_the_loss_is_the_mean_absolute_error(make):
    head = make().eval()
    x = torch.rand(2, 3, 64, 64) if make is SSRNet else torch.rand(2, 680)
    y = head.predict(x).detach() + torch.tensor([[-3.0], [10.0]])
    assert head.loss(x, y).item() == pytest.approx(6.5)  # not 54.5, of squares
