"""Models of faces: one word for a backbone, one for a head; training, files, photos."""

import json
import struct

import numpy as np
import pytest
from PIL import Image
from skimage import data as pictures

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn import InputError, UnavailableError  # noqa: E402
from sr_arn.age.backbones import VGG16, Borrowed, CompactResidual  # noqa: E402
from sr_arn.age.datasets import read_faces, utkface  # noqa: E402
from sr_arn.age.faces import Box, crop_face, find_faces  # noqa: E402
from sr_arn.age.heads import ARN, HEADS, Gaussian  # noqa: E402
from sr_arn.age.metrics import mean_absolute_error  # noqa: E402
from sr_arn.age.model import AgeModel, Plan  # noqa: E402
from sr_arn.age.model_file import SavedModel, load_age_model, save_age_model  # noqa: E402
from sr_arn.age.prediction import GRID, estimate_ages  # noqa: E402
from sr_arn.age.training import VariedFaces, predict_ages, to_tensor, train_ages, vary  # noqa: E402
from sr_arn.cli.age.train import ENERGY  # noqa: E402
from sr_arn.nn.training import Recipe  # noqa: E402

SMALL = {"energy": {"samples": 16, "hidden": [16]}}
CPU = torch.device("cpu")


def plan_of(head, width=4):
    return Plan("residual", head, {"width": width}, SMALL.get(head, {}))


@pytest.fixture(scope="module")
def bright():
    """Small faces whose age is their brightness: 192 of 20 to 60 years."""
    ages = np.linspace(20, 60, 192)
    noise = np.random.default_rng(0).integers(0, 60, (192, 16, 16, 3))
    return (noise + 3 * ages[:, None, None, None]).astype(np.uint8), ages


@pytest.mark.parametrize("head", HEADS)
def test_a_head_is_swapped_by_one_word(bright, head):
    faces, ages = to_tensor(bright[0]), bright[1]
    model = plan_of(head).build()
    constant = mean_absolute_error(ages, np.full_like(ages, np.median(ages)))
    epochs = 24 if head == "energy" else 14  # it finds the influence of the faces later
    train_ages(model, faces, ages, Recipe(epochs, 1e-2), batch_size=32, varied=False, device="cpu")
    assert mean_absolute_error(ages, predict_ages(model, faces)) < 0.75 * constant


@pytest.fixture(scope="module")
def real(data):
    """Faces and ages of UTKFace64, to learn from and to be asked for."""
    if not (data / "UTKFace64").is_dir():
        pytest.skip("UTKFace64 is not here")
    parts = (
        (utkface(data / "UTKFace64", "train"), 800),
        (utkface(data / "UTKFace64", "validation"), 200),
    )
    return [(to_tensor(read_faces(part.paths[:n])), part.ages[:n]) for part, n in parts]


@pytest.mark.parametrize("head", HEADS)
def test_each_head_trains_an_epoch_on_real_faces(real, head):
    train, (seen, ages) = real
    model = plan_of(head).build()
    first = mean_absolute_error(ages, predict_ages(model, seen))
    train_ages(model, *train, Recipe(1, 3e-3), batch_size=16, device="cpu")
    assert mean_absolute_error(ages, predict_ages(model, seen)) < 0.9 * first


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
def test_each_head_beats_always_saying_32(data, head):
    if not (data / "UTKFace64").is_dir():
        pytest.skip("UTKFace64 is not here")
    train, test = (utkface(data / "UTKFace64", part) for part in ("train", "test"))
    plan, epochs = plan_of(head, 8), 4
    if head == "energy":  # finds the faces' influence later than the targets' own density
        plan, epochs = Plan("residual", head, {"width": 8}, ENERGY), 8
    model, faces = plan.build(), to_tensor(read_faces(train.paths))
    train_ages(model, faces, train.ages, Recipe(epochs, 3e-3), batch_size=64, device="cpu")
    found = predict_ages(model, to_tensor(read_faces(test.paths)))
    assert mean_absolute_error(test.ages, np.full_like(test.ages, 32)) == pytest.approx(
        8.695, abs=1e-3
    )
    assert mean_absolute_error(test.ages, found) < 8.2


