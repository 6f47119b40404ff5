"""Files made wrong at random: bytes turned, cut, doubled; headers with other values."""

import json
import struct
import zlib
from copy import deepcopy

from conftest import png_chunks

NUMBERS = (0, 1, -1, 2**31 - 1, 2**31, 2**63, -(2**63), 10**9, 0.5, float("nan"), float("inf"))
VALUES = (*NUMBERS, "", "x" * 300, "../../x", "\x1b[31m", None, True, [], {}, [[[]]], {"a": 1})
BYTES = (0, 1, 0x7F, 0x80, 0xFF)


def mutated(content, dice):
    """Return bytes with one to several things wrong."""
    content = bytearray(content)
    for _ in range(dice.choice((1, 1, 1, 2, 4, 16))):
        if not content:
            break
        place = dice.randrange(len(content))
        if dice.random() < 0.5:  # headers stand at the beginning
            place = dice.randrange(min(len(content), 512))
        kind = dice.randrange(7)
        if kind == 0:
            content[place] ^= 1 << dice.randrange(8)
        elif kind == 1:
            content[place] = dice.choice(BYTES)
        elif kind == 2:
            content[place : place + 4] = dice.randrange(2**32).to_bytes(4, "little")
        elif kind == 3:
            content[place : place + 8] = dice.choice((0, 2**31, 2**63, 2**64 - 1)).to_bytes(
                8, "big"
            )
        elif kind == 4:
            del content[place : place + dice.choice((1, 4, 100))]
        elif kind == 5:
            content[place:place] = content[place : place + dice.choice((1, 4, 100))]
        else:
            del content[place:]
    return bytes(content)


def mutated_png(content, dice):
    """Return a PNG file with something wrong in chunks whose check sums are right.

    Of pixels and profiles, also in what is deflated: else nothing wrong would get that far.
    """
    chunks, place = [], 8
    while place < len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        inner = content[place + 8 : place + 8 + length]
        if kind == b"IDAT" == chunks[-1][0]:  # one stream, in parts
            chunks[-1] = kind, chunks[-1][1] + inner
        else:
            chunks.append((kind, inner))
        place += 12 + length
    number = dice.randrange(len(chunks))
    kind, inner = chunks[number]
    how = dice.randrange(8)
    if how == 0:
        del chunks[number]
    elif how == 1:
        chunks.insert(dice.randrange(len(chunks)), (kind, inner))
    elif how < 5 and kind in (b"IDAT", b"iCCP"):
        start = inner.index(b"\0") + 2 if kind == b"iCCP" else 0
        plain = mutated(zlib.decompress(inner[start:]), dice)
        chunks[number] = kind, inner[:start] + zlib.compress(plain)
    else:
        chunks[number] = kind, mutated(inner, dice)
    return png_chunks(*chunks)


def split_safetensors(content):
    """Return the header and the numbers of a safetensors file."""
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def safetensors_of(header, numbers):
    """Return the bytes of a safetensors file."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def mutated_header(content, key, dice):
    """Return a model file in whose headers, ours or safetensors', something is another."""
    header, numbers = split_safetensors(content)
    own = json.loads(header["__metadata__"][key])
    for _ in range(dice.choice((1, 1, 2, 4))):
        _change(own if dice.random() < 0.7 else header, dice)
    if isinstance(header.get("__metadata__"), dict) and key in header["__metadata__"]:
        header["__metadata__"][key] = json.dumps(own)
    return safetensors_of(header, numbers)


def _change(place, dice):
    """Change, remove or add an entry somewhere below a dict or list."""
    while place:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = dice.choice(list(keys))
        inner = place[key]
        if isinstance(inner, dict | list) and inner and dice.random() < 0.8:
            place = inner
            continue
        kind = dice.randrange(4)
        if kind == 0:
            del place[key]
        elif kind == 1 and isinstance(place, dict):
            place[dice.choice(("x", "weight", "scale", "values"))] = deepcopy(dice.choice(VALUES))
        else:
            place[key] = deepcopy(dice.choice(VALUES))
        return
