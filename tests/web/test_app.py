"""What the local page answers, and what it does not."""

import io
import os
import threading
import time
import zipfile

import numpy as np
import pytest
from conftest import opened
from PIL import Image

pytest.importorskip("starlette")
from starlette.testclient import TestClient

from sr_arn import load_model
from sr_arn.errors import InputError
from sr_arn.web import job_queue as queue_module
from sr_arn.web.app import application
from sr_arn.web.job_queue import JobQueue
from sr_arn.web.jobs import Order

MODELS = {"bicubic": "bicubic", "aplus-x3": "aplus-x3"}
ENDED = ("done", "failed", "gone")


def png(pixels):
    whole = io.BytesIO()
    Image.fromarray(pixels).save(whole, "png")
    return whole.getvalue()


@pytest.fixture
def queue(tmp_path):
    (tmp_path / "queue").mkdir()
    queue = JobQueue(tmp_path / "queue", MODELS, max_pixels=50_000)
    yield queue
    queue.close()


@pytest.fixture
def client(queue):
    with TestClient(
        application(queue, ["photos.lan"], max_upload=1_000_000), base_url="http://127.0.0.1:8000"
    ) as client:
        yield client


@pytest.fixture
def small(coffee):
    return coffee[100:140, 200:260]


def hand_in(client, data, name="a.png", **query):
    return client.post("/pictures", params={"name": name, **query}, content=data)


def ended(client, *keys):
    """Return the states of these when they have ended."""
    for _ in range(600):
        states = client.get("/pictures", params={"keys": ",".join(keys)}).json()
        if all(state["status"] in ENDED for state in states):
            return states
        time.sleep(0.05)
    raise AssertionError(states)


def test_a_picture_goes_in_and_its_enlargement_comes_out(client, small):
    answer = hand_in(client, png(small), model="aplus-x3")
    assert answer.status_code == 201
    key = answer.json()["key"]
    (state,) = ended(client, key)
    assert state["status"] == "done"
    assert (state["width"], state["height"], state["result"]) == (180, 120, "a_x3.png")
    result = client.get(f"/pictures/{key}/result")
    assert result.headers["content-disposition"] == 'attachment; filename="a_x3.png"'
    large = np.array(opened(io.BytesIO(result.content)))
    assert np.array_equal(large, load_model("aplus-x3").upscale(small))
    assert client.get(f"/pictures/{key}/after").content == result.content
    before = opened(io.BytesIO(client.get(f"/pictures/{key}/before").content))
    assert np.array_equal(np.array(before), load_model("bicubic", scale=3).upscale(small))


@pytest.mark.parametrize(
    ("query", "size", "name"),
    [
        ({"size": "scale", "value": "2.5"}, (150, 100), "a_x2.5.png"),
        ({"size": "width", "value": "90"}, (90, 60), "a_w90.png"),
        ({"size": "max_side", "value": "120", "format": "webp"}, (120, 80), "a_max120.webp"),
        ({"format": "tiff"}, (180, 120), "a_x3.tif"),
    ],
)
def test_sizes_and_formats(client, small, query, size, name):
    key = hand_in(client, png(small), **query).json()["key"]
    (state,) = ended(client, key)
    assert (state["width"], state["height"]) == size
    assert state["result"] == name
    assert opened(io.BytesIO(client.get(f"/pictures/{key}/result").content)).size == size
    for which in ("before", "after"):  # as browsers show it
        shown = client.get(f"/pictures/{key}/{which}")
        assert shown.headers["content-type"] in ("image/png", "image/webp")
        assert opened(io.BytesIO(shown.content)).size == size


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"name": "a.txt"}, "no picture"),
        ({"name": ""}, "no picture"),
        ({"model": "nothing"}, "there is no nothing"),
        ({"model": "../../etc/passwd"}, "there is no"),
        ({"model": "deep-arn-x3"}, "there is no"),  # bundled, but not on this queue
        ({"size": "scale", "value": "0"}, "above 0"),
        ({"size": "scale", "value": "nan"}, "above 0"),
        ({"size": "scale", "value": ""}, "expected a number"),
        ({"size": "width", "value": "1.5"}, "expected an integer"),
        ({"size": "depth", "value": "2"}, "expected scale, width"),
        ({"format": "exe"}, "expected one of"),
        ({"restore": "200"}, "expected auto, off or 0 to 100"),
        ({"restore": "50", "model": "bicubic"}, "bicubic knows clean pictures only"),
    ],
)
def test_what_cannot_be_is_told(client, queue, small, query, reason):
    answer = hand_in(client, png(small), **query)
    assert answer.status_code == 400
    assert reason in answer.json()["reason"]
    assert not os.listdir(queue.folder)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({}, "JPEG of quality 60: restored"),
        ({"restore": "40"}, "JPEG of quality 60: restored by 40 %"),
        ({"restore": "0"}, ""),
    ],
)
def test_what_is_restored_is_told(client, small, query, said):
    whole = io.BytesIO()
    Image.fromarray(small).save(whole, "JPEG", quality=60)
    (state,) = ended(client, hand_in(client, whole.getvalue(), "a.jpg", **query).json()["key"])
    assert (state["status"], state["restored"]) == ("done", said)