@pytest.mark.usefixtures("two_threads")
def test_the_seed_decides(bright):
    faces, ages = to_tensor(bright[0][:64]), bright[1][:64]

    def trained(seed):
        model = plan_of("energy").build(seed)  # whose loss draws samples
        train_ages(model, faces, ages, Recipe(2, 1e-3, seed=seed), batch_size=32, device="cpu")
        return predict_ages(model, faces)

    assert np.array_equal(trained(0), trained(0))
    assert not np.array_equal(trained(0), trained(1))


def test_an_interrupted_training_goes_on_to_the_same_numbers(bright, tmp_path):
    faces, ages = to_tensor(bright[0][:64]), bright[1][:64]
    recipe, path = Recipe(3, 1e-3), tmp_path / "c.safetensors"

    class Stopped(Exception):
        pass

    def stop(progress):
        if progress.epoch == 2:
            raise Stopped

    whole, part = plan_of("arn").build(), plan_of("arn").build()
    train_ages(whole, faces, ages, recipe, batch_size=32, device="cpu")
    with pytest.raises(Stopped):
        train_ages(
            part, faces, ages, recipe, batch_size=32, device="cpu", checkpoint=path, observe=stop
        )
    again = plan_of("arn").build()
    train_ages(again, faces, ages, recipe, batch_size=32, device="cpu", resume=path)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    with pytest.raises(InputError, match="is of another data"):
        train_ages(plan_of("arn").build(), faces, ages[::-1], recipe, batch_size=32, resume=path)
    with pytest.raises(InputError, match="is of another model"):
        train_ages(plan_of("dex").build(), faces, ages, recipe, batch_size=32, resume=path)
    other = Plan("residual", "arn", {"width": 4}, {"distance": "l1"}).build()
    with pytest.raises(InputError, match="is of another model"):  # whose modules look alike
        train_ages(other, faces, ages, recipe, batch_size=32, resume=path)
    with pytest.raises(InputError, match="is of another grouping"):
        train_ages(again, faces, ages, recipe, batch_size=32, head_multiplier=3.0, resume=path)


def test_the_users_generator_and_what_he_froze_stay_as_they_were(bright):
    faces, ages = to_tensor(bright[0][:64]), bright[1][:64]
    before = torch.get_rng_state()
    model = plan_of("energy").build()
    train_ages(model, faces, ages, Recipe(1, 1e-3), batch_size=32, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)
    model.train()
    model.backbone.eval()
    predict_ages(model, faces)
    assert model.head.training
    assert not any(module.training for module in model.backbone.modules())


def test_margins_see_the_statistics_of_an_epoch(bright):
    model, faces = plan_of("pml").build(), to_tensor(bright[0])
    train_ages(model, faces, bright[1], Recipe(3, 1e-3), batch_size=32, device="cpu")
    assert model.head.statistics.counts.sum() == 192


def test_no_faces_are_told():
    none = torch.zeros(0, 3, 64, 64, dtype=torch.uint8)
    with pytest.raises(InputError, match="faces: expected some"):
        train_ages(plan_of("direct").build(), none, [], Recipe(1, 1e-3))


def test_the_head_learns_faster_by_its_multiplier(bright):
    faces, ages = to_tensor(bright[0][:64]), bright[1][:64]

    def moved(multiplier):
        model = plan_of("direct").build()
        before = {n: p.detach().clone() for n, p in model.named_parameters()}
        recipe = Recipe(1, 1e-4, schedule="falling")
        train_ages(
            model, faces, ages, recipe, batch_size=64, head_multiplier=multiplier, device="cpu"
        )
        return {n: (p - before[n]).abs().max().item() for n, p in model.named_parameters()}

    slow, fast = moved(1.0), moved(10.0)
    # Adam's first step is the rate
    assert fast["head.network.weight"] == pytest.approx(10 * slow["head.network.weight"], rel=1e-2)
    name = "backbone.blocks.0.0.weight"
    assert fast[name] == pytest.approx(slow[name], rel=1e-2)


