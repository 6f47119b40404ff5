"""Write docs/api.md, the reference: what each public module lists in `__all__`.

python docs/api.py
"""

import inspect
from importlib import import_module
from pathlib import Path
from typing import get_origin

PAGE = Path(__file__).with_name("api.md")
MODULES = (
    "sr_arn",
    "sr_arn.regressors",
    "sr_arn.regressors.ksvd",
    "sr_arn.nn",
    "sr_arn.nn.training",
    "sr_arn.models.base",
    "sr_arn.models.features",
    "sr_arn.models.restoration",
    "sr_arn.models.conv_network",
    "sr_arn.pictures.color",
    "sr_arn.age",
    "sr_arn.age.model",
    "sr_arn.age.model_file",
    "sr_arn.age.training",
    "sr_arn.age.prediction",
    "sr_arn.age.heads",
    "sr_arn.age.heads.base",
    "sr_arn.age.heads.margin",
    "sr_arn.age.losses",
    "sr_arn.age.boxes",
    "sr_arn.age.backbones",
    "sr_arn.age.faces",
    "sr_arn.age.datasets",
    "sr_arn.age.metrics",
)


def page() -> str:
    """Return the text of the page; each object stands in the first module that lists it."""
    lines = ["# Reference", "", "Made by `python docs/api.py` of what the modules list.", ""]
    seen: set[int] = set()
    for name in MODULES:
        module = import_module(name)
        lines += [f"## {name}", "", "```{eval-rst}"]
        for member in module.__all__:
            found = getattr(module, member)
            if id(found) not in seen and get_origin(found) is None:  # nor is it a type's alias
                lines += _directive(f"{name}.{member}", found)
            seen.add(id(found))
        lines[-1:] = ["```", ""]
    return "\n".join(lines)


def _directive(path: str, found: object) -> list[str]:
    if inspect.isclass(found) and issubclass(found, Exception):
        return [f".. autoexception:: {path}", ""]
    if inspect.isclass(found):
        return [f".. autoclass:: {path}", "   :members:", ""]
    if inspect.isroutine(found):
        return [f".. autofunction:: {path}", ""]
    return [f".. autodata:: {path}", "   :no-value:", ""]


if __name__ == "__main__":
    PAGE.write_text(page())
