"""Pictures and models of other places than this machine: what holds for files holds there."""

import io
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sr_arn import InputError, UnavailableError, load_model
from sr_arn.cli import main
from sr_arn.datasets.folders import find_images
from sr_arn.errors import display
from sr_arn.pictures.io import read_image, write_image
from sr_arn.system.files import check_output, local_copy, write_whole
from sr_arn.system.locations import identity, is_local, is_pattern, location
from sr_arn.upscaling.batch import find_jobs
from sr_arn.upscaling.naming import Naming

pytest.importorskip("upath")

from fsspec import AbstractFileSystem, register_implementation
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from upath import UPath

from sr_arn.system.remote import Store, _own

FAST = ("--model", "aplus-x2", "--quiet")
NAMING = Naming("{stem}_x{scale}{ext}", "2")


def cli(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def memory():
    """The store memory://, empty before and after."""

    def clear():
        MemoryFileSystem.store.clear()
        MemoryFileSystem.pseudo_dirs[:] = [""]

    clear()
    yield MemoryFileSystem.store
    clear()


@pytest.fixture
def photos(tmp_path, coffee):
    """A folder of small pictures, in the store and on this machine."""
    folder = tmp_path / "photos"
    for number, name in enumerate(("a.png", "B two.JPG", "ünï.webp", "deep/er/a.tif")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coffee[9 * number :][:14, 50:70]).save(path)
    (folder / "notes.txt").write_text("notes")
    (folder / ".hidden.png").write_bytes(b"")
    send(folder, "memory://photos")
    return folder


def send(folder, url):
    """Copy a folder to a store."""
    for path in folder.rglob("*"):
        if path.is_file():
            UPath(url).joinpath(path.relative_to(folder).as_posix()).write_bytes(path.read_bytes())


def contents(store, folder):
    """Return names and bytes of the files in and below a folder of the store."""
    return {
        name.removeprefix(f"/{folder}/"): file.getvalue()
        for name, file in store.items()
        if name.startswith(f"/{folder}/")
    }


def local_contents(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def told(capsys, *parts):
    """Check that an error was told in one line."""
    line = capsys.readouterr().err
    assert line.startswith("sr-arn: error: ")
    assert line.count("\n") == 1
    for part in parts:
        assert part in line
    return line


# --- what is a URL -----------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a.png", "./s3://a.png", "C://a.png", "C:\\a.png", "a:b/c://d", "/x/memory://a"]
)
def test_names_of_this_machine_are_paths(name):
    assert location(name) == Path(name)
    assert is_local(location(name))


def test_a_file_that_is_called_as_a_url_is_given_with_its_folder(tmp_path, monkeypatch, coffee):
    monkeypatch.chdir(tmp_path)
    Path("memory:").mkdir()
    Image.fromarray(coffee[:9, :9]).save("memory:/a.png")
    assert read_image("./memory://a.png").pixels.shape == (9, 9, 3)
    with pytest.raises(InputError, match=r"^memory://a.png: no such file or folder$"):
        read_image("memory://a.png")


def test_files_by_url_are_paths(tmp_path):
    assert location(f"file://{tmp_path}/a.png") == location(f"FILE://{tmp_path}/a.png")
    assert location(f"file://{tmp_path}/a.png") == location(f"local://{tmp_path}/a.png")
    assert location(UPath(tmp_path)) == tmp_path
    assert is_local(location(f"file://{tmp_path}"))


def test_a_store_has_the_interface_of_a_path():
    url = location("memory://photos/deep/a.tar.png")
    assert not is_local(url)
    assert location(url) is url
    assert (str(url), url.name, url.stem, url.suffix) == (
        *("memory://photos/deep/a.tar.png", "a.tar.png", "a.tar", ".png"),
    )
    assert url.parent / "b.png" == url.with_name("b.png") == location("memory:///photos/deep/b.png")
    assert identity(location("memory://photos/x/../a.png")) == identity(
        location("MEMORY:///photos/a.png")
    )
    assert identity(location("memory://photos/a.png")) != identity(
        location("memory://photos/A.png")
    )


def test_jobs_of_urls_survive_pickling(photos):
    jobs, _ = find_jobs(["memory://photos"], location("memory://out"), NAMING)
    again = pickle.loads(pickle.dumps(jobs))  # noqa: S301 - our own
    assert again == jobs
    assert str(again[0].target) == "memory://out/B two_x2.JPG"
    assert again[0].source.read_bytes() == (photos / "B two.JPG").read_bytes()


# --- pictures ----------------------------------------------------------------------


@pytest.mark.parametrize("source", ["memory://photos", None])
@pytest.mark.parametrize("output", ["memory://large/", None])
def test_a_folder_is_enlarged_as_on_this_machine(photos, tmp_path, memory, source, output):
    expected = tmp_path / "expected"
    arguments = (*FAST, "--recursive", "--preview")
    assert cli("upscale", photos, "-o", expected, *arguments) == 0
    into = tmp_path / "large"
    assert cli("upscale", source or photos, "-o", output or into, *arguments) == 0
    made = contents(memory, "large") if output else local_contents(into)
    assert made == local_contents(expected)
    assert {"deep/er/a_x2.tif", "a_x2.preview.png"} <= made.keys()
    assert len(made) == 8


def test_one_picture_and_patterns(photos, tmp_path, memory):
    assert cli("upscale", "memory://photos/a.png", "-o", "memory://one/b.png", *FAST) == 0
    assert cli("upscale", photos / "a.png", "-o", tmp_path / "b.png", *FAST) == 0
    assert contents(memory, "one") == {"b.png": (tmp_path / "b.png").read_bytes()}
    assert cli("upscale", "memory://photos/*.png", "-o", "memory://many/", *FAST) == 0
    assert contents(memory, "many") == {"a_x2.png": (tmp_path / "b.png").read_bytes()}
    every = "memory://photos/**/a.*"
    assert cli("upscale", every, "-o", "memory://every", *FAST) == 0
    assert contents(memory, "every").keys() == {"a_x2.png", "a_x2.tif"}


def test_skip_existing_goes_on(photos, memory, capsys):
    command = ("upscale", "memory://photos", "-o", "memory://large", "--model", "aplus-x2")
    assert cli(*command) == 0
    del memory["/large/a_x2.png"]
    memory["/large/ünï_x2.webp"] = MemoryFile(None, None, b"mine")
    capsys.readouterr()
    assert cli(*command, "--skip-existing") == 0
    shown = capsys.readouterr()
    assert shown.out == "1 done, 2 skipped, 0 failed\n"
    assert "1/3 memory://large/B two_x2.JPG: is there already" in shown.err
    assert "left out (no pictures): notes.txt" in shown.err
    assert contents(memory, "large")["ünï_x2.webp"] == b"mine"


def test_sources_are_not_overwritten(photos, memory, capsys):
    before = contents(memory, "photos")
    one = ("upscale", "memory://photos/a.png")
    assert cli(*one, "-o", "memory:///photos/x/../a.png", *FAST) == 2
    told(capsys, "memory://photos/x/../a.png is the input")
    many = (*one, "memory://photos/B two.JPG", "--name", "{source}", *FAST)
    assert cli(*many, "-o", "memory:///photos/") == 2
    told(capsys, "memory://photos/a.png is an input; take another folder")
    same = ("--name", "{stem}.png", "--format", "png")
    memory["/photos/a.jpg"] = memory["/photos/B two.JPG"]
    assert cli(*one, "memory://photos/a.jpg", *same, "-o", "memory://o/", *FAST) == 2
    told(capsys, "would both become memory://o/a.png")
    del memory["/photos/a.jpg"]
    assert contents(memory, "photos") == before
    assert not contents(memory, "o")


def test_results_beside_their_sources_are_not_taken_again(photos, memory):
    command = ("upscale", "memory://photos", "-o", "memory://photos/large", "--recursive")
    for _ in range(2):
        assert cli(*command, *FAST, "--skip-existing") == 0
        assert len(contents(memory, "photos/large")) == 4


def test_a_damaged_picture_does_not_stop_the_rest(photos, memory, capsys, tmp_path):
    memory["/photos/b.png"] = MemoryFile(None, None, b"\x89PNG\r\n\x1a\nnothing")
    report = tmp_path / "report.json"
    command = ("upscale", "memory://photos", "-o", "memory://large", *FAST, "--json", report)
    assert cli(*command) == 1
    assert "memory://photos/b.png: damaged or cut off" in capsys.readouterr().err
    assert len(contents(memory, "large")) == 3
    assert '"source": "memory://photos/b.png"' in report.read_text()


def test_from_python(photos, tmp_path):
    expected = np.asarray(load_model("aplus-x2").upscale(photos / "a.png"))
    for given in ("memory://photos/a.png", UPath("memory://photos/a.png"), UPath(photos / "a.png")):
        np.testing.assert_array_equal(load_model("aplus-x2").upscale(given), expected)
    write_image(UPath("memory://o/a.png"), read_image(UPath("memory://photos/a.png")))
    assert read_image("memory://o/a.png").pixels.shape == (14, 20, 3)
    assert [p.name for p in find_images(UPath("memory://photos"))] == [
        "B two.JPG",
        "a.png",
        "ünï.webp",
    ]


# --- little is fetched before it is known what it is -------------------------------


class Counting(MemoryFileSystem):
    """A store that counts what is read of its files."""

    protocol = "counting"
    fetched = 0

    def _open(self, path, mode="rb", **options):
        file = super()._open(path, mode, **options)
        return CountingFile(file) if mode == "rb" else file

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("counting://", "memory://"))