def test_rates_of_the_arn_paper():
    recipe = Recipe(60, 1e-4, schedule="falling")
    rates = [recipe.rate(step, 50) for step in (0, 1999, 2000, 2999)]
    assert rates == pytest.approx([1e-4, 1e-4, 9e-5, 9e-5])


def test_varied_faces_are_the_same_again_and_others_in_the_next_epoch(bright):
    faces = VariedFaces(to_tensor(bright[0]), torch.from_numpy(bright[1]), 50, seed=3)
    first, again, second = (list(faces.epoch(n, CPU)) for n in (0, 0, 1))
    assert len(first) == len(faces) == 3
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0][0], second[0][0])
    plain = VariedFaces(faces.faces, faces.ages, 50, 3, varied=False)
    x, y = next(plain.epoch(0, CPU))
    place = (faces.ages == y[7]).nonzero()[0, 0]
    assert torch.equal(x[7], faces.faces[place].float() / 255)


def test_varied_faces_are_still_faces():
    face = torch.from_numpy(pictures.astronaut()[20:180, 130:290].copy()).permute(2, 0, 1) / 255
    seen = vary(face.expand(40, 3, 160, 160), torch.Generator().manual_seed(0))
    assert seen.shape == (40, 3, 160, 160)
    found = [len(find_faces((255 * f.clamp(0, 1)).byte().permute(1, 2, 0).numpy())) for f in seen]
    assert sum(n > 0 for n in found) >= 20  # turned ones escape the cascade
    middle = seen[:, :, 60:100, 60:100].mean(dim=(1, 2, 3)) / face[:, 60:100, 60:100].mean()
    assert 0.1 < (middle.max() - middle.min()).item() < 1.0


def test_mirrored_faces_are_averaged(bright):
    model = plan_of("direct").build().eval()
    faces = to_tensor(bright[0][:5])
    both = (predict_ages(model, faces) + predict_ages(model, faces.flip(3))) / 2
    np.testing.assert_allclose(predict_ages(model, faces, mirrored=True), both, rtol=1e-6)


@pytest.mark.parametrize("head", HEADS)
def test_files_there_and_back(tmp_path, bright, head):
    plan, path = plan_of(head), tmp_path / "m.safetensors"
    model, faces = plan.build(3).eval(), to_tensor(bright[0][:4])
    save_age_model(path, SavedModel(model, plan, 64, 0.25, {"data": "none"}, 5.5))
    loaded = load_age_model(path)
    assert loaded[1:] == (plan, 64, 0.25, {"data": "none"}, 5.5)
    assert np.array_equal(predict_ages(loaded.model, faces), predict_ages(model, faces))


def test_ssrnet_is_all_of_ssrnet(tmp_path):
    plan, path = Plan("ssrnet", "ssr", head_options={"dynamic": 0.0}), tmp_path / "m.safetensors"
    model = plan.build()
    assert sum(p.numel() for p in model.parameters()) == 40_531
    save_age_model(path, SavedModel(model, plan, 64, 0.0, {}, None))
    assert load_age_model(path).model.head.dynamic == 0.0


def changed(path, change):
    """Change the header of a model file."""
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    whole = json.loads(raw[8 : 8 + length])
    header = json.loads(whole["__metadata__"]["sr_arn_age"])
    change(header)
    whole["__metadata__"]["sr_arn_age"] = json.dumps(header)
    text = json.dumps(whole).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])


def plain(head, **options):
    """A plan, as a header has it."""
    return {
        "backbone": "residual",
        "head": head,
        "backbone_options": {"width": 4},
        "head_options": options,
    }


