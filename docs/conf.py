"""How Sphinx makes the documentation: sphinx-build -W docs build/docs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sr_arn._version import __version__

project = "sr_arn"
author = "the founders of sr_arn"
release = __version__
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings tell shapes and ranges too
exclude_patterns = ["_build"]
html_theme = "furo"
html_show_copyright = False
html_title = f"sr_arn {release}"
