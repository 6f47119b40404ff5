"""What a mistake of the user raises, and how values are shown in messages."""

import re

__all__ = ["InputError", "display", "masked"]

SECRETS = (  # of URLs: user, password or key before the host, and what signs a link
    (r"([a-z][a-z0-9+.-]+:/+)(?!arn:)(?:[^/\s@]+@|[^/\s@:]+:(?!\d+(?:/|$))\S*@)", r"\1***@"),
    (r"(https?://[^\s?]*\?)[^\s'\"]+", r"\1***"),
)


class InputError(ValueError):
    """A mistake in what the user gave, told in one line.

    The command line prints the message and leaves with exit code 2; every other
    exception is a defect of this package.
    """


def display(value: object, limit: int = 120) -> str:
    """Return `value` as one printable line.

    Control characters are escaped, secrets of URLs hidden, long text cut.
    """
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in masked(str(value)))
    return text if len(text) <= limit else text[: limit - 3] + "..."


def masked(text: str) -> str:
    """Return a text without the secrets that URLs in it hold."""
    for pattern, instead in SECRETS if ":/" in text else ():
        text = re.sub(pattern, instead, text, flags=re.IGNORECASE)
    return text