def nested(depth):
    return [nested(depth - 1)] if depth else 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.update(format_version=2), "expected format version 1, received 2"),
        (lambda h: h["plan"].update(head="dex"), "expected"),
        (lambda h: h["plan"].update(head="no"), "head: expected direct"),
        (lambda h: h["plan"].update(backbone="no"), "backbone: expected ssrnet"),
        (lambda h: h["plan"].update(more=1), "'plan' is not sound"),
        (
            lambda h: h["plan"]["backbone_options"].update(width=10**9),
            "width: expected a word, numbers",
        ),
        (lambda h: h["plan"]["backbone_options"].update(width=9999), "expected"),
        (lambda h: h["plan"]["backbone_options"].update(depth=2), "depth"),
        (lambda h: h["plan"]["backbone_options"].update(blocks=51), "blocks: expected a word"),
        (lambda h: h["plan"].update(backbone=["x"]), "backbone: expected ssrnet"),
        (lambda h: h["plan"].update(head={}), "head: expected direct"),
        (lambda h: h["plan"].update(head_options=[]), "'head_options' is not sound"),
        (lambda h: h["plan"]["head_options"].update(anchors={}), "anchors: expected a word"),
        (lambda h: h["plan"]["head_options"].update(anchors="x"), "anchors"),
        (lambda h: h["plan"]["head_options"].update(features=16), "features: expected those of"),
        (lambda h: h.update(plan=plain("dex", values=["a"])), "tensor: "),
        (lambda h: h.update(plan=plain("dex", values=[30])), "values: expected at least 2"),
        (
            lambda h: h.update(plan=plain("dex", values=[[1, 2], [3, 4]])),
            "values: expected at least",
        ),
        (
            lambda h: h.update(plan=plain("direct", hidden=[])),
            "hidden: expected units of at least one layer",
        ),
        (lambda h: h.update(plan=plain("energy", sigmas=["a"])), "EnergyDensity: "),
        (lambda h: h.update(plan=plain("energy", sigmas=[[1], [1, 2]])), "EnergyDensity: "),
        (lambda h: h.update(plan=plain("energy", sigmas=[1] * 201)), "sigmas: expected a word"),
        (lambda h: h.update(plan=plain("energy", targets=17)), "targets: expected a word"),
        (lambda h: h.update(plan=plain("ssr", bins=[-3, 3, 3])), "SSR|Stagewise|outputs"),
        (lambda h: h.update(plan=plain("ssr", largest="a")), "largest|expected"),
        (lambda h: h["plan"].update(head_options={"anchors": nested(900)}), "anchors: expected"),
        (lambda h: h.update(side=0), "'side' is not sound"),
        (lambda h: h.update(margin=float("nan")), "'margin' is not sound"),
        (lambda h: h.update(error=-1), "'error' is not sound"),
        (lambda h: h.update(training=3), "'training' is not sound"),
    ],
)
def test_a_file_that_is_wrong_is_told_in_one_line(tmp_path, change, message):
    path, plan = tmp_path / "m.safetensors", plan_of("arn")
    save_age_model(path, SavedModel(plan.build(), plan, 64, 0.0, {}, None))
    changed(path, change)
    with pytest.raises(InputError, match=message) as told:
        load_age_model(path)
    assert "\n" not in str(told.value)


def test_a_model_that_makes_no_ages_is_told(tmp_path):
    path, plan = tmp_path / "m.safetensors", plan_of("direct")
    model = plan.build()
    model.backbone.blocks[0][1].running_var.fill_(-1)  # finite, but its root is not
    save_age_model(path, SavedModel(model, plan, 64, 0.0, {}, None))
    with pytest.raises(InputError, match="it makes no ages of faces"):
        load_age_model(path)
    plan = Plan("ssrnet", "ssr")
    save_age_model(path, SavedModel(plan.build(), plan, 32, 0.0, {}, None))
    with pytest.raises(InputError, match=r"faces: expected \[n, 3, 64, 64\]"):
        load_age_model(path)


