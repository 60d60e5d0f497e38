"""Records JPEG pictures and what libjpeg reads in them into `crates/vanilla/tests/golden/pictures/`.

    python record_pictures.py        needs pillow==13.0.0 (libjpeg-turbo) and numpy

Each picture is 20 x 12 pixels of a formula: waves, so that no block is flat. `pictures.json` holds the decoded bytes,
row by row: gray, or red, green and blue.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).parent.parent / "crates/vanilla/tests/golden/pictures"
y, x = np.mgrid[0:12, 0:20]
waves = [127.5 + 100 * np.sin(x / 4 + phase) * np.cos(y / 5 - phase) for phase in (0.0, 0.7, 1.9)]
colours = np.stack(waves, axis=-1).round().astype("uint8")
pictures = {
    "gray.jpg": (colours[..., 0], {}),
    "colours.jpg": (colours, {"subsampling": "4:4:4"}),
    "halved.jpg": (colours, {"subsampling": "4:2:0"}),
    "progressive.jpg": (colours, {"progressive": True, "subsampling": "4:4:4"}),
}
decoded = {}
for name, (pixels, options) in pictures.items():
    Image.fromarray(pixels).save(FOLDER / name, quality=90, **options)
    decoded[name] = np.asarray(Image.open(FOLDER / name)).ravel().tolist()
(FOLDER / "pictures.json").write_text(json.dumps(decoded) + "\n")