class CountingFile(io.BytesIO):
    def __init__(self, file):
        super().__init__(file.getvalue())

    def read(self, size=-1):
        data = super().read(size)
        Counting.fetched += len(data)
        return data


register_implementation("counting", Counting)


def test_a_picture_too_large_is_refused_by_its_header(memory, capsys):
    noise = np.random.default_rng(0).integers(0, 256, (700, 700, 3), np.uint8)
    for name in ("a.png", "a.tif", "a.jpg"):
        whole = io.BytesIO()
        Image.fromarray(noise).save(
            whole, "TIFF" if name == "a.tif" else None or Image.EXTENSION[f".{name[2:]}"]
        )
        memory[f"/{name}"] = MemoryFile(None, None, whole.getvalue())
        Counting.fetched = 0
        command = ("upscale", f"counting://{name}", "-o", "memory://o.png", "--max-pixels", 1000)
        assert cli(*command) == 2
        told(capsys, f"counting:///{name}: has 700 x 700 pixels")
        assert 0 < Counting.fetched < len(whole.getvalue()) / 2
        assert "/o.png" not in memory


# --- whole or not at all -----------------------------------------------------------


class Breaking(MemoryFileSystem):
    """A store that breaks where it is told to."""

    protocol = "breaking"
    at = None

    def _open(self, path, mode="rb", **options):
        if mode == "rb":
            return super()._open(path, mode, **options)
        if Breaking.at == "open":
            raise PermissionError(13, "Forbidden")
        file = BreakingFile(self, self._strip_protocol(path))
        if not self._intrans:  # as of a store that knows no better
            file.commit()
        return file

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("breaking://", "memory://"))


