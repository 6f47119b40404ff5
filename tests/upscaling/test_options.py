"""Options are declared once: `FileUpscaler`, its parts and the command line have the same."""

from dataclasses import fields

import pytest

from sr_arn import InputError
from sr_arn.cli import main
from sr_arn.models.restoration import Restore
from sr_arn.upscaling.file_upscaler import FileUpscaler
from sr_arn.upscaling.options import OPTIONS, RESTORE, SCHEDULE, SIZE
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.sizes import Size

INNER = {"cluster"}  # no number or text: another option makes it


def options_of(part):
    return {name for name, option in OPTIONS.items() if option.part == part}


def test_every_option_is_a_field_and_every_field_an_option():
    own = {field.name for field in fields(FileUpscaler) if field.init}
    assert own - {SIZE, RESTORE, SCHEDULE} == options_of(None)
    assert {field.name for field in fields(Size)} == options_of(SIZE)
    assert {field.name for field in fields(Schedule)} - INNER == options_of(SCHEDULE)


def test_the_command_line_has_every_option_with_its_help(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")  # no line is broken
    with pytest.raises(SystemExit):
        main(["upscale", "--help"])
    shown = capsys.readouterr().out
    for name, option in OPTIONS.items():
        assert f"--{name.replace('_', '-')}" in shown
        assert option.help.partition("$")[0] in shown


def test_defaults_are_those_of_the_class():
    defaults = {name: option.default for name, option in OPTIONS.items()}
    assert FileUpscaler.of(defaults) == FileUpscaler()
    assert FileUpscaler.of({}) == FileUpscaler()


def test_values_reach_their_parts():
    given = {"width": 30, "memory": 50, "jpeg": 70.0, "strip": True, "back_project": 0}
    made = FileUpscaler.of(given)
    assert (made.size, made.schedule) == (Size(width=30), Schedule(memory=50))
    assert (made.restore, made.strip) == (Restore(jpeg=70.0), True)
    with pytest.raises(InputError, match="threads: expected an integer of at least 1, received 0"):
        FileUpscaler.of({"threads": 0})
