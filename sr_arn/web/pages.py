"""Pages in one file, with style, scripts and pictures inside."""

import base64
import hashlib
from dataclasses import asdict, dataclass
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

__all__ = ["Version", "View", "local_page", "page", "picture_source", "static"]

LARGEST_WEBP = 1 << 22  # pixels; beyond, PNG is much faster
LONGEST_WEBP = 16_383  # pixels a side
SCRIPT = "slider.js"

_templates = Environment(
    loader=PackageLoader("sr_arn.web"),
    autoescape=True,  # names of files and models may contain anything
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Version:
    """One of the compared pictures."""

    name: str
    source: str
    """Its address, or the picture as a data URI."""
    note: str = ""


@dataclass(frozen=True)
class View:
    """Versions of one picture under a slider; two are shown at first."""

    title: str
    versions: tuple[Version, ...]
    left: int
    right: int

    def data(self) -> dict[str, Any]:
        """Return the data for the script."""
        return {name: value for name, value in asdict(self).items() if name != "title"}


def static(name: str) -> str:
    """Return the text of a style sheet or script."""
    return files("sr_arn.web").joinpath("static", name).read_text("utf-8")


def page(template: str, title: str, **content: Any) -> str:
    """Return a page in one file, in which only our script can run."""
    script = static(SCRIPT)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _templates.get_template(template).render(
        title=title,
        style=Markup(static("style.css")),  # noqa: S704  # ours
        script=Markup(script),  # noqa: S704
        script_hash=f"sha256-{digest}",
        **content,
    )


def local_page(**content: Any) -> str:
    """Return the page for uploads; the browser fetches its style and scripts."""
    return _templates.get_template("serve.html").render(**content)


def picture_source(pixels: NDArray[np.uint8], icc_profile: bytes | None = None) -> str:
    """Return a picture [h, w] or [h, w, 2 to 4] as a data URI, without loss."""
    kind = "png"
    options: dict[str, Any] = {}
    height, width = pixels.shape[:2]
    if height * width <= LARGEST_WEBP and max(height, width) <= LONGEST_WEBP:
        kind, options = "webp", {"lossless": True, "exact": True}
    if icc_profile:
        options["icc_profile"] = icc_profile
    whole = BytesIO()
    Image.fromarray(pixels).save(whole, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(whole.getbuffer()).decode()}"