class BreakingFile(MemoryFile):
    def write(self, data):
        if Breaking.at == "write":
            super().write(data[:5])
            raise TimeoutError
        return super().write(data)

    def commit(self):
        if Breaking.at == "commit":
            raise ValueError("An error (InternalError) occurred at https://u:pw@host/?sig=SECRET")
        super().commit()


register_implementation("breaking", Breaking)


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("open", "Forbidden"),
        ("write", "TimeoutError"),
        ("commit", "An error (InternalError) occurred at https://***@host/?***"),
    ],
)
def test_what_breaks_leaves_what_was_there(photos, memory, monkeypatch, capsys, at, reason):
    memory["/large/a_x2.png"] = MemoryFile(None, None, b"before")
    monkeypatch.setattr(Breaking, "at", at)
    one = ("upscale", "memory://photos/a.png", "-o", "breaking://large/a_x2.png", *FAST)
    assert cli(*one) == 2
    assert told(capsys).endswith(f"breaking:///large/a_x2.png: cannot be written: {reason}\n")
    assert cli("upscale", "memory://photos", "-o", "breaking://large", *FAST, "--jobs", 2) == 1
    assert contents(memory, "large") == {"a_x2.png": b"before"}
    monkeypatch.setattr(Breaking, "at", None)
    assert cli("upscale", "memory://photos", "-o", "breaking://large", *FAST, "--jobs", 2) == 0
    assert len(contents(memory, "large")) == 3
    assert contents(memory, "large")["a_x2.png"].startswith(b"\x89PNG")


