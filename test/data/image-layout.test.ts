import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isImagePath,
  planLayout,
  requireInside,
} from "../../src/data/image-layout.js";
import { UserError } from "../../src/errors.js";

const options = { valFraction: 0.2, seed: 0, source: "photos" };
const plan = (paths: readonly string[], more = {}) =>
  planLayout(paths, { ...options, ...more });
const pathsOf = (images: readonly { path: string }[]) =>
  images.map(({ path }) => path);
const refusal = (paths: readonly string[], more = {}) => {
  try {
    plan(paths, more);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error("was not refused");
};

const numbered = (folder: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${folder}/${i}.jpg`);

describe("train and test folders", () => {
  const files = [
    "train/b/2.png",
    "test/b/1.jpeg",
    "train/a/1.jpg",
    "train/b/10.webp",
    "test/a/x.JPG",
  ];

  it("are taken as they are, in code-unit order, the classes named by their folders", () => {
    expect(plan(files)).toEqual({
      classNames: ["a", "b"],
      train: [
        { path: "train/a/1.jpg", label: 0 },
        { path: "train/b/10.webp", label: 1 },
        { path: "train/b/2.png", label: 1 },
      ],
      test: [
        { path: "test/a/x.JPG", label: 0 },
        { path: "test/b/1.jpeg", label: 1 },
      ],
      heldOut: false,
      skipped: [],
    });
  });

  it("may be wrapped in other folders, and test may be called val", () => {
    const wrapped = files.map(
      (path) => `data/set/${path.replace("test", "val")}`,
    );
    const { classNames, train, test } = plan(wrapped);
    expect(classNames).toEqual(["a", "b"]);
    expect(train).toHaveLength(3);
    expect(pathsOf(test)).toEqual([
      "data/set/val/a/x.JPG",
      "data/set/val/b/1.jpeg",
    ]);
  });

  it("list what is elsewhere, and go by test where there is val too", () => {
    const { test, skipped } = plan([
      ...files,
      "val/a/7.png",
      "train/loose.png",
      "train/a/notes.txt",
      "README",
      ".git/x.png",
      "__MACOSX/train/a/._1.jpg",
    ]);
    expect(test).toHaveLength(2);
    expect(skipped).toEqual([
      { path: "README", reason: "no .jpg, .jpeg, .png or .webp" },
      { path: "train/a/notes.txt", reason: "no .jpg, .jpeg, .png or .webp" },
      {
        path: "train/loose.png",
        reason: "neither in train/<class>/ nor in test/<class>/",
      },
      {
        path: "val/a/7.png",
        reason: "neither in train/<class>/ nor in test/<class>/",
      },
    ]);
  });

  it("refuse a class that one of them lacks, and a train folder with something else beside it", () => {
    expect(refusal([...files, "train/c/1.png"])).toMatch(
      /no image in test\/ of c;/,
    );
    expect(refusal([...files, "test/d/1.png"])).toMatch(
      /no image in train\/ of d;/,
    );
    expect(
      refusal(["train/a/1.png", "train/b/1.png", "extra/a/1.png"]),
    ).toMatch(/has a train folder and beside it extra;/);
  });

  it("train alone is a set to hold out from", () => {
    const { heldOut, classNames } = plan([
      ...numbered("train/a", 5),
      ...numbered("train/b", 5),
    ]);
    expect({ heldOut, classNames }).toEqual({
      heldOut: true,
      classNames: ["a", "b"],
    });
  });
});

describe("one level", () => {
  it("holds out a share of each class, rounded half up, at least one and never all", () => {
    const { train, test, heldOut, classNames } = plan([
      ...numbered("a", 10),
      ...numbered("b", 2),
      ...numbered("c", 13),
    ]);
    const counts = (images: readonly { label: number }[]) =>
      [0, 1, 2].map((c) => images.filter(({ label }) => label === c).length);
    expect(heldOut).toBe(true);
    expect(classNames).toEqual(["a", "b", "c"]);
    expect(counts(test)).toEqual([2, 1, 3]);
    expect(counts(train)).toEqual([8, 1, 10]);
  });

  it("takes files at any depth below a class, and lists those above", () => {
    const { skipped, train, test } = plan([
      "a/1.png",
      "a/deep/er/2.png",
      "b/1.png",
      "b/2.png",
      "cover.jpg",
    ]);
    expect(train.length + test.length).toBe(4);
    expect(skipped).toEqual([
      { path: "cover.jpg", reason: "in no class folder" },
    ]);
  });

  it("depends on the seed and not on the order of the files (property)", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 2, max: 20 }), {
          minLength: 2,
          maxLength: 5,
        }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.nat(),
        (sizes, valFraction, seed) => {
          const paths = sizes.flatMap((size, c) =>
            numbered(`class ${c}`, size),
          );
          const first = plan(paths, { valFraction, seed });
          expect(plan(paths.toReversed(), { valFraction, seed })).toEqual(
            first,
          );
          expect(
            [...pathsOf(first.train), ...pathsOf(first.test)].sort(),
          ).toEqual(paths.toSorted());
          for (const images of [first.train, first.test]) {
            expect(pathsOf(images)).toEqual(pathsOf(images).toSorted());
            expect(
              images.every(({ path, label }) =>
                path.startsWith(`class ${label}/`),
              ),
            ).toBe(true);
          }
          sizes.forEach((size, c) => {
            const held = first.test.filter(({ label }) => label === c).length;
            expect(held).toBe(
              Math.max(
                1,
                Math.min(size - 1, Math.floor(valFraction * size + 0.5)),
              ),
            );
          });
        },
      ),
    );
    const paths = [...numbered("a", 50), ...numbered("b", 50)];
    expect(plan(paths, { seed: 1 }).test).not.toEqual(
      plan(paths, { seed: 2 }).test,
    );
  });

  it.each<[string, string[], RegExp]>([
    ["nothing", [], /photos: holds neither CIFAR data .* nor images/],
    ["no images", ["a/notes.txt", "b/clip.mp4"], /nor images/],
    ["images in no folder", ["1.jpg", "2.jpg"], /has no class folder/],
    ["one class", numbered("a", 5), /images of one class alone \(a\)/],
    [
      "lonely classes",
      [...numbered("a", 5), "b/1.png", "c/1.png"],
      /too few images of b, c; a class needs at least 2/,
    ],
    [
      "a file twice",
      [...numbered("a", 3), ...numbered("b", 3), "a/1.jpg"],
      /holds a\/1\.jpg more than once/,
    ],
  ])("refuses %s", (_, paths, message) => {
    expect(refusal(paths)).toMatch(message);
  });

  it.each([0, 1, -1, NaN])("refuses to hold out %s", (valFraction) => {
    expect(refusal(["a/1.png"], { valFraction })).toMatch(/--val-fraction/);
  });
});

describe("paths", () => {
  it("knows images by their names, and hidden files", () => {
    expect(["x.jpg", "a/x.JPEG", "x.png", "x.webp"].every(isImagePath)).toBe(
      true,
    );
    expect(
      [
        "x.gif",
        "x.jpg.txt",
        "jpg",
        ".x.jpg",
        ".a/x.jpg",
        "__MACOSX/x.jpg",
      ].some(isImagePath),
    ).toBe(false);
  });

  it.each([
    "../x.png",
    "a/../../x.png",
    "a\\..\\x.png",
    "/etc/x.png",
    "\\x.png",
    "C:/x.png",
    "c:x.png",
    "",
    "a\0.png",
  ])("refuses %j in an archive", (path) => {
    expect(() => {
      requireInside(path, "set.zip");
    }).toThrow(
      /^set\.zip: refused, because its entry .* leads out of the archive$/,
    );
  });

  it("lets ordinary ones pass", () => {
    for (const path of [
      "a/b.png",
      "..a/b.png",
      "a..b/c.png",
      "./a.png",
      "ä/ß.png",
    ])
      requireInside(path, "set.zip");
  });
});
