"""Small copies of data sets on disk, for the tests of their loaders."""

from io import BytesIO

from PIL import Image


def plant(folder, names):
    """Write a tiny JPEG file under each name, in a folder that is made; return the folder."""
    stream = BytesIO()
    Image.new("RGB", (2, 2), "teal").save(stream, "JPEG")
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stream.getvalue())
    return folder


def names_of(faces):
    return [path.name for path in faces.paths]