@pytest.mark.parametrize("error", [RuntimeError("defect"), KeyboardInterrupt()])
def test_a_failure_while_it_is_made_leaves_what_was_there(memory, error):
    memory["/a"] = MemoryFile(None, None, b"before")

    def write(file):
        file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        write_whole("memory://a", write)
    assert contents(memory, "..") == {}
    assert {name: file.getvalue() for name, file in memory.items()} == {"/a": b"before"}


def test_a_full_disk_here_is_told(memory):
    def write(file):
        raise OSError(28, "No space left on device")

    with pytest.raises(
        InputError, match=r"^output: cannot write memory://a: No space left on device$"
    ):
        write_whole("memory://a", write)
    assert not memory


def test_what_is_written_is_made_in_a_file_that_can_be_read(memory):
    def write(file):
        file.write(b"abc")
        file.seek(1)
        file.write(file.read(1).upper())

    write_whole("memory://a", write)
    assert memory["/a"].getvalue() == b"abB"


class Plain(AbstractFileSystem):
    """A store whose driver has no transactions."""

    protocol = "plain"

    def ls(self, path, detail=True, **options):
        raise FileNotFoundError(path)

    def _open(self, path, mode="rb", **options):
        return io.BytesIO()


register_implementation("plain", Plain)


def test_a_driver_that_cannot_write_whole_is_refused():
    with pytest.raises(
        InputError, match=r"^plain://a: its driver cannot write whole or not at all$"
    ):
        write_whole("plain://a", lambda file: file.write(b"whole"))


# --- what is wrong is told in one line ---------------------------------------------


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("memory://gone.png", "memory://gone.png: no such file or folder"),
        ("memory://gone/", ": no such file or folder"),
        ("memory://gone/*.png", "memory://gone/*.png: no file is called so"),
        ("nope://u:pw@host/a.png", "nope://***@host/a.png: Unsupported filesystem: 'nope'"),
        ("s3://AKIA:sec/ret@bucket/a.png", "s3://***@bucket/a.png: expected a URL without a key"),
    ],
)
def test_mistakes_are_told(memory, capsys, source, reason):
    for output in ("memory://o.png", "memory://out/")["*" in source :]:
        assert cli("upscale", source, "-o", output, *FAST) == 2
        told(capsys, reason)
        assert not memory


