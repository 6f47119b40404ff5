import math

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn import InputError  # noqa: E402
from sr_arn.nn import AnchoredRegression, ConvAnchoredRegression2d  # noqa: E402

SIMILARITIES = ["dot", "abs_dot", "neg_sqdist", "abs_cosine"]


def make(similarity="dot", sizes=(3, 2, 3, 5), **options):
    torch.manual_seed(0)
    settings = {"sharpness": 1.7, "similarity_bias": True, **options}
    layer = ConvAnchoredRegression2d(*sizes, similarity, **settings)
    with torch.no_grad():
        for bias in (layer.bias, layer.similarity_bias):
            if bias is not None:
                bias.normal_()
    return layer.double()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_equals_the_layer_on_every_window(similarity, padding, bias):
    conv = make(similarity, padding=padding, bias=bias)
    layer = AnchoredRegression(27, 2, 5, similarity, 1.7, bias, similarity_bias=True).double()
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.copy_(getattr(conv, name).reshape(parameter.shape))
    x = torch.randn(2, 3, 6, 7, dtype=torch.float64)
    windows = torch.nn.functional.unfold(x, 3, padding=padding).transpose(1, 2)
    size = (6 + 2 * padding - 2, 7 + 2 * padding - 2)
    for of_images, of_rows in ((conv, layer), (conv.assignments, layer.assignments)):
        expected = of_rows(windows).transpose(1, 2).unflatten(2, size)
        torch.testing.assert_close(of_images(x), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_gradients(similarity):
    conv = make(similarity, (2, 2, 3, 3), padding=1)
    x = torch.randn(1, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in conv.named_parameters()]

    def outputs(x, *parameters):
        return torch.func.functional_call(conv, dict(zip(names, parameters, strict=True)), x)

    assert torch.autograd.gradcheck(outputs, (x, *conv.parameters()))


def test_top_k_shares_among_the_most_similar_alone():
    x = torch.randn(2, 3, 6, 7, dtype=torch.float64)
    full = make(padding=1).assignments(x)
    sparse = make(padding=1, top_k=2).assignments(x)
    assert ((sparse > 0).sum(dim=1) == 2).all()
    best, kept = full.topk(2, dim=1)
    expected = torch.zeros_like(full).scatter(1, kept, best / best.sum(dim=1, keepdim=True))
    torch.testing.assert_close(sparse, expected)
    torch.testing.assert_close(make(padding=1, top_k=5)(x), make(padding=1)(x))


def test_the_sharper_the_nearer_to_one_filter_bank():
    x = torch.randn(1, 3, 5, 5, dtype=torch.float64)
    sharp, hard = make(sharpness=1e6), make(top_k=1)
    torch.testing.assert_close(sharp(x), make(sharpness=1e6, top_k=1)(x))
    chosen = hard.assignments(x).argmax(dim=1)
    banks = torch.nn.functional.conv2d(x, hard.weight.flatten(0, 1)).unflatten(1, (5, 2))
    banks = banks + hard.bias[..., None, None]
    expected = banks.gather(1, chosen[:, None, None].expand(1, 1, 2, 3, 3)).squeeze(1)
    torch.testing.assert_close(hard(x), expected)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_black_areas_have_finite_gradients(similarity):
    conv = make(similarity)
    x = torch.randn(1, 3, 6, 6, dtype=torch.float64)
    x[..., :4, :4] = 0
    x.requires_grad_()
    conv(x).sum().backward()
    assert all(p.grad.isfinite().all() for p in (x, *conv.parameters()))


def test_ties_share_among_no_more_than_top_k():
    alpha = make(top_k=1, similarity_bias=False).assignments(torch.zeros(1, 3, 3, 3).double())
    assert alpha.flatten().sort().values.tolist() == [0, 0, 0, 0, 1]


def test_other_shapes_are_refused():
    with pytest.raises(InputError, match=r"expected \[n, 3, h, w\], received \[3, 5, 5\]"):
        make()(torch.zeros(3, 5, 5).double())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1, 3, 4), "in_channels: expected an integer of at least 1, received 0"),
        ((1, 1, 0, 4), "kernel_size: expected an integer of at least 1, received 0"),
        ((1, 1, 3, 4, "cosine"), "similarity: expected one of dot, .*, received cosine"),
        ((1, 1, 3, 4, "dot", math.inf), "sharpness: expected a finite number above 0"),
        ((1, 1, 3, 4, "dot", 1, True, False, 5), "top_k: expected at most the 4 anchors"),
        ((1, 1, 3, 4, "dot", 1, True, False, None, -1), "padding: expected an integer"),
    ],
)
def test_bad_parameters(arguments, message):
    with pytest.raises(InputError, match=message):
        ConvAnchoredRegression2d(*arguments)
