"""Write the credits of the photos that the bundled networks were trained on.

    python benchmarks/credits.py DATA_DIR/open_photos/MANIFEST.tsv -o sr_arn/weights/CREDITS.md

The manifest is a table with tabs: file, licence, credit and source of each picture.
"""

import argparse
import csv
from collections import defaultdict
from pathlib import Path

HEAD = """# Pictures that the weights have seen

The networks conv-arn-x2, -x3 and -x4 and their tiny versions were trained on crops of the pictures
below, on the 91 images of Yang et al. (2010) and on 100 images of the Berkeley segmentation data
(Martin et al. 2001). All other models, conv-arn-x2-91, -x3-91 and -x4-91 among them, were trained
on the 91 images alone. The weights hold none of the pictures.

Made by `python benchmarks/credits.py DATA_DIR/open_photos/MANIFEST.tsv -o
sr_arn/weights/CREDITS.md`.
"""


def credits_of(manifest: Path) -> str:
    """Return the credits as Markdown, a section a licence."""
    by_licence: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    with manifest.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            whose, _, which = row["credit"].partition("; file ")
            by_licence[row["licence"]][whose].append(which)
    parts = [HEAD]
    for licence, owners in sorted(by_licence.items()):
        parts.append(f"\n## {licence}\n\n")
        for whose, files in sorted(owners.items()):
            names = ", ".join(sorted(name for name in files if name))
            parts.append(f"- {whose}{f': {names}' if names else ''}\n")
    return "".join(parts)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    args.output.write_text(credits_of(args.manifest), encoding="utf-8")


if __name__ == "__main__":
    main()