def test_a_driver_that_is_missing_is_told(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    assert cli("upscale", "gs://bucket/a.png", "-o", tmp_path / "a.png", *FAST) == 2
    told(capsys, "gs://bucket/a.png: ", "install gcsfs")
    with pytest.raises(UnavailableError):
        location("gs://bucket/a.png")


def test_without_the_extra_it_is_told_and_files_need_none(photos, tmp_path):
    block = "import sys; sys.modules['upath'] = sys.modules['fsspec'] = None; "
    code = block + "from sr_arn.cli import main; sys.exit(main(sys.argv[1:]))"

    def run(*arguments):
        command = [sys.executable, "-c", code, "upscale", *map(str, arguments), *FAST]
        return subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603

    result = run("s3://bucket/a.png", "-o", tmp_path / "o.png")
    assert result.returncode == 2
    assert result.stderr.startswith("sr-arn: error: s3://bucket/a.png: URLs are reached by fsspec")
    assert 'pip install "sr-arn[distributed]"' in result.stderr
    assert result.stderr.count("\n") == 1
    assert run(photos / "a.png", "-o", tmp_path / "o.png").returncode == 0


def test_files_of_this_machine_import_nothing_more(photos, tmp_path):
    code = (
        "import sys; from sr_arn.cli import main; main(sys.argv[1:]);"
        "assert not {'upath', 'fsspec', 'sr_arn.system.remote'} & {*sys.modules}"
    )
    command = [sys.executable, "-c", code, "upscale", str(photos), "-o", str(tmp_path / "o"), *FAST]
    subprocess.run(command, check=True)  # noqa: S603


def test_links_take_no_files_and_lose_their_query():
    link = Store._from_upath(UPath("https://u:pw@host/a.png?sig=x"))  # aiohttp is not asked for
    assert (str(link), link.name) == ("https://***@host/a.png?***", "a.png")
    assert (link.stem, link.suffix, link.is_dir()) == ("a", ".png", False)
    with pytest.raises(
        InputError, match=r"takes files, received https://\*\*\*@host/a.png\?\*\*\*$"
    ):
        check_output(link)
    assert not is_pattern("HTTPS://host/a.png?sig=x")
    assert is_pattern("s3://host/a?.png")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://AKIA:secret@bucket/a.png", "s3://***@bucket/a.png"),
        ("s3:/AKIA:se/cret@bucket/a.png", "s3:/***@bucket/a.png"),
        ("at https://token@host:8080/a?b=c d", "at https://***@host:8080/a?*** d"),
        ("https://host:8080/a@2x.png", "https://host:8080/a@2x.png"),
        ("s3://bucket/what?@2x.png", "s3://bucket/what?@2x.png"),
        (
            "s3://arn:aws:s3:eu:1:accesspoint/n/a@2.png",
            "s3://arn:aws:s3:eu:1:accesspoint/n/a@2.png",
        ),
        ("a: b@c, C:/d@e", "a: b@c, C:/d@e"),
    ],
)
def test_secrets_are_not_shown(text, shown):
    assert display(text) == shown


# --- names of strangers ------------------------------------------------------------


STRANGE = ("..", "..\\..\\x.png", "C:x.png", "nul\0.png")


def test_strange_names_lead_nowhere(photos, tmp_path, memory, capsys):
    picture = memory["/photos/a.png"]
    for name in STRANGE:
        memory[f"/photos/{name}"] = picture
    for name in ("../up.png", "../../up.png", "deep/../../up.png", "x/../up.png", "/empty.png"):
        memory[f"/photos/{name}"] = picture
    memory["/photos/red\x1b[31m.png"] = picture
    out = tmp_path / "below" / "out"
    for source in ("memory://photos", "memory://photos/**/*"):
        command = (
            "upscale",
            source,
            "-o",
            out,
            "--recursive",
            "--name",
            "{source}",
            "--skip-existing",
        )
        assert cli(*command, "--model", "aplus-x2") in (0, 1)
        shown = capsys.readouterr()
        assert "\x1b" not in shown.out + shown.err
        assert "left out, for its name may lead elsewhere: memory://photos/C:x.png" in shown.err
    assert {p.name for p in tmp_path.iterdir()} == {"photos", "below"}
    assert [p.name for p in (tmp_path / "below").iterdir()] == ["out"]
    names = local_contents(out).keys()
    assert {"a.png", "red\x1b[31m.png", "deep/er/a.tif"} <= names
    assert not {name for name in names if ".." in name or "\\" in name or "C:" in name}


# --- models and training -----------------------------------------------------------


