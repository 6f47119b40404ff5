"""ARN and Deep ARN trained by torch: laws, determinism, checkpoints, mistakes."""

import json
import shutil
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sklearn.utils.estimator_checks import check_estimator  # noqa: E402 - after torch's check

from sr_arn import InputError, UnavailableError  # noqa: E402
from sr_arn.cli import main  # noqa: E402
from sr_arn.nn import AnchoredRegression  # noqa: E402
from sr_arn.nn.training import Recipe, Shuffled, train  # noqa: E402
from sr_arn.regressors import ARNRegressor, DeepARNRegressor, GlobalARNRegressor  # noqa: E402
from sr_arn.regressors.numpy_layer import SIMILARITIES  # noqa: E402

REGRESSORS = [
    ARNRegressor(anchors=6, rank=4, components=3, epochs=3, batch_size=64),
    ARNRegressor(anchors=6, rank=None, components=None, epochs=3, batch_size=64),
    DeepARNRegressor(anchors=4, layers=3, epochs=3, batch_size=64),
    DeepARNRegressor(anchors=4, layers=1, epochs=3, batch_size=64),
]


def clone(model, **changes):
    return type(model)(**{**model.get_params(), **changes})


def bent(count):
    X = np.random.default_rng(0).normal(size=(count, 5)).astype(np.float32)
    y = np.abs(X[:, :1]) * X / np.linalg.norm(X, axis=1, keepdims=True)
    return X, (y[:, :3] + 7).astype(np.float32)


@pytest.fixture(scope="module")
def samples():
    return bent(1000)


@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit", "ignore:Skipping check")
@pytest.mark.parametrize(
    "model",
    [
        ARNRegressor(epochs=10),
        DeepARNRegressor(layers=2, epochs=10),
        pytest.param(ARNRegressor(), id="arn, as it is", marks=pytest.mark.slow),
        pytest.param(DeepARNRegressor(), id="deep-arn, as it is", marks=pytest.mark.slow),
    ],
)
def test_scikit_learn_accepts_it_within_a_minute(model):
    before = time.process_time()
    results = check_estimator(model, on_fail=None)
    assert time.process_time() - before < 60 * torch.get_num_threads()  # of processors
    assert len(results) > 40
    assert [r for r in results if r["status"] not in ("passed", "skipped")] == []


@pytest.mark.parametrize("model", [ARNRegressor(), DeepARNRegressor()])
@pytest.mark.parametrize(
    ("samples", "epochs", "batch_size"),
    [(1, 50, 16), (320, 50, 16), (1024, 16, 16), (65_536, 16, 1024), (5_000_000, 10, 2048)],
)
def test_few_samples_are_passed_over_more_often(model, samples, epochs, batch_size):
    recipe, found = model._plan(samples, 0)
    assert (recipe.epochs, found) == (epochs, batch_size)


@pytest.mark.parametrize("model", REGRESSORS, ids=repr)
def test_learns_what_a_line_cannot(model):
    X, y = bent(3000)
    linear = GlobalARNRegressor(anchors=1).fit(X[:2000], y[:2000])
    model = clone(model, epochs=10).fit(X[:2000], y[:2000])
    assert model.score(X[2000:], y[2000:]) > 0.8 > linear.score(X[2000:], y[2000:])


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("model", REGRESSORS, ids=repr)
def test_torch_and_numpy_predict_alike(samples, model, similarity):
    X, y = samples
    model = clone(model, similarity=similarity, sharpness=1.5)
    kept = []
    build = model._network
    model._network = lambda *sizes: kept.append(build(*sizes)) or kept[0]
    predicted = model.fit(X[:500], y[:500]).predict(X)
    mean = y[:500].mean(axis=0)
    x_scale = 0.6 / np.sqrt(np.mean(X[:500] ** 2))
    y_scale = 0.8 / np.sqrt(np.mean((y[:500] - mean) ** 2))
    with torch.no_grad():
        expected = kept[0](torch.from_numpy(X) * x_scale).numpy() / y_scale + mean
    np.testing.assert_allclose(predicted, expected, atol=1e-5)


