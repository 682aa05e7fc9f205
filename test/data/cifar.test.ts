import { describe, expect, it } from "vitest";
import {
  detectCifarLayout,
  isCifarFile,
  parseCifar,
} from "../../src/data/cifar.js";
import { UserError } from "../../src/errors.js";
import {
  PIXELS,
  pixel,
  records,
  text,
  tinyCifar10,
  tinyCifar100,
} from "./fixtures.js";

const options = { name: "tiny", source: "FOLDER" };

function expectImages(images: Uint8Array, numbers: readonly number[]): void {
  const expected = numbers.flatMap((image) =>
    Array.from({ length: PIXELS }, (_, i) => pixel(image, i)),
  );
  expect(Array.from(images)).toEqual(expected);
}

describe("parseCifar", () => {
  it("reads CIFAR-10 records in file and record order", () => {
    const dataset = parseCifar(tinyCifar10(), "cifar10", options);
    expect(dataset.name).toBe("tiny");
    expect(dataset.layout).toBe("cifar10");
    expect(dataset.classNames).toEqual(["cat", "dog", "frog"]);
    expect(dataset.imageSize).toBe(32);
    expect(dataset.mean).toEqual([0.4914, 0.4822, 0.4465]);
    expect(dataset.std).toEqual([0.247, 0.2435, 0.2616]);
    expect(dataset.train.count).toBe(5);
    expect(Array.from(dataset.train.labels)).toEqual([2, 0, 1, 0, 1]);
    expectImages(dataset.train.images, [0, 1, 2, 3, 4]);
    expect(dataset.test.count).toBe(2);
    expect(Array.from(dataset.test.labels)).toEqual([1, 2]);
    expectImages(dataset.test.images, [100, 101]);
  });

  it("reads the fine labels of CIFAR-100 and, on demand, the coarse ones", () => {
    const fine = parseCifar(tinyCifar100(), "cifar100", options);
    expect(fine.classNames).toEqual(["orchid", "ray", "rose", "shark"]);
    expect(Array.from(fine.train.labels)).toEqual([0, 3, 2]);
    expect(Array.from(fine.test.labels)).toEqual([1]);
    expect(fine.mean).toEqual([0.5071, 0.4865, 0.4409]);
    expect(fine.std).toEqual([0.2673, 0.2564, 0.2762]);
    expectImages(fine.train.images, [0, 1, 2]);
    const coarse = parseCifar(tinyCifar100(), "cifar100", {
      ...options,
      coarse: true,
    });
    expect(coarse.classNames).toEqual(["fish", "flowers"]);
    expect(Array.from(coarse.train.labels)).toEqual([1, 0, 1]);
    expectImages(coarse.train.images, [0, 1, 2]);
  });

  it("takes any number of batches, in numeric and not in alphabetical order", () => {
    const files = new Map([
      ["data_batch_10.bin", records([[2]], 10)],
      ["batches.meta.txt", text(["a", "b", "c"])],
      ["data_batch_9.bin", records([[0], [1]], 5)],
      ["test_batch.bin", records([[0]])],
    ]);
    const { train } = parseCifar(files, "cifar10", options);
    expect(Array.from(train.labels)).toEqual([0, 1, 2]);
    expectImages(train.images, [5, 6, 10]);
  });

  it.each(["data_batch_2.bin", "test_batch.bin"])(
    "refuses %s cut short, by name",
    (name) => {
      const files = tinyCifar10();
      files.set(name, files.get(name)!.subarray(0, -1));
      expect(() => parseCifar(files, "cifar10", options)).toThrow(UserError);
      expect(() => parseCifar(files, "cifar10", options)).toThrow(
        `FOLDER: ${name} has 6145 bytes, which is no whole number of records of 3073 bytes`,
      );
    },
  );

  it("refuses CIFAR-100 records in CIFAR-10's layout, and an empty file", () => {
    const files = tinyCifar100();
    files.set("train.bin", records([[0], [1]]));
    expect(() => parseCifar(files, "cifar100", options)).toThrow(
      /train\.bin has 6146 bytes.*records of 3074 bytes/,
    );
    files.set("train.bin", new Uint8Array());
    expect(() => parseCifar(files, "cifar100", options)).toThrow(
      /train\.bin has 0 bytes/,
    );
  });

  it("refuses a label out of range with file and record", () => {
    const files = tinyCifar10();
    files.set("data_batch_2.bin", records([[0], [3]]));
    expect(() => parseCifar(files, "cifar10", options)).toThrow(UserError);
    expect(() => parseCifar(files, "cifar10", options)).toThrow(
      "FOLDER: data_batch_2.bin, record 2 of 2, has label 3, but batches.meta.txt names 3 classes (labels 0 to 2)",
    );
    const hundred = tinyCifar100();
    hundred.set("test.bin", records([[2, 0]]));
    expect(parseCifar(hundred, "cifar100", options).test.count).toBe(1);
    expect(() =>
      parseCifar(hundred, "cifar100", { ...options, coarse: true }),
    ).toThrow(
      "test.bin, record 1 of 1, has label 2, but coarse_label_names.txt names 2 classes",
    );
  });

  it.each(["test_batch.bin", "batches.meta.txt"])(
    "refuses CIFAR-10 without %s",
    (name) => {
      const files = tinyCifar10();
      files.delete(name);
      expect(() => parseCifar(files, "cifar10", options)).toThrow(UserError);
      expect(() => parseCifar(files, "cifar10", options)).toThrow(
        `FOLDER: ${name} is missing`,
      );
    },
  );

  it("refuses CIFAR-10 without any training batch", () => {
    const files = tinyCifar10();
    files.delete("data_batch_1.bin");
    files.delete("data_batch_2.bin");
    expect(() => parseCifar(files, "cifar10", options)).toThrow(
      "FOLDER: data_batch_1.bin is missing",
    );
  });

  it.each(["train.bin", "test.bin", "fine_label_names.txt"])(
    "refuses CIFAR-100 without %s",
    (name) => {
      const files = tinyCifar100();
      files.delete(name);
      expect(() => parseCifar(files, "cifar100", options)).toThrow(
        `FOLDER: ${name} is missing`,
      );
    },
  );

  it("refuses coarse labels of CIFAR-10 and an empty list of names", () => {
    expect(() =>
      parseCifar(tinyCifar10(), "cifar10", { ...options, coarse: true }),
    ).toThrow(/no coarse labels/);
    const files = tinyCifar10().set("batches.meta.txt", text([]));
    expect(() => parseCifar(files, "cifar10", options)).toThrow(
      /batches\.meta\.txt names 0 classes/,
    );
  });
});

describe("file names", () => {
  it("tells the layouts apart", () => {
    expect(detectCifarLayout(tinyCifar10().keys())).toBe("cifar10");
    expect(detectCifarLayout(tinyCifar100().keys())).toBe("cifar100");
    expect(detectCifarLayout(["readme.html", "cat"])).toBeUndefined();
  });

  it("ignores what is no part of a data set", () => {
    expect(["data_batch_12.bin", "test.bin"].map(isCifarFile)).toEqual([
      true,
      true,
    ]);
    expect(
      [
        "readme.html",
        "._data_batch_1.bin",
        "data_batch_1.bin.part",
        "data_batch_x.bin",
      ].some(isCifarFile),
    ).toBe(false);
  });
});
