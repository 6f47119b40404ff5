"""Pictures that ship, the data sets where they are at hand, a browser where one is installed."""

import os
import shutil
import signal
import struct
import zlib
from contextlib import contextmanager
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}  # of torch and BLAS, which
# read it when they are loaded: threads that spin in wait take the cores from other tests

import numpy as np
import pytest
from PIL import Image

from sr_arn.pictures.color import luminance
from sr_arn.system.threads import available_cores

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell tells its background jobs:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests of Ctrl-C mean it

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "data"
SLOWEST = 3600  # seconds of a test marked slow
BROWSER_FLAGS = [  # nothing is asked of the network
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-quic", "--disable-gpu", "--no-first-run", "--no-sandbox"),
]


def pytest_collection_modifyitems(items):
    """Give slow tests more time than setup.cfg gives the others."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(SLOWEST))


def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes share the tests: as many as cores, of which few are enough."""
    return min(available_cores(), 4)


def opened(path) -> Image.Image:
    """Return a picture that is read and whose file is closed."""
    with Image.open(path) as image:
        image.load()
        return image


def png_chunks(*chunks) -> bytes:
    """Return a PNG file of chunks made by hand: what no program writes."""
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of the data sets; tests that need it are skipped where it is missing."""
    folder = Path(os.environ.get("SR_ARN_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("the data sets are not here: set SR_ARN_DATA")
    return folder


@pytest.fixture(scope="session")
def coffee() -> np.ndarray:
    """RGB uint8 [400, 600, 3]."""
    return np.array(opened(SHIPPED / "coffee.png"))


@pytest.fixture(scope="session")
def planes() -> list[np.ndarray]:
    """Luminance of the shipped pictures."""
    return [luminance(np.array(opened(path))) for path in sorted(SHIPPED.glob("*.png"))]


def random_network(scale, channels, pairs, anchors, size, hidden=0, chroma=False):
    """Return a `ConvModel` of random numbers of a size; with hidden units it restores."""
    from sr_arn.models.chroma import ChromaModel
    from sr_arn.models.conv import ConvModel

    rng = np.random.default_rng(0)
    lengths = {"c": channels, "p": pairs, "z": 2, "m": anchors, "t": scale**2, "3": 3}
    lengths |= {"k": hidden, "2": 2, "i": 3}

    def arrays(axes_of):
        return {
            name: rng.normal(scale=size, size=[lengths[axis] for axis in axes]).astype(np.float32)
            for name, axes in axes_of.items()
        }

    own = arrays(ConvModel.array_axes)
    restoring = arrays(ConvModel.restoring_axes) if hidden else None
    if not chroma:
        return ConvModel(scale, own, restoring)
    lengths["t"] = 2 * scale**2
    return ConvModel(scale, own, restoring, ChromaModel(scale, arrays(ChromaModel.array_axes)))


@pytest.fixture(scope="session")
def parts(tmp_path_factory) -> Path:
    """A folder of small parts of the shipped pictures, to train on in seconds."""
    folder = tmp_path_factory.mktemp("parts")
    for path in SHIPPED.glob("*.png"):
        opened(path).crop((200, 100, 260, 160)).save(folder / path.name)
    return folder


@pytest.fixture
def two_threads():
    """Two threads for torch, who has one elsewhere."""
    torch = pytest.importorskip("torch", reason='needs the extra "torch"')
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(usual)


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium, driven by Playwright."""
    sync_api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("the program chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=BROWSER_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def window(browser):
    """Return a function that opens a page, where nothing goes wrong or is fetched elsewhere."""

    @contextmanager
    def opened(address, tolerated="willReadFrequently", **options):  # the tests read the crops
        problems, requests = [], []
        context = browser.new_context(**{"viewport": {"width": 1100, "height": 900}, **options})
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        yield page
        context.close()
        assert all(tolerated in problem for problem in problems), problems
        assert all(url.startswith(("data:", "blob:", address)) for url in requests)

    return opened
