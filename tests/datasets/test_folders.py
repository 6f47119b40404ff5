"""Sets in the layouts that people have, and whether their pictures are the known ones."""

import configparser
import json
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT
from PIL import Image

from sr_arn import InputError
from sr_arn.cli import doctor, main
from sr_arn.datasets import folders
from sr_arn.datasets.folders import digest_of_pixels, find_set, known_sets, verify
from sr_arn.pictures.io import read_image

LAYOUTS = {
    "plain": "Set5/{}.png",
    "lower case": "set5/{}.png",
    "EDSR": "benchmark/Set5/HR/{}.png",
    "KAIR": "testsets/set5/{}.bmp",
    "BasicSR": "datasets/Set5/GTmod12/{}.png",
    "SelfExSR": "Set5/image_SRF_3/img_{}_SRF_3_HR.png",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_set_is_found_in_every_layout(tmp_path, coffee, layout):
    for name in ("baby", "bird"):
        path = tmp_path / LAYOUTS[layout].format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coffee[:9, :9]).save(path)
        if layout == "SelfExSR":
            Image.fromarray(coffee[:3, :3]).save(path.with_name(f"img_{name}_SRF_3_LR.png"))
        if layout == "EDSR":
            low = tmp_path / "benchmark/Set5/LR_bicubic/X3"
            low.mkdir(parents=True, exist_ok=True)
            Image.fromarray(coffee[:3, :3]).save(low / f"{name}x3.png")
    found = find_set(tmp_path, "Set5", 3)
    assert len(found) == 2
    assert {read_image(path).pixels.shape for path in found} == {(9, 9, 3)}


def test_other_names_of_a_set(tmp_path, coffee):
    (tmp_path / "BSDS100").mkdir()
    Image.fromarray(coffee[:9, :9]).save(tmp_path / "BSDS100" / "a.png")
    assert find_set(tmp_path, "B100") == find_set(tmp_path, "bsd100")
    (tmp_path / "Set5" / "HR").mkdir(parents=True)
    (tmp_path / "Set5" / "._a.png").write_bytes(b"litter")
    Image.fromarray(coffee[:9, :9]).save(tmp_path / "Set5" / "HR" / "a.png")
    assert find_set(tmp_path, "set5") == [tmp_path / "Set5" / "HR" / "a.png"]
    (tmp_path / "Set14" / "image_SRF_2").mkdir(parents=True)
    Image.fromarray(coffee[:9, :9]).save(tmp_path / "Set14" / "image_SRF_2" / "a_LR.png")
    with pytest.raises(
        InputError, match=r"no folder Set14 with pictures in .*; it has Set5, B100$"
    ):
        find_set(tmp_path, "Set14", 2)


def test_digests_are_of_pixels_not_of_files(tmp_path, coffee):
    image = Image.fromarray(coffee[:9, :9])
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.bmp")
    Image.fromarray(coffee[:9, 1:10]).save(tmp_path / "c.png")
    a, b, c = (digest_of_pixels(tmp_path / name) for name in ("a.png", "b.bmp", "c.png"))
    assert a == b != c


def test_known_sets_have_their_sizes():
    sizes = {name: len(known.pictures) for name, known in known_sets().items()}
    assert sizes == {"T91": 91, "BSD200": 200, "Set5": 5, "Set14": 14, "B100": 100}
    assert all(len(text) == 64 for known in known_sets().values() for text in known.pictures)


