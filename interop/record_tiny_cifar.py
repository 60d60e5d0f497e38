"""Writes crates/vanilla/tests/golden/tiny-cifar.tar.gz: CIFAR-10's binary version with images of 2 x 2 and few rows, as
Python's tarfile writes it. The test in crates/vanilla/src/datasets/known/tests.rs holds the same bytes."""

import gzip
import io
import pathlib
import tarfile

TARGET = pathlib.Path(__file__).parent.parent / "crates/vanilla/tests/golden/tiny-cifar.tar.gz"


def record(label, first):
    """A label, then the planes red, green and blue."""
    return bytes([label]) + bytes(range(first, first + 12))


def main():
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:

        def add(name, data=None):
            info = tarfile.TarInfo("cifar-10-batches-bin" + name)
            info.mtime = 1244058000
            if data is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
            else:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))

        add("")
        add("/data_batch_1.bin", record(0, 0) + record(1, 20))
        add("/batches.meta.txt", b"no\nyes\n")
        add("/test_batch.bin", record(0, 80) + record(1, 100))
        add("/readme.html", b"<html>")
        add("/data_batch_2.bin", record(1, 40) + record(1, 60))
    TARGET.write_bytes(gzip.compress(archive.getvalue(), mtime=0))


main()