def test_a_model_is_loaded_from_a_store(memory, photos, tmp_path, capsys):
    from sr_arn.models.files import BUNDLED, read_header

    data = (BUNDLED / "aplus-x2.safetensors").read_bytes()
    memory["/models/mine.safetensors"] = MemoryFile(None, None, data)
    url = "memory://models/mine.safetensors"
    upscaler = load_model(url)
    assert (upscaler.name, upscaler.scale) == ("mine.safetensors", 2)
    assert read_header(UPath(url)) == load_model("aplus-x2").header
    expected = load_model("aplus-x2").upscale(photos / "a.png")
    np.testing.assert_array_equal(upscaler.upscale(photos / "a.png"), expected)
    assert cli("upscale", photos / "a.png", "-o", "memory://o.png", "--model", url) == 0
    assert "mine.safetensors" in capsys.readouterr().out
    memory["/models/mine.safetensors"] = MemoryFile(None, None, data[:-9])
    with pytest.raises(InputError, match=r"^model memory://.*: is damaged or cut off"):
        load_model(url)
    with pytest.raises(InputError, match="model: memory://gone is neither a file nor bundled"):
        load_model("memory://gone")


@pytest.fixture
def sets(tmp_path, coffee, memory):
    """A set of two versions of a picture, in the store and on this machine."""
    folder = tmp_path / "sets"
    (folder / "one").mkdir(parents=True)
    Image.fromarray(coffee[:60, :90]).save(folder / "one" / "a.png")
    Image.fromarray(coffee[1:61, :90]).save(folder / "one" / "b.png")
    send(folder, "memory://sets")
    return folder


def test_scores_are_those_of_files(sets, memory, capsys):
    for folder in (sets, "memory://sets"):
        assert cli("score", f"{folder}/one/a.png", f"{folder}/one/b.png") == 0
        assert cli("benchmark", "--data", folder, "--sets", "one", "--models", "bicubic") == 0
    one, table, again, other = re.findall(
        "PSNR .* SSIM .*|bicubic .* / [0-9.]*", capsys.readouterr().out
    )
    assert (one, table) == (again, other)
    pair = ("memory://sets/one/a.png", "memory://sets/one/b.png")
    assert cli("score", *pair, "--json", "memory://score.json") == 0
    assert json.loads(memory["/score.json"].getvalue())["scale"] == 3


def test_pages_and_galleries_are_those_of_files(sets, memory, tmp_path):
    for folder, output in ((sets, tmp_path), ("memory://sets", "memory://out")):
        pair = (f"{folder}/one/a.png", f"{folder}/one/b.png")
        assert cli("compare", *pair, "-o", f"{output}/page.html") == 0
        assert cli("models", "show", "aplus-x2", "-o", f"{output}/gallery.png") == 0
        report = ("--report", f"{output}/report.html")
        sets_of = ("--data", folder, "--sets", "one", "--models", "bicubic")
        assert cli("benchmark", *sets_of, *report) == 0
    made = contents(memory, "out")
    assert made.keys() == {"page.html", "gallery.png", "report.html"}
    for name in ("page.html", "gallery.png"):  # a report says how long it took
        assert made[name] == (tmp_path / name).read_bytes()


def test_sets_of_a_store_are_verified(sets, memory, capsys, monkeypatch):
    (sets / "one").rename(sets / "Set5")
    send(sets, "memory://sets")
    for folder in (sets, "memory://sets"):
        assert cli("data", "--data", folder) == 1
        assert "others: a.png, b.png" in capsys.readouterr().out
    monkeypatch.setenv("SR_ARN_DATA", "memory://sets")
    assert cli("data") == 1
    assert "memory://sets/Set5" in capsys.readouterr().out
    assert cli("data", "--digest", "memory://sets/Set5") == 0
    of_store = capsys.readouterr().out
    assert cli("data", "--digest", sets / "Set5") == 0
    assert capsys.readouterr().out == of_store


