"""The exceptions that this package raises on purpose, and how values are shown in messages."""

import re

__all__ = ["InputError", "SrArnError", "UnavailableError", "display", "masked"]

SECRETS = (  # of URLs: user, password or key before the host, and what signs a link
    (r"([a-z][a-z0-9+.-]+:/+)(?!arn:)(?:[^/\s@]+@|[^/\s@:]+:(?!\d+(?:/|$))\S*@)", r"\1***@"),
    (r"(https?://[^\s?]*\?)[^\s'\"]+", r"\1***"),
)


class SrArnError(Exception):
    """A problem that the user can solve, described in one line.

    The command line prints the message and exits with code 2; every other exception is a
    defect of this package.
    """


class InputError(SrArnError, ValueError):
    """Invalid input: the message names what was expected and what was received."""


class UnavailableError(SrArnError, RuntimeError):
    """Something that this machine or installation lacks, such as a GPU or an optional package."""


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
