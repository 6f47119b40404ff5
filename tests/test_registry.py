import pytest

from sr_arn.registry import Registry


def defined(module="notebook"):
    class Toy:
        name = "toy"

    Toy.__module__ = module
    return Toy


def test_a_class_that_is_defined_anew_takes_the_place_of_the_old_one():
    registry = Registry("name", {})
    registry.register(defined())
    again = registry.register(defined())
    assert registry["toy"] is again
    with pytest.raises(ValueError, match="name: 'toy' is taken by Toy"):
        registry.register(defined("elsewhere"))
    assert registry["toy"] is again
