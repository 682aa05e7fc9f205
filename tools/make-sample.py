#!/usr/bin/env python3
"""Make the embedded sample: a class-balanced part of CIFAR-10 in the official binary layout.

usage: make-sample.py CIFAR_FOLDER [OUT_DIR]

CIFAR_FOLDER is the unpacked official folder (data_batch_1.bin .. data_batch_5.bin, test_batch.bin, batches.meta.txt);
OUT_DIR is data/sample of this repository by default. The first 200 training and the first 100 test images of each
class are taken, and record order is kept, so the classes stay mixed. The training records are cut into five files of
400. The result depends on the input alone. Needs nothing but Python's standard library.
"""
import os
import sys

CLASSES = 10
RECORD_BYTES = 1 + 3 * 32 * 32  # label, then the red, green and blue planes, each row-major
TRAIN_PER_CLASS = 200
TEST_PER_CLASS = 100
TRAIN_FILES = [f"data_batch_{k}.bin" for k in range(1, 6)]
TEST_FILE = "test_batch.bin"
NAMES_FILE = "batches.meta.txt"


def first_of_each_class(paths, per_class):
    """The first `per_class` records of every class over the files, in record order."""
    taken = [0] * CLASSES
    chosen = []
    for path in paths:
        with open(path, "rb") as f:
            while record := f.read(RECORD_BYTES):
                if len(record) != RECORD_BYTES or record[0] >= CLASSES:
                    raise SystemExit(f"{path}: a damaged record (length {len(record)}, label {record[0]})")
                if taken[record[0]] < per_class:
                    taken[record[0]] += 1
                    chosen.append(record)
    if min(taken) < per_class:
        raise SystemExit(f"too few images: {per_class} of each class wanted, found {taken}")
    return chosen


def write(path, records):
    with open(path, "wb") as f:
        f.write(b"".join(records))


def main(folder, out):
    train = first_of_each_class([os.path.join(folder, name) for name in TRAIN_FILES], TRAIN_PER_CLASS)
    test = first_of_each_class([os.path.join(folder, TEST_FILE)], TEST_PER_CLASS)
    with open(os.path.join(folder, NAMES_FILE)) as f:
        names = f.read().split()
    if len(names) != CLASSES:
        raise SystemExit(f"{NAMES_FILE}: expected {CLASSES} class names, found {len(names)}")
    os.makedirs(out, exist_ok=True)
    size = len(train) // len(TRAIN_FILES)
    for k, name in enumerate(TRAIN_FILES):
        write(os.path.join(out, name), train[k * size:(k + 1) * size])
    write(os.path.join(out, TEST_FILE), test)
    with open(os.path.join(out, NAMES_FILE), "w") as f:
        f.write("\n".join(names) + "\n")
    print(f"{out}: {len(train)} training and {len(test)} test images")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    main(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else os.path.join(root, "data", "sample"))