def test_what_is_missing_or_other_is_told(data, tmp_path, coffee, capsys):
    shutil.copytree(data / "Set5", tmp_path / "Set5")
    assert verify(tmp_path, "Set5")[1:] == (tmp_path / "Set5", 5, 5, [], [])
    first = min((tmp_path / "Set5").iterdir())
    Image.fromarray(coffee[:9, :9]).save(first)
    state = verify(tmp_path, "Set5")
    assert (state.known, state.wanted, state.others) == (4, 5, [first.name])
    first.write_bytes(b"damaged")
    damaged = verify(tmp_path, "Set5")
    assert (damaged.known, damaged.others, damaged.damaged) == (4, [], [first.name])
    assert verify(tmp_path, "Set14") == ("Set14", None, 0, 14, [], [])
    assert main(["data", "--data", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert f"Set5     testing                      4/5  {tmp_path / 'Set5'}\n" in told
    assert f"missing: 1\n         damaged: {first.name}\n" in told
    assert "not found" in told


@pytest.mark.parametrize(
    "layout",
    [
        "Set5",
        "benchmark/Set5/HR",
        "testsets/set5",
        "datasets/Set5/original",
        "datasets/Set5/GTmod12",
        "data/Set5/image_SRF_3",
    ],
)
def test_layouts_of_others(tmp_path, coffee, layout):
    (tmp_path / layout).mkdir(parents=True)
    name = "a_SRF_3_HR.png" if "SRF" in layout else "a.png"
    Image.fromarray(coffee[:9, :9]).save(tmp_path / layout / name)
    assert find_set(tmp_path, "Set5") == [tmp_path / layout / name]
    if layout.endswith("GTmod12"):  # the whole pictures come first
        beside = tmp_path / "datasets/Set5/original"
        beside.mkdir()
        Image.fromarray(coffee[:9, :9]).save(beside / "a.png")
        assert find_set(tmp_path, "Set5") == [beside / "a.png"]


def test_a_set_given_for_the_folder_of_sets_is_told(tmp_path, coffee, capsys):
    folder = tmp_path / "Set5"
    folder.mkdir()
    Image.fromarray(coffee[:9, :9]).save(folder / "a.png")
    with pytest.raises(InputError, match="is a set itself: give the folder that it lies in"):
        find_set(folder, "Set5")
    assert main(["data", "--data", str(folder)]) == 1
    assert "is a set itself" in capsys.readouterr().out


def test_without_a_folder_the_known_sets_are_listed(monkeypatch, capsys):
    monkeypatch.delenv("SR_ARN_DATA", raising=False)
    assert main(["data"]) == 0
    told = capsys.readouterr().out
    for name, known in known_sets().items():
        assert f"{name:<8} {len(known.pictures):>3} pictures, {known.origin}\n" in told
    for layout in ("EDSR", "KAIR", "BasicSR", "SelfExSR"):
        assert layout in told


def test_a_new_set_needs_one_entry_of_the_manifest(tmp_path, coffee, capsys, monkeypatch):
    (tmp_path / "Mine").mkdir()
    for number in range(2):
        Image.fromarray(coffee[number:9, :9]).save(tmp_path / "Mine" / f"{number}.png")
    assert main(["data", "--digest", str(tmp_path / "Mine")]) == 0
    entry = json.loads(capsys.readouterr().out)
    entry["Mine"] |= {"origin": "me", "also_called": ["OWN"]}
    manifest = tmp_path / "data_sets.json"
    manifest.write_text(json.dumps(json.loads(folders.MANIFEST.read_text()) | entry))
    monkeypatch.setattr(folders, "MANIFEST", manifest)
    monkeypatch.delenv("SR_ARN_DATA", raising=False)
    assert main(["data"]) == 0
    assert "Mine       2 pictures, me\n" in capsys.readouterr().out
    (tmp_path / "Mine").rename(tmp_path / "own")
    assert main(["data", "--data", str(tmp_path)]) == 1  # the others are not there
    row = "Mine     testing                      2/2  "
    assert row + str(tmp_path / "own") in capsys.readouterr().out


def test_the_manifest_holds_what_its_command_writes(data, capsys):
    assert main(["data", "--digest", str(data / "Set5")]) == 0
    (entry,) = json.loads(capsys.readouterr().out).values()
    assert sorted(entry["pictures"]) == sorted(known_sets()["Set5"].pictures)


def test_the_doctor_knows_every_package_and_its_extra(monkeypatch, capsys):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")

    def names(text):
        return {line.partition(">")[0] for line in text.split("\n") if line}

    extras = dict(setup["options.extras_require"])
    del extras["dev"]
    assert {extra: set(found) for extra, found in doctor.EXTRAS.items()} == {
        extra: names(text) for extra, text in extras.items()
    }
    assert {*doctor.NEEDED, *doctor.TRAINING} == names(setup["options"]["install_requires"])
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out
    for extra in doctor.EXTRAS:
        assert f'pip install "sr-arn[{extra}]"' in told


def test_the_doctor_looks_for_the_sets(tmp_path, coffee, capsys):
    (tmp_path / "Set5").mkdir()
    assert main(["doctor", "--data", str(tmp_path)]) == 1
    assert "data sets         amiss: " in capsys.readouterr().out
    Image.fromarray(coffee[:9, :9]).save(tmp_path / "Set5" / "a.png")
    assert main(["doctor", "--data", str(tmp_path)]) == 0
    assert "data sets         Set5; sr-arn data verifies them\n" in capsys.readouterr().out
    assert main(["doctor", "--data", str(tmp_path / "missing")]) == 1


def test_the_doctor_tells_what_is_there(monkeypatch, tmp_path, capsys):
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    for line in ("sr-arn ", "numpy ", "processor ", "compiled code     kept in ", "all sound"):
        assert line in told
    monkeypatch.setattr("sr_arn.models.files.BUNDLED", tmp_path)
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert "models            amiss: model " in told
    assert "data sets " in told
    monkeypatch.setattr("sr_arn.cli.doctor.NEEDED", ("numpy", "of-no-such-name"))
    assert main(["doctor"]) == 1
    assert "of-no-such-name   missing: install sr-arn anew" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_the_options(shell, capsys):
    assert main(["completion", shell]) == 0
    told = capsys.readouterr().out
    assert "skip-existing" in told
    assert "upscale" in told


def test_bash_completes_options_and_names_of_pictures(tmp_path):
    (tmp_path / "coffee.png").write_bytes(b"")
    (tmp_path / "sets").mkdir()
    asked = f"""
        eval "$({sys.executable} -m sr_arn completion bash)"
        ask() {{
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
            COMP_LINE="$*"; COMP_POINT=${{#COMP_LINE}}
            $(complete -p sr-arn | sed 's/.*-F \\([^ ]*\\).*/\\1/')
            echo "${{COMPREPLY[*]}}"
        }}
        ask sr-arn upscale cof
        ask sr-arn upscale coffee.png --skip-
        ask sr-arn train se
        ask sr-arn upscale --model conv-arn-x3-t
        ask sr-arn upscale --model cof
        ask sr-arn train --regressor deep
        ask sr-arn upscale --format ti
        ask sr-arn age train --data utk
        ask sr-arn age train --data utkface:se
        ask sr-arn age evaluate --data se
        ask sr-arn age predict --plot cof
        ask sr-arn age predict --model cof
        ask sr-arn data --digest se
        ask sr-arn train --precision bf
    """
    result = subprocess.run(  # noqa: S603 - our own
        ["bash", "-c", asked],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert result.stdout.split() == [
        *("coffee.png", "--skip-existing", "sets"),
        *("conv-arn-x3-tiny", "coffee.png", "deep-arn", "tiff"),
        *("utkface:", "utkface:sets", "coffee.png", "coffee.png", "sets", "bfloat16"),
    ]
