"""The anchored regression layer over the windows of an image.

Agustsson et al. (ICCV 2017) leave this layer as future work: equations 4 to 6, where x is the
k x k window around each pixel.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sr_arn.checks import check_integer
from sr_arn.errors import InputError, display
from sr_arn.nn.anchored import Similarity, check_similarity

__all__ = ["ConvAnchoredRegression2d"]


class ConvAnchoredRegression2d(nn.Module):
    """A soft assignment of every pixel's window to anchors, each with a bank of filters.

    With similarities s_i to the anchors c_i and sharpness K, at every pixel::

        alpha = softmax_i(K s_i(window) + o_i)
        output = sum_i alpha_i (W_i * window + b_i)

    It equals `AnchoredRegression` on the windows, [in_channels, k, k] each, and is one
    convolution with the anchors and all filters (and for "abs_cosine" one more).

    Parameters
    ----------
    in_channels, out_channels : int
        At least 1.
    kernel_size : int
        k, at least 1.
    anchors : int
        m, at least 1.
    similarity : {"dot", "abs_dot", "neg_sqdist", "abs_cosine"}, default "dot"
        As in `AnchoredRegression`.
    sharpness : float, default 1.0
        K, above 0. Not learned.
    bias : bool, default True
        Whether the filters have biases b_i.
    similarity_bias : bool, default False
        Whether there are offsets o_i.
    top_k : int, optional
        Number of the most similar anchors that share an assignment; by default all.
    padding : int, default 0
        Width of the zeros around the input.

    Attributes
    ----------
    anchors : Parameter [m, in_channels, k, k]
    weight : Parameter [m, out_channels, in_channels, k, k]
    bias : Parameter [m, out_channels] or None
    similarity_bias : Parameter [m] or None
        All are initialised as in `AnchoredRegression`.

    Raises
    ------
    InputError
        If a parameter is out of range.

    Examples
    --------
    >>> import torch
    >>> layer = ConvAnchoredRegression2d(8, 4, kernel_size=3, anchors=16, padding=1)
    >>> layer(torch.zeros(2, 8, 20, 30)).shape
    torch.Size([2, 4, 20, 30])
    >>> layer.assignments(torch.zeros(2, 8, 20, 30)).shape
    torch.Size([2, 16, 20, 30])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        anchors: int,
        similarity: Similarity = "dot",
        sharpness: float = 1.0,
        bias: bool = True,
        similarity_bias: bool = False,
        top_k: int | None = None,
        padding: int = 0,
    ) -> None:
        super().__init__()
        self.in_channels = check_integer(in_channels, "in_channels", 1)
        self.out_channels = check_integer(out_channels, "out_channels", 1)
        k = check_integer(kernel_size, "kernel_size", 1)
        m = check_integer(anchors, "anchors", 1)
        self.padding = check_integer(padding, "padding", 0)
        check_similarity(similarity, sharpness)
        if top_k is not None and check_integer(top_k, "top_k", 1) > m:
            raise InputError(f"top_k: expected at most the {m} anchors, received {top_k}")
        self.similarity = similarity
        self.sharpness = float(sharpness)
        self.top_k = top_k
        self.anchors = nn.Parameter(torch.empty(m, in_channels, k, k))
        self.weight = nn.Parameter(torch.empty(m, out_channels, in_channels, k, k))
        self.bias = nn.Parameter(torch.empty(m, out_channels)) if bias else None
        self.similarity_bias = nn.Parameter(torch.empty(m)) if similarity_bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise anchors and filters by torch's global generator."""
        length = self.anchors[0].numel()
        nn.init.normal_(self.anchors, std=1.0 if self.similarity == "neg_sqdist" else length**-0.5)
        limit = math.sqrt(6 / (length + self.out_channels))
        nn.init.uniform_(self.weight, -limit, limit)
        for parameter in (self.bias, self.similarity_bias):
            if parameter is not None:
                nn.init.zeros_(parameter)

    def assignments(self, x: Tensor) -> Tensor:
        """Return alpha [n, m, h', w'] for x [n, in_channels, h, w]; 1 in sum over the anchors."""
        return self._assignments(x, F.conv2d(x, self.anchors, padding=self.padding))

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs [n, out_channels, h', w'] for x [n, in_channels, h, w].

        h' = h + 2 padding - k + 1, likewise w'. It needs memory for n m out_channels h' w' more
        numbers.
        """
        if x.ndim != 4:
            shape = f"[n, {self.in_channels}, h, w]"
            raise InputError(f"input: expected {shape}, received {display(list(x.shape))}")
        m = len(self.anchors)
        filters = torch.cat([self.anchors, self.weight.flatten(0, 1)])
        both = F.conv2d(x, filters, padding=self.padding).to(filters.dtype)  # autocast lowers it
        products, each = both[:, :m], both[:, m:]
        alpha = self._assignments(x, products).unsqueeze(2)
        each = each.reshape(-1, m, self.out_channels, *each.shape[2:])
        if self.bias is not None:
            each = each + self.bias[..., None, None]
        return (alpha * each).sum(dim=1)

    def _assignments(self, x: Tensor, products: Tensor) -> Tensor:
        """Return alpha, given the products of windows and anchors [n, m, h', w']."""
        if self.similarity == "abs_cosine":
            ones = torch.ones_like(self.anchors[:1])
            squares = F.conv2d(x.square(), ones, padding=self.padding)
            products = products / squares.clamp_min(1e-24).sqrt()  # finite gradients also at 0
        if self.similarity in ("abs_dot", "abs_cosine"):
            products = products.abs()
        elif self.similarity == "neg_sqdist":  # softmax cancels -||x||^2, equal for all
            squares = self.anchors.square().sum(dim=(1, 2, 3))
            products = 2 * products - squares[:, None, None]
        logits = self.sharpness * products
        if self.similarity_bias is not None:
            logits = logits + self.similarity_bias[:, None, None]
        if self.top_k is not None:
            most, kept = logits.topk(self.top_k, dim=1)
            logits = torch.full_like(logits, -math.inf).scatter(1, kept, most)
        return logits.softmax(dim=1)

    def extra_repr(self) -> str:
        """Show sizes and similarity."""
        top = "" if self.top_k is None else f", top_k={self.top_k}"
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.anchors.shape[-1]}, "
            f"anchors={len(self.anchors)}, similarity={self.similarity!r}, "
            f"sharpness={self.sharpness}{top}, padding={self.padding}"
        )
