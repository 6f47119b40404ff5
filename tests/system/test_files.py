import os
import stat

import pytest

from sr_arn import InputError
from sr_arn.system.files import check_output, write_whole


def test_writes_with_the_permissions_of_a_new_file(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_whole(tmp_path / "ours", lambda file: file.write(b"whole"))
    assert (tmp_path / "ours").read_bytes() == b"whole"
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "ours")}
    assert len(modes) == 1


@pytest.mark.parametrize("error", [RuntimeError("defect"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path, error):
    target = tmp_path / "out.bin"
    target.write_bytes(b"before")

    def write(file):
        file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        write_whole(target, write)
    assert os.listdir(tmp_path) == ["out.bin"]
    assert target.read_bytes() == b"before"


def test_a_full_disk_is_told_in_one_line(tmp_path):
    def write(file):
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match=r"output: cannot write .*out.*: No space left on device"):
        write_whole(tmp_path / "out", write)
    assert os.listdir(tmp_path) == []


def test_a_link_stays_a_link_and_a_device_a_device(tmp_path):
    (tmp_path / "real").write_bytes(b"before")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_whole(tmp_path / "link", lambda file: file.write(b"after"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"after"
    write_whole("/dev/null", lambda file: file.write(b"gone"))
    assert not os.path.isfile("/dev/null")


def test_a_pipe_is_written_to(tmp_path):
    reader, writer = os.pipe()
    write_whole(f"/dev/fd/{writer}", lambda file: file.write(b"through"))
    os.close(writer)
    with open(reader, "rb") as file:
        assert file.read() == b"through"


def test_long_names_of_any_script(tmp_path):
    path = tmp_path / ("\N{CAT}" * 60 + ".png")
    write_whole(path, lambda file: file.write(b"whole"))
    assert path.read_bytes() == b"whole"


def test_refuses_places_that_take_no_file(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        check_output(tmp_path)
    with pytest.raises(InputError, match="missing does not exist; create it"):
        check_output(tmp_path / "missing" / "out.png")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no folder that root cannot write")
def test_a_folder_that_is_not_writable_is_told_in_one_line(tmp_path, monkeypatch):
    # Root may write to every ordinary folder; /proc takes files from nobody.
    with pytest.raises(InputError, match="output: "):
        write_whole("/proc/self/out.png", lambda file: file.write(b"x"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="is not writable"):
        check_output(tmp_path / "out.png")