@pytest.mark.usefixtures("two_threads")
def test_seed_decides():
    X, y = bent(320)
    for model in REGRESSORS:
        first, again = (clone(model).fit(X, y).predict(X) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        other = clone(model, random_state=1).fit(X, y).predict(X)
        assert not np.array_equal(first, other)


def test_half_precision_learns_as_well(samples):
    X, y = samples
    for model in REGRESSORS:
        scores = [
            clone(model, epochs=6, precision=precision).fit(X, y).score(X, y)
            for precision in ("float32", "bfloat16")
        ]
        assert scores[1] > scores[0] - 0.02


@pytest.fixture
def compiler(monkeypatch, tmp_path):
    """Torch's compiler, which has made nothing yet."""
    if shutil.which("g++") is None:
        pytest.skip("the program g++ is not installed")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch.compiler.reset()
    yield torch.compile
    torch.compiler.reset()


@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # torch's own
@pytest.mark.slow  # the gate runs it by itself: a C++ compiler takes half a minute
def test_compiled_learns_the_same(samples, compiler, tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda *a, **k: compiled.append(a) or compiler(*a, **k))
    model, kept = clone(REGRESSORS[2], compiled=True), tmp_path / "kept.safetensors"

    def keep(progress):
        if progress.epoch_ended and progress.epoch == 2:
            shutil.copy(tmp_path / "c.safetensors", kept)

    predicted = model.fit(*samples, checkpoint=tmp_path / "c.safetensors", observe=keep).predict(
        samples[0]
    )
    assert len(compiled) == 1
    expected = clone(model, compiled=False).fit(*samples).predict(samples[0])
    np.testing.assert_allclose(predicted, expected, atol=1e-3)
    resumed = clone(model).fit(*samples, resume=kept).predict(samples[0])
    np.testing.assert_array_equal(resumed, predicted)
    with pytest.raises(InputError, match="checkpoint"):
        clone(model, compiled=False).fit(*samples, resume=kept)


@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")
def test_a_missing_compiler_is_told(parts, compiler, tmp_path, capsys):
    options = ["--regressor", "arn", "--anchors", "3", "--scale", "2", "--device", "cpu"]
    with torch._inductor.config.patch({"cpp.cxx": (None, "/none")}):
        model = str(tmp_path / "m.safetensors")
        assert main(["train", str(parts), "-o", model, "--quiet", "--compile", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("sr-arn: error: compile: torch cannot compile the network here (No ")
    assert "/none" in error
    assert error.count("\n") == 1


def test_a_python_that_torch_cannot_compile_is_told(samples, compiler, monkeypatch):
    def refuse(*arguments, **options):
        raise RuntimeError("torch.compile is not supported on Python 3.99")

    monkeypatch.setattr(torch, "compile", refuse)
    with pytest.raises(
        UnavailableError, match=r"^compile: .* \(torch.compile .* 3.99\); leave it out$"
    ):
        clone(REGRESSORS[0], compiled=True).fit(*samples)


def test_fitting_leaves_torchs_generator_alone(samples):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    clone(REGRESSORS[0]).fit(*samples)
    assert torch.equal(torch.rand(3), expected)


def test_anchors_share_regressors_and_targets_a_basis(samples):
    model = clone(REGRESSORS[0], components=2).fit(*samples)
    shapes = {name: array.shape for name, array in model.arrays().items()}
    assert shapes == {
        "anchors": (6, 5), "mixing": (6, 4), "basis": (2, 3), "weight": (4, 2, 5), "bias": (4, 2),
        "intercept": (3,),
    }  # fmt: skip
    whole = AnchoredRegression(5, 3, 6, "abs_cosine", model.sharpness).double()
    mix, basis, weight, bias = (
        torch.from_numpy(array).double()
        for array in (model.mixing_, model.basis_, model.weight_, model.bias_)
    )
    with torch.no_grad():
        whole.anchors.copy_(torch.from_numpy(model.anchors_))
        whole.weight.copy_(torch.einsum("mr,rqd,qt->mtd", mix, weight, basis))
        whole.bias.copy_(mix @ bias @ basis)
        expected = whole(torch.from_numpy(samples[0]).double()).numpy() + model.intercept_
    np.testing.assert_allclose(model.predict(samples[0].astype(float)), expected, atol=1e-6)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_given_anchors_are_where_it_starts(samples, similarity):
    anchors = 4 * np.eye(5)[:3]
    model = ARNRegressor(
        anchors, similarity=similarity, sharpness=1.0, epochs=1, learning_rate=1e-9
    ).fit(*samples)
    np.testing.assert_allclose(model.anchors_, anchors, atol=1e-5)


@pytest.mark.parametrize("similarity", ["abs_cosine", "neg_sqdist"])
def test_the_unit_of_the_features_does_not_matter(similarity):
    X, y = bent(500)
    scores = []
    for unit in (0.01, 1.0, 100.0):
        sharpness = 2.0 if similarity == "abs_cosine" else 2.0 / unit**2
        model = ARNRegressor(6, similarity=similarity, sharpness=sharpness, epochs=3).fit(
            X * np.float32(unit), y
        )
        scores.append(model.score(X * np.float32(unit), y))
    np.testing.assert_allclose(scores, scores[1], atol=1e-3)


def test_the_mean_of_many_single_precision_targets():
    X = np.ones((1_000_000, 1), np.float32)
    y = np.full(1_000_000, 50.1, np.float32)
    model = ARNRegressor(2, rank=None, epochs=1, batch_size=1_000_000).fit(X, y)
    assert float(model.intercept_) == pytest.approx(50.1, abs=1e-3)


def test_parameters_may_be_numpy_scalars(tmp_path, samples):
    model = ARNRegressor(
        np.int64(4), sharpness=np.float32(3), rank=np.int64(2), epochs=np.int64(1),
        learning_rate=np.float32(0.01), random_state=np.int64(1),
    ).fit(*samples, checkpoint=tmp_path / "c.safetensors")  # fmt: skip
    plain = ARNRegressor(4, sharpness=3.0, rank=2, epochs=1, random_state=1).fit(*samples)
    np.testing.assert_allclose(model.predict(samples[0]), plain.predict(samples[0]), atol=1e-5)


def test_with_fixed_anchors_it_approaches_the_closed_form(samples):
    X, y = (torch.from_numpy(a) for a in samples)
    closed = GlobalARNRegressor(anchors=np.eye(5), rank=None, regularisation=1e-6).fit(*samples)
    layer = AnchoredRegression(5, 3, 5, "abs_cosine", closed.sharpness)
    with torch.no_grad():
        layer.anchors.copy_(torch.from_numpy(closed.anchors_))
    layer.anchors.requires_grad_(False)
    train(layer, Shuffled(X, y, 50, 0), Recipe(40, 0.1), device="cpu")
    with torch.no_grad():
        trained = float((layer(X) - y).square().mean())
    best = float(np.square(closed.predict(samples[0]) - samples[1]).mean())
    assert best <= trained < 1.01 * best


def test_the_papers_recipe_lowers_the_loss():
    rng = np.random.default_rng(0)
    X = (0.2 * rng.normal(size=(2000, 5))).astype(np.float32)
    y = 0.2 * np.abs(X[:, :2])
    losses = []
    model = ARNRegressor(
        8,
        similarity="abs_dot",
        sharpness=1.0,
        rank=None,
        recipe="paper",
        epochs=5,
        learning_rate=1.0,
    )
    model.fit(X, y, observe=lambda p: losses.append(p.loss) if p.epoch_ended else None)
    assert losses == sorted(losses, reverse=True)
    rates = [Recipe(90, 20.0, "sgd", "halving").rate(e * 7, 7) for e in (0, 19, 20, 60, 89)]
    assert rates == [20, 20, 10, 2.5, 1.25]


def test_progress_is_told(samples):
    told = []
    model = ARNRegressor(anchors=4, epochs=2, batch_size=16)

    def observe(progress):
        told.append(progress)
        if progress.epoch_ended:
            assert model.score(*samples) < 1  # what was learned so far already predicts

    model.fit(*samples, observe=observe)
    ends = [p for p in told if p.epoch_ended]
    assert [(p.epoch, p.epochs, p.share) for p in ends] == [(1, 2, 0.5), (2, 2, 1.0)]
    assert len(told) == 2 * (1000 // 16 // 50 + 1)
    assert ends[1].loss < ends[0].loss
    assert ends[0].seconds_left > ends[1].seconds_left == 0


class Stop(Exception):
    pass


def stop_after(epoch):
    def observe(progress):
        if progress.epoch_ended and progress.epoch == epoch:
            raise Stop

    return observe


@pytest.mark.parametrize("model", REGRESSORS, ids=repr)
def test_resumed_it_ends_with_the_same_numbers(tmp_path, samples, model):
    path = tmp_path / "c.safetensors"
    whole = clone(model).fit(*samples)
    with pytest.raises(Stop):
        clone(model).fit(*samples, checkpoint=path, observe=stop_after(2))
    resumed = clone(model).fit(*samples, resume=path)
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(resumed.arrays()[name], array)


def test_checkpoints_of_other_runs_are_refused(tmp_path, samples):
    X, y = samples
    path = tmp_path / "c.safetensors"
    model = REGRESSORS[0]
    clone(model).fit(X, y, checkpoint=path)
    for change, message in (
        ({"epochs": 4}, "is of another recipe"),
        ({"random_state": 3}, "is of another recipe"),
        ({"anchors": 5}, "is of another model"),
        ({"sharpness": 5.0}, "is of another model"),
        ({"batch_size": 99}, "is of another data"),
    ):
        with pytest.raises(InputError, match=message):
            clone(model, **change).fit(X, y, resume=path)
    with pytest.raises(InputError, match="is of another data"):
        clone(model).fit(X + 1, y, resume=path)
    swapped = X.copy()
    swapped[[0, 1]] = X[[1, 0]]  # the same sums
    with pytest.raises(InputError, match="is of another data"):
        clone(model).fit(swapped, y, resume=path)
    with pytest.raises(InputError, match="there is no such file"):
        clone(model).fit(X, y, resume=tmp_path / "none")
    whole = path.read_bytes()
    for length in range(0, len(whole), len(whole) // 10):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="is damaged or cut off"):
            clone(model).fit(X, y, resume=path)
    path.write_bytes(b"\x80\x05nonsense")
    with pytest.raises(InputError, match="is damaged or cut off"):
        clone(model).fit(X, y, resume=path)


@pytest.fixture(scope="module")
def checkpoint(samples, tmp_path_factory):
    """The file that the first regressor leaves."""
    path = tmp_path_factory.mktemp("checkpoint") / "c.safetensors"
    clone(REGRESSORS[0]).fit(*samples, checkpoint=path)
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, header: tensors.pop("model.anchors"),
        lambda tensors, header: tensors.update({"model.more": np.zeros(3)}),
        lambda tensors, header: tensors.update({"model.anchors": np.zeros(3)}),
        lambda tensors, header: tensors.update({"optimiser.99.step": np.zeros(())}),
        lambda tensors, header: tensors.update({"optimiser.x.step": np.zeros(())}),
        lambda tensors, header: tensors.update({"optimiser.0.exp_avg": np.zeros(2)}),
        lambda tensors, header: tensors.update({"optimiser.0.step": np.zeros((), np.int64)}),
        lambda tensors, header: tensors.pop("optimiser.0.exp_avg"),
        lambda tensors, header: [tensors.pop(n) for n in list(tensors) if n[:3] == "opt"],
        lambda tensors, header: header.update(epochs=-3),
        lambda tensors, header: header.update(epochs=99),
        lambda tensors, header: header.update(epochs=True),
        lambda tensors, header: header.update(settings=[1]),
    ],
)
def test_checkpoints_are_checked(tmp_path, samples, checkpoint, change):
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    path = tmp_path / "c.safetensors"
    tensors = load_file(checkpoint)
    with safe_open(checkpoint, "numpy") as file:
        header = json.loads(file.metadata()["sr_arn_checkpoint"])
    change(tensors, header)
    save_file(tensors, path, metadata={"sr_arn_checkpoint": json.dumps(header)})
    with pytest.raises(InputError, match=r"checkpoint .*c\.safetensors: (does|is)"):
        clone(REGRESSORS[0]).fit(*samples, resume=path)


def test_a_model_is_no_checkpoint(samples):
    from sr_arn.models.files import BUNDLED

    with pytest.raises(InputError, match="is no checkpoint of sr-arn"):
        clone(REGRESSORS[0]).fit(*samples, resume=BUNDLED / "aplus-x2.safetensors")


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path, samples):
    from safetensors.numpy import load_file

    path = tmp_path / "c.safetensors"
    model = ARNRegressor(
        4,
        similarity="dot",
        rank=None,
        recipe="paper",
        batch_size=1000,
        epochs=90,
        learning_rate=1e4,
    )
    with pytest.raises(InputError, match=r"training: .* in epoch \d+; lower the learning rate"):
        model.fit(*samples, checkpoint=path)
    assert all(np.isfinite(array).all() for array in load_file(path).values())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"anchors": 0}, "anchors: expected an integer of at least 1"),
        ({"anchors": 1001}, "anchors: expected at most the 1000 samples"),
        ({"anchors": np.eye(4)}, r"anchors: expected an array \[m, 5\]"),
        ({"similarity": "cosine"}, "similarity: expected one of dot"),
        ({"sharpness": np.inf}, "sharpness: expected a finite number above 0"),
        ({"recipe": "best"}, "recipe: expected one-cycle or paper"),
        ({"epochs": 0}, "epochs: expected an integer of at least 1"),
        ({"batch_size": 0.5}, "batch_size: expected an integer of at least 1"),
        ({"learning_rate": -1}, "learning_rate: expected a finite number above 0"),
        ({"learning_rate": "a"}, "learning_rate: expected a finite number above 0"),
        ({"anchors": 2.5}, "anchors: expected an integer of at least 1"),
        ({"anchors": None}, "anchors: expected an integer of at least 1"),
        ({"random_state": -1}, "random_state: expected an integer of at least 0"),
        ({"random_state": 10**20}, r"random_state: expected less than 2\^63"),
        ({"precision": "half"}, "precision: expected float32 or bfloat16"),
        ({"device": "tpu"}, "device: expected auto, cpu or cuda"),
        ({"compiled": "no"}, "compiled: expected True or False, received no"),
    ],
)
def test_refuses_bad_parameters(samples, parameters, message):
    for model in (REGRESSORS[0], REGRESSORS[2]):
        with pytest.raises(InputError, match=message):
            clone(model, **parameters).fit(*samples)
    with pytest.raises(InputError, match="layers: expected an integer"):
        DeepARNRegressor(layers=0).fit(*samples)
    with pytest.raises(InputError, match="rank: expected an integer"):
        ARNRegressor(rank=0).fit(*samples)
    with pytest.raises(InputError, match="components: expected an integer"):
        ARNRegressor(components=0).fit(*samples)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_says_that_there_is_no_cuda_device(samples):
    with pytest.raises(UnavailableError, match="device: there is no CUDA device"):
        clone(REGRESSORS[0], device="cuda").fit(*samples)


def test_refuses_bad_arrays(samples):
    X, y = samples
    bad = X.copy()
    bad[3, 1] = np.nan
    for model in (REGRESSORS[0], REGRESSORS[2]):
        with pytest.raises(ValueError, match="NaN"):
            clone(model).fit(bad, y)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            clone(model).fit(X, y[:7])


@pytest.mark.parametrize("drawn", [None, np.random.RandomState(0), np.random.default_rng(0)])
def test_a_drawn_seed_is_not_resumed(tmp_path, drawn):
    checkpoint = tmp_path / "a.safetensors"
    checkpoint.write_bytes(b"")
    DeepARNRegressor(random_state=np.int64(0)).check_parameters(checkpoint)
    with pytest.raises(InputError, match="random_state: expected an integer, by which a training"):
        DeepARNRegressor(random_state=drawn).check_parameters(checkpoint)
