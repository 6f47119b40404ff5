"""Faces with ages, and heads with poses, as they lie on people's disks."""

from sr_arn.age.datasets import fg_net, imdb, lap, megaage, morph, utk
from sr_arn.age.datasets.face_set import FaceSet
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
    "FaceSet",
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

DATASETS: dict[str, FaceSet] = {
    module.FACE_SET.name: module.FACE_SET for module in (fg_net, imdb, lap, megaage, morph, utk)
}
"""By the names that the command line knows."""