def test_bad_pictures_fail_and_the_next_one_is_done(client, small):
    bad = [b"no picture at all", png(small)[:200], png(np.zeros((300, 300), np.uint8))]
    keys = [hand_in(client, data).json()["key"] for data in [*bad, png(small)]]
    states = ended(client, *keys)
    assert [state["status"] for state in states] == ["failed"] * 3 + ["done"]
    assert "50,000" in states[2]["reason"]
    for state in states[:3]:
        assert "\n" not in state["reason"]
        assert state["reason"].startswith("a.png: ")  # not where it lies
        assert client.get(f"/pictures/{state['key']}/result").status_code == 404


@pytest.mark.parametrize(("mode", "suffix"), [("CMYK", "tif"), ("CMYK", "jpg"), ("RGBA", "png")])
def test_what_browsers_do_not_show_is_made_visible(client, small, mode, suffix):
    whole = io.BytesIO()
    Image.fromarray(small).convert(mode).save(whole, Image.registered_extensions()[f".{suffix}"])
    key = hand_in(client, whole.getvalue(), f"a.{suffix}", model="bicubic").json()["key"]
    (state,) = ended(client, key)
    assert state["status"] == "done"
    for which in ("before", "after"):
        shown = opened(io.BytesIO(client.get(f"/pictures/{key}/{which}").content))
        if not (suffix == "jpg" and which == "after"):
            assert shown.mode == ("RGB" if mode == "CMYK" else mode)
        assert shown.size == (180, 120)


def test_names_of_any_length_and_script(client, small):
    name = 81 * "\N{CJK UNIFIED IDEOGRAPH-540D}" + ".png"
    key = hand_in(client, png(small), name=name).json()["key"]
    (state,) = ended(client, key)
    assert state["status"] == "done"
    assert name.startswith(state["result"].removesuffix("_x3.png"))
    assert len(state["result"].encode()) < 200


def test_a_desk_of_its_own_models_takes_the_first_by_default(tmp_path, small):
    queue = JobQueue(tmp_path, {"aplus-x2": "aplus-x2"}, best=False)
    with TestClient(application(queue), base_url="http://127.0.0.1") as client:
        assert "the best for the size" not in client.get("/").text
        key = hand_in(client, png(small)).json()["key"]
        (state,) = ended(client, key)
    queue.close()
    assert state["model"] == "aplus-x2"


def test_uploads_have_a_limit(client, queue):
    assert hand_in(client, b"").json()["reason"] == "upload: the picture is empty"
    for body in (bytes(1_000_001), (bytes(300_000) for _ in range(4))):  # of known length, or not
        answer = hand_in(client, body)
        assert answer.status_code == 413
        assert "at most 1 MB" in answer.json()["reason"]
    assert not os.listdir(queue.folder)


