"""Faces with ages, and heads with poses, as they lie on people's disks."""

from collections.abc import Callable

from sr_arn.age.datasets.faces import Faces, read_faces
from sr_arn.age.datasets.fg_net import fgnet, fgnet_folds
from sr_arn.age.datasets.head_pose import Poses, biwi
from sr_arn.age.datasets.imdb import imdb_wiki
from sr_arn.age.datasets.lap import chalearn_lap
from sr_arn.age.datasets.megaage import megaage_asian
from sr_arn.age.datasets.morph import morph2
from sr_arn.age.datasets.utk import utkface

__all__ = [
    "DATASETS",
    "Faces",
    "Poses",
    "biwi",
    "chalearn_lap",
    "fgnet",
    "fgnet_folds",
    "imdb_wiki",
    "megaage_asian",
    "morph2",
    "read_faces",
    "utkface",
]

DATASETS: dict[str, Callable[..., Faces]] = {
    "fgnet": fgnet,
    "imdb-wiki": imdb_wiki,
    "lap": chalearn_lap,
    "megaage-asian": megaage_asian,
    "morph2": morph2,
    "utkface": utkface,
}
"""By the names that a command line knows; each takes a folder and a split first."""
