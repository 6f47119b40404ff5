"""The house: who may import whom."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "sr_arn"

# From the ground up; a module imports only what stands in an earlier row.
FLOORS = [
    ["_version", "errors", "parameters", "planes", "workers", "strips"],
    ["checks"],
    ["stores", "memory", "tensors", "headers", "cluster", "devices"],
    ["places", "samples"],
    ["files"],
    ["curve"],
    ["nn.anchored", "nn.checkpoint", "nn.ranks", "nn.symmetry"],
    ["nn.progress"],
    ["nn.deep", "nn.conv", "nn.training"],
    ["nn.conv_network"],
    ["nn"],
    ["epochs"],
    ["age.losses"],
    ["age.datasets.faces", "age.datasets.tables"],
    ["age.datasets.names", "age.datasets.parts"],
    ["age.datasets.fg_net", "age.datasets.head_pose", "age.datasets.imdb", "age.datasets.lap"],
    ["age.datasets.megaage", "age.datasets.morph", "age.datasets.utk"],
    ["age.metrics", "age.datasets", "age.heads.base"],
    ["age.heads.direct", "age.heads.likelihood", "age.heads.softmax", "age.heads.stagewise"],
    ["age.heads.energy", "age.heads.margin"],
    ["age.boxes", "age.backbones.ssrnet", "age.backbones.residual", "age.backbones.vgg"],
    ["age.backbones.borrowed", "age.faces"],
    ["age.heads", "age.backbones", "age.transfer"],
    ["age.model"],
    ["age.training", "age.model_file"],
    ["age.prediction"],
    ["age"],
    ["instructions", "compilation", "resize", "tiles", "color", "formats", "ifd", "jpeg"],
    [
        "exif",
        "vectors",
        "winograd",
        "patches",
        "sizes",
        "conv_ends",
        "sparse_coding",
        "nearest",
        "degradation",
    ],
    ["restoration"],
    ["detection"],
    ["products", "naming", "luminance_model"],
    ["kernels", "convolution", "ksvd", "neighbours", "metadata", "channels", "crops"],
    ["conv_model", "refinement", "picture"],
    ["soft", "png", "tiff", "metrics", "features", "regressors.base"],
    ["pil", "conv_arn", "conv_torch"],
    ["image_io"],
    ["regressors.anchors", "regressors.anchored", "regressors.normal_equations"],
    ["regressors.closed_form_torch"],
    ["regressors.gradient", "regressors.aplus", "regressors.global_arn"],
    ["regressors.arn", "regressors.deep_arn"],
    ["regressors", "datasets", "pairs", "patch_model"],
    ["patch_torch"],
    ["upscaler"],
    ["drawing"],
    ["validation"],
    ["model_kinds"],
    ["training_samples", "stored_models", "benchmark"],
    ["model_file"],
    ["train"],
    ["enlarger"],
    ["batch"],
    ["web.plot", "web.items"],
    ["web.desk"],
    [""],
    ["web.pages"],
    ["web.report", "web.app"],
    ["web"],
    ["cli.options", "cli.progress", "cli.terminal", "cli.torchrun"],
    ["cli.upscale", "cli.train", "cli.benchmark", "cli.score", "cli.models", "cli.data"],
    ["cli.doctor", "cli.completion", "cli.compare", "cli.serve"],
    ["cli.age.options"],
    ["cli.age.train", "cli.age.evaluate", "cli.age.predict"],
    ["cli.age"],
    ["cli"],
    ["__main__"],
]
FLOOR = {module: number for number, row in enumerate(FLOORS) for module in row}
HEAVY = {
    "torch",
    "sklearn",
    "skimage",
    "scipy",
    "imagecodecs",
    "tifffile",
    "distributed",
    "fsspec",
    "upath",
}  # imported where they are used, not on loading


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(tree, everywhere):
    """Yield the modules that the code names in import statements, for typing only excepted."""
    todo = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield inner if inner.removeprefix("sr_arn.") in FLOOR else module
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        elif everywhere or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            todo.extend(ast.iter_child_nodes(node))


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_downward(path):
    own_name = name_of(path)
    own = FLOOR[own_name]
    for module in imports(ast.parse(path.read_text()), everywhere=True):
        if module.startswith("sr_arn."):
            part = module.removeprefix("sr_arn.").partition(".")[0]
            if own_name.startswith("nn"):
                assert part in ("nn", "checks", "devices", "files")
            elif own_name.startswith("age"):  # the wing shares the layers and nothing else
                assert part in ("age", "nn", "checks", "files", "headers")
            else:
                assert part != "age" or own_name.startswith("cli")
        if module == "sr_arn" or module.startswith("sr_arn."):
            inner = module.removeprefix("sr_arn").removeprefix(".")
            assert FLOOR[inner] < own, f"{name_of(path)} imports {inner}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_heavy_packages_are_imported_where_they_are_used(path):
    by_torch = name_of(path).startswith(("nn", "age")) or name_of(path).endswith("_torch")
    allowed = {"torch"} if by_torch else set()
    if name_of(path) == "stores":  # which is imported where a URL comes
        allowed = {"fsspec", "upath"}
    tops = {m.partition(".")[0] for m in imports(ast.parse(path.read_text()), everywhere=False)}
    assert not tops & HEAVY - allowed


def test_every_floor_exists():
    assert {name_of(path) for path in MODULES} == set(FLOOR)


def test_the_check_can_fail():
    tree = ast.parse("def f():\n    from sr_arn.cli import main\n    import torch")
    assert set(imports(tree, everywhere=True)) == {"sr_arn.cli", "torch"}
    assert set(imports(tree, everywhere=False)) == set()
