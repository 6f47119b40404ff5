"""A kind of luminance model that is registered, and nothing else, works everywhere."""

import json

import numpy as np
import pytest
from conftest import SHIPPED, opened

from sr_arn import InputError, imresize, load_model
from sr_arn.cli import main
from sr_arn.models import kinds
from sr_arn.models.base import TrainedModel
from sr_arn.planes import NO_RIM
from sr_arn.training import trainers
from sr_arn.training.trainer import Trainer

NAME = "sharpening"


def sharp_part(lr):
    """Return how far each pixel differs from the mean of its four neighbours."""
    around = np.pad(lr, 1, mode="edge")
    mean = (around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]) / 4
    return (lr - mean).astype(np.float32)


class SharpModel(TrainedModel):
    """Bicubic up-scaling of a plane that was made sharper."""

    kind = "sharp"
    title = "sharpening model"
    name = NAME
    reach = 3

    def __init__(self, scale, amount):
        self.scale = scale
        self.amount = amount

    def __call__(self, lr, rim=NO_RIM):
        return rim.cut(imresize(lr + self.amount * sharp_part(lr), self.scale), self.scale)

    def gallery(self):
        seen = sharp_part(np.eye(9, dtype=np.float32))
        return [(seen, self.amount * seen)]

    def to_file(self):
        return {}, {"amount": self.amount}

    @classmethod
    def axes(cls, header):
        return {"amount": (1,)}

    @classmethod
    def from_file(cls, header, arrays):
        return cls(header["scale"], arrays["amount"])


class SharpTrainer(Trainer):
    """Least squares of the amount.

    Parameters
    ----------
    trust : float, default 1.0
        Share of the amount that is taken, 0 to 1. Less is softer.
    """

    name = NAME

    def __init__(self, trust: float = 1.0) -> None:
        self.trust = trust

    def fit_images(self, data, **options):
        pairs = [image.pair(data.scale, data.degrade) for image in data.images()]
        lacking = [hr - imresize(lr, data.scale) for hr, lr in pairs]
        given = [imresize(sharp_part(lr), data.scale) for _, lr in pairs]
        products = [(np.vdot(g, m), np.vdot(g, g)) for g, m in zip(given, lacking, strict=True)]
        moment, energy = np.sum(products, axis=0)
        amount = np.full(1, self.trust * moment / energy, np.float32)
        self.model_ = SharpModel(data.scale, amount)
        return {"amount": float(amount[0])}


@pytest.fixture(scope="module", autouse=True)
def registered():
    kinds.register(SharpModel)
    trainers.register(SharpTrainer)
    yield
    del kinds.KINDS[SharpModel.kind]
    del trainers.TRAINERS[SharpTrainer.name]


@pytest.fixture(scope="module")
def model(tmp_path_factory, parts, registered):
    """A file that `sr-arn train` wrote."""
    path = tmp_path_factory.mktemp("toy") / "toy.safetensors"
    assert main(["train", str(parts), "-o", str(path), "--regressor", NAME, "--trust", "0.5"]) == 0
    return path


def test_train_tells_how_it_does_on_what_is_held_out(parts, tmp_path, capsys):
    path = tmp_path / "toy.safetensors"
    arguments = ["train", str(parts), "-o", str(path), "--regressor", NAME, "--validation", "1"]
    assert main(arguments) == 0
    rows = [row.split() for row in capsys.readouterr().out.splitlines() if row.startswith("| ")]
    scores = {row[1]: float(row[3]) for row in rows[2:]}
    assert scores["toy"] > scores["bicubic"]


def test_its_file_holds_it(model, tmp_path):
    from sr_arn import save_model

    upscaler = load_model(model)
    assert type(upscaler.model) is SharpModel
    training = upscaler.header["training"]
    assert training["parameters"] == {"trust": 0.5}
    assert training["amount"] == pytest.approx(upscaler.model.amount[0])
    save_model(tmp_path / "again.safetensors", upscaler)
    again = load_model(tmp_path / "again.safetensors")
    np.testing.assert_array_equal(again.model.amount, upscaler.model.amount)


def test_upscale_takes_it(model, tmp_path):
    out = tmp_path / "out.png"
    picture = str(SHIPPED / "coffee.png")
    assert main(["upscale", picture, "-o", str(out), "--model", str(model), "--tile", "50"]) == 0
    whole = load_model(model).upscale(np.asarray(opened(SHIPPED / "coffee.png")))
    np.testing.assert_array_equal(np.asarray(opened(out)), whole)
    with pytest.raises(InputError, match="sharpening runs on the CPU only"):
        load_model(model).to("cpu")


def test_benchmark_and_report_take_it(model, parts, tmp_path, capsys):
    page = tmp_path / "page.html"
    arguments = ["benchmark", "--data", str(parts.parent), "--sets", parts.name, "--json"]
    assert main([*arguments, "--models", f"bicubic,{model}", "--report", str(page)]) == 0
    bicubic, own = json.loads(capsys.readouterr().out)["scores"]
    assert own["psnr"] > bicubic["psnr"]
    assert "toy.safetensors" in page.read_text()


def test_models_describes_and_draws_it(model, tmp_path, capsys):
    assert main(["models", "show", str(model)]) == 0
    shown = capsys.readouterr().out
    assert "regressor:   sharpening" in shown
    assert "settings:    trust 0.5" in shown
    assert main(["models", "show", str(model), "-o", str(tmp_path / "drawn.png")]) == 0
    assert opened(tmp_path / "drawn.png").height == 36 + 2 * 4


def test_completion_and_help_know_it(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")  # help in long lines
    assert main(["completion", "bash"]) == 0
    completed = capsys.readouterr().out
    assert NAME in completed
    assert "--trust" in completed
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "--trust R Share of the amount that is taken, 0 to 1; of sharpening" in said


def test_errors_name_it(parts, model, capsys):
    arguments = ["train", str(parts), "-o", str(model)]
    assert main([*arguments, "--trust", "1"]) == 2
    assert "trust: the regressor aplus takes none" in capsys.readouterr().err
    assert main([*arguments, "--regressor", NAME, "--resume", "x"]) == 2
    assert "resume: the regressor sharpening makes no checkpoints" in capsys.readouterr().err
    assert main([*arguments, "--regressor", "magic"]) == 2
    known = "expected one of aplus, global-arn, arn, deep-arn, conv-arn, sharpening"
    assert known in capsys.readouterr().err


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="kind: 'conv' is taken by ConvModel"):
        kinds.register(type("Other", (SharpModel,), {"kind": "conv"}))


def test_a_file_of_an_unknown_kind_is_told(model, monkeypatch):
    monkeypatch.delitem(kinds.KINDS, "sharp")
    with pytest.raises(InputError, match=r"toy\.safetensors: header field 'kind' is sharp"):
        load_model(model)