@pytest.mark.parametrize(
    ("host", "is_served"),
    [
        ("127.0.0.1:8000", True),
        ("localhost:8000", True),
        ("192.168.1.7:8000", True),
        ("[::1]:8000", True),
        ("photos.lan", True),
        ("PHOTOS.LAN:8000", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example:8000", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_only_names_that_cannot_be_bent_here_are_served(client, host, is_served):
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == (200 if is_served else 403)
    assert ("Enlarge" in answer.text) == is_served


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9000"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_pages_of_other_sites_hand_nothing_in(client, queue, small, headers):
    key = hand_in(client, png(small)).json()["key"]
    ended(client, key)
    there = sorted(os.listdir(queue.folder))
    answer = client.post("/pictures", params={"name": "a.png"}, content=png(small), headers=headers)
    assert answer.status_code == 403
    assert client.delete(f"/pictures/{key}", headers=headers).status_code == 403
    assert sorted(os.listdir(queue.folder)) == there
    own = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
    assert client.delete(f"/pictures/{key}", headers=own).status_code == 204
    assert not os.listdir(queue.folder)


def test_every_answer_is_guarded(client):
    for address in ("/", "/static/serve.js", "/pictures?keys=x", "/nothing", "/zip"):
        headers = client.get(address).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "address",
    [
        "/static/queue.py",
        "/static/../queue.py",
        "/static/..%2fdesk.py",
        "/static/%2fetc%2fpasswd",
        "/etc/passwd",
        "/pictures/x/result",
        "/pictures/../../etc/passwd",
        "/pictures/..%2f..%2fetc%2fpasswd/result",
        "/pictures/%2e%2e/result",
        "/pictures/x/source.png",
        "/zip?keys=../../etc/passwd",
    ],
)
def test_no_file_of_the_machine_is_read(client, address):
    answer = client.get(address)
    assert answer.status_code in (404, 405)
    assert len(answer.content) < 200


@pytest.mark.parametrize(
    "name",
    ["../../up.png", "/etc/up.png", "..\\..\\up.png", "C:\\up.png", "up\r\nx: y.png", ".up.png"],
)
def test_names_lead_nowhere(client, queue, tmp_path, small, name):
    key = hand_in(client, png(small), name=name).json()["key"]
    other = hand_in(client, png(small), name=name).json()["key"]
    (state, _) = ended(client, key, other)
    assert state["status"] == "done"
    assert "/" not in state["result"]
    assert sorted(os.listdir(tmp_path)) == ["queue"]
    archive = client.get("/zip", params={"keys": f"{key},{other},missing"})
    with zipfile.ZipFile(io.BytesIO(archive.content)) as packed:
        assert packed.testzip() is None
        names = packed.namelist()
    assert len(names) == len(set(names)) == 2
    for packed_name in names:
        assert packed_name == os.path.basename(packed_name)
        assert not packed_name.startswith(".")
        assert packed_name.isprintable()
    assert sorted(os.listdir(queue.folder)) == sorted([key, other])  # the zip is not kept


def test_what_is_removed_is_gone(client, queue, small):
    key = hand_in(client, png(small)).json()["key"]
    ended(client, key)
    client.delete(f"/pictures/{key}")
    assert not os.listdir(queue.folder)
    assert client.get(f"/pictures/{key}/result").status_code == 404
    assert client.get("/pictures", params={"keys": key}).json() == [{"key": key, "status": "gone"}]
    assert client.get("/zip", params={"keys": key}).status_code == 404


def test_work_on_what_is_removed_ends(queue, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def enlarge(self, source, target, kind=None, watch=None):
        begun.set()
        go_on.wait(30)
        watch(0.5)
        raise AssertionError("it was not stopped")

    monkeypatch.setattr(queue_module.FileUpscaler, "__call__", enlarge)
    key = queue.open(Order("a.png"))
    queue.place_of(key).write_bytes(b"x")
    queue.start(key)
    assert begun.wait(30)
    assert queue.state(key)["status"] == "working"
    queue.remove(key)
    go_on.set()
    queue.close()
    assert not os.listdir(queue.folder)


def test_the_oldest_results_make_room(queue, small, monkeypatch):
    keys = []
    for name in ("a.png", "b.png", "c.png"):
        key = queue.open(Order(name))
        queue.place_of(key).write_bytes(png(small))
        queue.start(key)
        while queue.state(key)["status"] not in ENDED:
            time.sleep(0.02)
        keys.append(key)
        one = sum(path.stat().st_size for path in queue.place_of(keys[-1]).parent.iterdir())
        monkeypatch.setattr(queue_module, "MOST_BYTES", 1.5 * one)
    assert [queue.state(key)["status"] for key in keys] == ["gone", "done", "done"]


def test_too_much_at_once_is_refused(queue, small, monkeypatch):
    monkeypatch.setattr(queue, "start", lambda key: None)  # it stays waiting
    key = queue.open(Order("a.png"))
    queue.place_of(key).write_bytes(png(small))
    monkeypatch.setattr(queue_module, "MOST_BYTES", 100)
    with pytest.raises(InputError, match="too much is waiting"):
        queue.open(Order("b.png"))
    assert len(os.listdir(queue.folder)) == 1


def test_many_come_and_go_at_once(client, queue, small):
    data, codes = png(small[:5, :5]), []

    def come_and_go(number):
        for _ in range(10):
            answer = hand_in(client, data, model="bicubic")
            codes.append(answer.status_code)
            if number % 2:
                client.delete(f"/pictures/{answer.json()['key']}")

    threads = [threading.Thread(target=come_and_go, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [201] * 60


def test_not_too_many_wait(queue, monkeypatch):
    monkeypatch.setattr(queue_module, "MOST_WAITING", 2)
    queue.open(Order("a.png"))
    queue.open(Order("b.png"))
    with pytest.raises(InputError, match="2 pictures are waiting"):
        queue.open(Order("c.png"))


def test_large_results_are_not_shown_but_fetched(client, small, monkeypatch):
    monkeypatch.setattr("sr_arn.web.jobs.MOST_SHOWN", 1000)
    key = hand_in(client, png(small)).json()["key"]
    (state,) = ended(client, key)
    assert state["status"] == "done"
    assert not state["shown"]
    assert client.get(f"/pictures/{key}/after").status_code == 404
    assert client.get(f"/pictures/{key}/result").status_code == 200


def test_the_page_names_the_models(client):
    text = client.get("/").text
    assert all(f"<option>{name}</option>" in text for name in MODELS)
    assert "up to 1 MB and\n0.05 megapixels each" in text
    assert "the best for the size" in text