def test_what_is_no_model_is_told(tmp_path):
    plan, path = plan_of("arn"), tmp_path / "m.safetensors"
    model = plan.build()
    save_age_model(path, SavedModel(model, plan, 64, 0.0, {}, None))
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(InputError, match="is damaged or cut off"):
        load_age_model(path)
    with torch.no_grad():
        model.head.layer.anchors[0, 0] = torch.nan
    save_age_model(path, SavedModel(model, plan, 64, 0.0, {}, None))
    with pytest.raises(InputError, match="expected finite numbers"):
        load_age_model(path)
    for content, message in ((b"no", "is no safetensors file"), (b"PK" + bytes(99), "is a pickle")):
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            load_age_model(path)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load_age_model(tmp_path / "none.safetensors")


def test_any_module_can_be_a_backbone(bright):
    own = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten())
    model = AgeModel(own, ARN(12, anchors=4))
    train_ages(
        model,
        to_tensor(bright[0]),
        bright[1],
        Recipe(60, 3e-2),
        batch_size=32,
        varied=False,
        device="cpu",
    )
    found = predict_ages(model, to_tensor(bright[0]))
    assert mean_absolute_error(bright[1], found) < 5


def test_a_network_without_its_classifier():
    own = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 5), torch.nn.Linear(5, 2))
    first = own[1]
    backbone = Borrowed(own)
    x = torch.rand(3, 3, 2, 2)
    mean, spread = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    scaled = (x - mean[:, None, None]) / spread[:, None, None]
    torch.testing.assert_close(backbone(x), first(scaled.flatten(1)))
    with pytest.raises(InputError, match="expected one whose last layer is linear"):
        Borrowed(torch.nn.Flatten())


def test_networks_of_torchvision_or_why_not():
    try:
        import torchvision  # noqa: F401 - is it here, and of this torch?
    except (ImportError, RuntimeError):
        with pytest.raises(
            UnavailableError, match="is torchvision's, which is missing or does not fit"
        ):
            Borrowed("mobilenet_v3_small")
        return
    for name, features in (("mobilenet_v2", 1280), ("densenet121", 1024)):
        backbone = Borrowed(name).eval()
        assert backbone(torch.zeros(2, 3, 64, 64)).shape == (2, features) == (2, backbone.features)
    with pytest.raises(InputError, match="torchvision has no no_such that"):
        Borrowed("no_such")


def test_vgg16_is_that_of_caffe():
    with torch.device("meta"):
        network = VGG16()
    layers = {n: p.numel() for n, p in network.named_parameters()}
    assert sum(layers.values()) == 138_357_544 - 1000 * 4097  # ImageNet's without fc8
    small = VGG16(width=8).eval()
    arrays = {}
    generator = np.random.default_rng(0)
    for name, layer in [*small.convolutions.items(), ("fc6", small.fc6), ("fc7", small.fc7)]:
        for kind, tensor in layer.named_parameters():
            scale = (2 / np.prod(tensor.shape[1:])) ** 0.5 if kind == "weight" else 0.1
            arrays[f"{name}/{kind}"] = scale * generator.standard_normal(tuple(tensor.shape))
    small.load_caffe(arrays)
    x = torch.rand(1, 3, 224, 224)
    blue, green, red = 255 * x[0, 2], 255 * x[0, 1], 255 * x[0, 0]
    seen = torch.stack([blue - 103.939, green - 116.779, red - 123.68])[None].double()
    for block, count in enumerate((2, 2, 3, 3, 3), 1):
        for number in range(1, count + 1):
            name = f"conv{block}_{number}"
            weight, bias = (torch.from_numpy(arrays[f"{name}/{k}"]) for k in ("weight", "bias"))
            seen = torch.nn.functional.conv2d(seen, weight, bias, padding=1).relu()
        seen = torch.nn.functional.max_pool2d(seen, 2)
    seen = seen.flatten()
    for name in ("fc6", "fc7"):
        weight, bias = (torch.from_numpy(arrays[f"{name}/{k}"]) for k in ("weight", "bias"))
        seen = (weight @ seen + bias).relu()
    torch.testing.assert_close(small(x)[0].double(), seen, rtol=1e-4, atol=1e-3)
    with pytest.raises(InputError, match="conv1_1/weight is missing"):
        small.load_caffe({})
    arrays["fc7/bias"] = np.zeros(9)
    with pytest.raises(InputError, match=r"fc7/bias: expected \[8\], received \[9\]"):
        small.load_caffe(arrays)
    with pytest.raises(InputError, match=r"faces: expected \[n, 3, 224, 224\]"):
        small(torch.zeros(1, 3, 64, 64))