def test_an_argument_that_no_driver_reaches_is_told(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli("score", "foo://a.png", "foo://b.png")
    told(capsys, "argument REFERENCE: foo://a.png: ")


def test_a_model_too_large_is_not_fetched(memory):
    memory["/m.safetensors"] = MemoryFile(None, None, bytes(3_000_000))
    Counting.fetched = 0
    with pytest.raises(InputError, match="is no safetensors file"):
        load_model("counting://m.safetensors")
    assert Counting.fetched < 100_000


def test_a_copy_of_this_machine_is_the_file_itself(tmp_path, memory):
    with local_copy(tmp_path / "a") as copy:
        assert copy == tmp_path / "a"
    memory["/a"] = MemoryFile(None, None, b"whole")
    with local_copy(location("memory://a")) as copy:
        assert copy.read_bytes() == b"whole"
    assert not copy.exists()


TRAIN = ("--anchors", 8, "--scale", 2, "--quiet")


@pytest.mark.parametrize("regressor", ["aplus", "global-arn"])
def test_training_in_a_store_makes_the_same_model(parts, tmp_path, memory, regressor):
    send(parts, "memory://parts")
    options = ("--regressor", regressor, *TRAIN)
    assert cli("train", parts, "-o", tmp_path / "m.safetensors", *options) == 0
    assert cli("train", "memory://parts", "-o", "memory://out/m.safetensors", *options) == 0
    assert contents(memory, "out") == {"m.safetensors": (tmp_path / "m.safetensors").read_bytes()}


def test_training_on_pairs_of_a_store(parts, tmp_path, memory):
    pairs = tmp_path / "pairs"
    for folder, side in (("HR", 60), ("LR", 30)):
        (pairs / folder).mkdir(parents=True)
        for path in parts.iterdir():
            with Image.open(path) as image:
                image.resize((side, side)).save(pairs / folder / path.name)
    send(pairs, "memory://pairs")
    assert cli("train", pairs, "-o", tmp_path / "m.safetensors", *TRAIN) == 0
    assert cli("train", "memory://pairs", "-o", "memory://m.safetensors", *TRAIN) == 0
    assert memory["/m.safetensors"].getvalue() == (tmp_path / "m.safetensors").read_bytes()


def test_mistakes_of_training_are_told(memory, capsys):
    for arguments, reason in (
        (
            ("memory://gone", "-o", "memory://m.safetensors"),
            "expected a folder, memory://gone does not exist",
        ),
        (("memory://gone", "-o", "memory://m.png"), "expected a name ending in .safetensors"),
        (("nope://gone", "-o", "memory://m.safetensors"), "Unsupported filesystem: 'nope'"),
    ):
        assert cli("train", *arguments) == 2
        told(capsys, reason)
    assert not memory


def test_a_training_by_torch_goes_on_in_a_store(parts, tmp_path, memory, monkeypatch):
    pytest.importorskip("torch")
    small = tmp_path / "small"
    small.mkdir()
    with Image.open(min(parts.iterdir())) as image:
        image.crop((0, 0, 24, 24)).save(small / "a.png")
    send(small, "memory://small")
    options = ("--regressor", "arn", "--epochs", 2, "--device", "cpu", *TRAIN)
    assert cli("train", small, "-o", tmp_path / "m.safetensors", *options) == 0
    url = "memory://out/m.safetensors"
    count = []

    def write_then_stop(path, *arguments):
        write_checkpoint(path, *arguments)
        count.append(path)
        raise KeyboardInterrupt

    from sr_arn.nn.training import write_checkpoint

    with monkeypatch.context() as patch:
        patch.setattr("sr_arn.nn.training.write_checkpoint", write_then_stop)
        assert cli("train", "memory://small", "-o", url, *options) == 130
    assert len(count) == 1
    checkpoint = "memory://out/m.checkpoint.safetensors"
    assert contents(memory, "out").keys() >= {"m.checkpoint.safetensors"}
    assert cli("train", "memory://small", "-o", url, *options) == 2
    assert cli("train", "memory://small", "-o", url, "--resume", checkpoint, *options) == 0
    made = contents(memory, "out")
    assert made["m.safetensors"] == (tmp_path / "m.safetensors").read_bytes()
    undisturbed = (tmp_path / "m.curve.csv").read_bytes()
    assert made["m.curve.csv"].splitlines()[-1] == undisturbed.splitlines()[-1]
    assert "m.checkpoint.safetensors" not in made


# --- a store by its real protocol --------------------------------------------------


@pytest.fixture
def bucket(monkeypatch):
    """A server of S3's protocol on this machine, with an empty bucket; the client of boto3."""
    pytest.importorskip("s3fs").S3FileSystem.clear_instance_cache()  # of other servers
    _own.cache_clear()
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = pytest.importorskip("boto3").client("s3")
    client.create_bucket(Bucket="bucket")
    yield client
    server.stop()


def kept(client, below):
    """Return what a bucket holds below a prefix."""
    found = client.list_objects_v2(Bucket="bucket", Prefix=below).get("Contents", [])
    return {
        entry["Key"].removeprefix(below): client.get_object(Bucket="bucket", Key=entry["Key"])[
            "Body"
        ].read()
        for entry in found
    }


@pytest.mark.slow
def test_s3(photos, parts, tmp_path, bucket, capsys):
    for folder in (photos, parts):
        send(folder, f"s3://bucket/{folder.name}")
    bucket.put_object(Bucket="bucket", Key="photos/../up.png", Body=b"")
    # 1. pictures
    expected = tmp_path / "expected"
    assert cli("upscale", photos, "-o", expected, *FAST, "--recursive") == 0
    command = ("upscale", "s3://bucket/photos/", "-o", "s3://bucket/large/", "--recursive", *FAST)
    assert cli(*command, "--jobs", 2) == 0
    assert kept(bucket, "large/") == local_contents(expected)
    bucket.delete_object(Bucket="bucket", Key="large/a_x2.png")
    capsys.readouterr()
    assert cli(*command[:-1], "--skip-existing") == 0
    assert capsys.readouterr().out == "1 done, 3 skipped, 0 failed\n"
    # 2. a model
    options = ("--anchors", 8, "--scale", 2, "--quiet")
    assert cli("train", parts, "-o", tmp_path / "m.safetensors", *options) == 0
    source = f"s3://bucket/{parts.name}"
    assert cli("train", source, "-o", "s3://bucket/m.safetensors", *options) == 0
    model = (tmp_path / "m.safetensors").read_bytes()
    assert kept(bucket, "m.safetensors") == {"": model}
    assert load_model("s3://bucket/m.safetensors").scale == 2
    # 3. mistakes
    for arguments, reason in (
        (("s3://bucket/gone.png", "-o", "o.png"), "s3://bucket/gone.png: no such file"),
        (("s3://none/gone.png", "-o", "o.png"), "The specified bucket does not exist"),
        ((photos, "-o", "s3://none/large/"), "none does not exist or cannot be reached"),
        ((photos / "a.png", "-o", "s3://none/o.png"), "none does not exist or cannot be reached"),
    ):
        capsys.readouterr()
        assert cli("upscale", *arguments, *FAST) == 2
        told(capsys, reason)
    assert [entry["Name"] for entry in bucket.list_buckets()["Buckets"]] == ["bucket"]


@pytest.mark.slow
@pytest.mark.parametrize("error", [KeyboardInterrupt, ConnectionError])
def test_s3_keeps_what_was_there(bucket, monkeypatch, error):
    bucket.put_object(Bucket="bucket", Key="a", Body=b"before")

    def send_some(source, target, size):
        for _ in range(2):
            target.write(source.read(size))
        assert bucket.list_multipart_uploads(Bucket="bucket")["Uploads"]
        raise error

    def write(file):
        file.write(bytes(30_000_000))

    with monkeypatch.context() as patch:
        patch.setattr("sr_arn.system.remote.shutil.copyfileobj", send_some)
        with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else InputError):
            write_whole("s3://bucket/a", write)
    assert kept(bucket, "a") == {"": b"before"}
    assert "Uploads" not in bucket.list_multipart_uploads(Bucket="bucket")
    write_whole("s3://bucket/a", write)
    assert kept(bucket, "a") == {"": bytes(30_000_000)}