def test_a_residual_block_begins_as_its_shortcut():
    backbone = CompactResidual(4, blocks=3).eval()
    x = torch.rand(2, 4, 8, 8)
    assert torch.equal(backbone.blocks[2](x), x)
    with pytest.raises(InputError, match="blocks: expected an integer of at least 1"):
        CompactResidual(4, 0)


# --- photos ------------------------------------------------------------------------


def test_a_face_is_found_where_it_is():
    photo = pictures.astronaut()
    box = find_faces(photo)[0]
    assert abs(box.left + box.width / 2 - 222) < 15  # between her eyes and mouth
    assert abs(box.top + box.height / 2 - 115) < 20
    assert 70 < box.width < 130
    large = np.asarray(Image.fromarray(photo).resize((2048, 2048)))
    again = find_faces(large)[0]
    assert np.allclose(np.array(again) / 4, box, atol=12)
    assert find_faces(pictures.coffee()) == []
    assert find_faces(photo[:30]) == []


def test_a_face_is_cut_out_with_its_margin():
    photo = np.random.default_rng(0).integers(0, 256, (100, 120, 3)).astype(np.uint8)
    box = Box(30, 40, 20, 20)
    assert np.array_equal(crop_face(photo, box, 20, 0.0), photo[40:60, 30:50])
    assert np.array_equal(crop_face(photo, box, 36, 0.4), photo[32:68, 22:58])
    corner = crop_face(photo, Box(0, 0, 20, 20), 36, 0.4)
    assert np.array_equal(corner[8:, 8:], photo[:28, :28])
    assert (corner[:9, :9] == photo[0, 0]).all()  # beyond the border its pixels go on


@pytest.mark.parametrize("head", ["gaussian", "direct"])
def test_ages_on_a_photo(head):
    plan = plan_of(head)
    model = plan.build().eval()
    model.head.prepare(torch.tensor([30.0, 40.0, 50.0]))
    saved = SavedModel(model, plan, 64, 0.4, {}, 6.0)
    face = estimate_ages(saved, pictures.astronaut())[0]
    assert 30 < face.age < 50
    if head == "gaussian":
        assert isinstance(model.head, Gaussian)
        assert 4 < face.spread < 16  # of the labels: 8.2
        assert face.density.sum() * (GRID[1] - GRID[0]) == pytest.approx(1, abs=0.02)
    else:
        assert face.spread is None
        assert face.density is None
    assert estimate_ages(saved, pictures.coffee()) == []
    whole = estimate_ages(saved, pictures.coffee(), cropped=True)
    assert [e.box for e in whole] == [Box(0, 0, 600, 400)]


def test_calling_a_model_gives_ages_and_training_leaves_that_so():
    model = plan_of("arn").build()
    faces = torch.zeros(4, 3, 64, 64, dtype=torch.uint8)
    before = predict_ages(model, faces)
    np.testing.assert_array_equal(before, model.eval()(faces / 255).detach().numpy())
    assert model.features(faces / 255).shape == (4, model.backbone.features)
    train_ages(model, faces, np.full(4, 30.0), Recipe(1, 0.01), batch_size=4, device="cpu")
    assert model(faces / 255).shape == (4,)
