/** The reference ops that have no counterpart in PyTorch, or none worth a file: checked by their rules. */
import { describe, expect, it } from "vitest";
import { philox4x32, Purpose } from "../../src/engine/random.js";
import { add } from "./add.js";
import { augment, augmentDraws, type AugmentKind } from "./augment.js";
import { concat, concatBackward } from "./concat.js";
import { conv2d, conv2dGradInput, conv2dGradWeight } from "./conv2d.js";
import { dropout, dropoutMask } from "./dropout.js";
import { evaluate } from "./evaluate.js";
import { relu, reluBackward } from "./relu.js";
import { errorFactor, index4, map, ref, sizeOf, type Ref } from "./tensor.js";

/** Values without a pattern that a wrong index would survive. */
function irregular(...shape: number[]): Ref {
  return map(ref(shape), (_, i) => Math.sin(1 + 12.9898 * i) * 2);
}

const unit = (word: number) => Math.floor(word / 256) / 2 ** 24;

describe("magnitudes", () => {
  it("are the same sums of absolute values", () => {
    const [x, w] = [irregular(2, 5, 4, 3), irregular(3, 3, 3, 5)];
    const [ax, aw] = [map(x, Math.abs), map(w, Math.abs)];
    const o = { stride: 2, padding: 1 };
    const y = conv2d(x, w, null, o);
    const dy = irregular(...y.value.shape);
    const ady = map(dy, Math.abs);
    expect(y.magnitude).toEqual(conv2d(ax, aw, null, o).value);
    const io = { ...o, inputShape: x.shape };
    expect(conv2dGradInput(dy, w, io).magnitude).toEqual(
      conv2dGradInput(ady, aw, io).value,
    );
    const wo = { ...o, kernel: [3, 3] as const };
    expect(conv2dGradWeight(x, dy, wo).magnitude).toEqual(
      conv2dGradWeight(ax, ady, wo).value,
    );
    expect(y.terms).toBe(27);
  });

  it("bound what f32 rounding does, and no more", () => {
    const y = conv2d(irregular(1, 5, 5, 3), irregular(3, 3, 3, 4), null, {
      stride: 1,
      padding: 0,
    });
    expect(errorFactor(Float32Array.from(y.value.data), y)).toBeLessThan(0.1);
    const wrong = Float64Array.from(y.value.data);
    wrong[7]! += 1e-3;
    expect(errorFactor(wrong, y)).toBeGreaterThan(10);
    wrong[7] = NaN;
    expect(errorFactor(wrong, y)).toBe(Infinity);
  });
});

describe("element-wise ops", () => {
  it("rectify, add, and pass the gradient where the output is positive", () => {
    const y = relu(ref([4], [-1, 0, 2, 3]));
    expect([...y.data]).toEqual([0, 0, 2, 3]);
    const dx = reluBackward(ref([4], [5, 6, -7, 8]), y);
    expect([...dx.data]).toEqual([0, 0, -7, 8]);
    expect([...add(y, dx).data]).toEqual([0, 0, -5, 11]);
  });

  it("joins channels and splits them again", () => {
    const parts = [irregular(2, 3, 2, 3), irregular(2, 3, 2, 1)];
    const joined = concat(parts);
    expect(joined.shape).toEqual([2, 3, 2, 4]);
    expect([...joined.data.subarray(0, 5)]).toEqual([
      ...parts[0]!.data.subarray(0, 3),
      parts[1]!.data[0],
      parts[0]!.data[3],
    ]);
    expect(concatBackward(joined, [3, 1])).toEqual(parts);
  });
});

describe("dropout", () => {
  const streams = { seed: 5, epoch: 3, layer: 2, samples: [9, 4_000_000_000] };

  it("keeps an element by its own word of its sample's stream", () => {
    const mask = dropoutMask([2, 2, 1, 5], 0.4, streams);
    for (const [n, sample] of streams.samples.entries()) {
      const index = Number(BigInt(sample) ^ ((2n * 0x9e3779b9n) & 0xffffffffn));
      for (let e = 0; e < 10; e++) {
        const block = philox4x32(
          [Math.floor(e / 4), index, streams.epoch, Purpose.dropout],
          [streams.seed, 0],
        );
        expect(mask.data[n * 10 + e]).toBe(unit(block[e % 4]!) >= 0.4 ? 1 : 0);
      }
    }
  });

  it("keeps a share of 1 − p and scales it up", () => {
    const mask = dropoutMask([1, 1, 1, 20_000], 0.25, streams);
    const kept = mask.data.reduce((a, b) => a + b, 0) / 20_000;
    expect(Math.abs(kept - 0.75)).toBeLessThan(0.015);
    const y = dropout(ref([2], [3, 3]), ref([2], [1, 0]), 0.25);
    expect([...y.data]).toEqual([4, 0]);
  });
});

describe("augmentation", () => {
  const size = 8;
  const images = {
    size,
    bytes: Uint8Array.from({ length: 6 * 3 * size * size }, (_, i) => {
      return (i * 2654435761) >>> 24;
    }),
  };
  const plain = { seed: 11, epoch: 2, mean: [0, 0, 0], std: [1, 1, 1] };
  const run = (kind: AugmentKind, image: number, epoch = 2): Ref =>
    augment(images, [image], { ...plain, kind, epoch });

  /** Channel c of an output image as rows. */
  const rows = (y: Ref, c: number): number[][] =>
    Array.from({ length: size }, (_, h) =>
      Array.from({ length: size }, (_, w) => y.data[index4(y, 0, h, w, c)]!),
    );

  /** The crop of one channel by slicing a padded copy. */
  function cropped(image: number, c: number, pad: number, epoch: number) {
    const w = [0, 1].flatMap((block) =>
      philox4x32([block, image, epoch, Purpose.augment], [plain.seed, 0]),
    );
    const border = new Array<number>(pad).fill(0);
    const empty = new Array<number>(size + 2 * pad).fill(0);
    const start = (image * 3 + c) * size * size;
    const padded = [
      ...border.map(() => empty),
      ...Array.from({ length: size }, (_, h) => {
        const from = start + h * size;
        const row = [...images.bytes.subarray(from, from + size)];
        return [...border, ...row.map((v) => v / 255), ...border];
      }),
      ...border.map(() => empty),
    ];
    const dy = Math.trunc(unit(w[0]!) * (2 * pad + 1));
    const dx = Math.trunc(unit(w[1]!) * (2 * pad + 1));
    const crop = padded
      .slice(dy, dy + size)
      .map((row) => row.slice(dx, dx + size));
    const flip = w[2]! % 2 === 1;
    return { crop: flip ? crop.map((row) => [...row].reverse()) : crop, w };
  }

  it("only normalises without augmentation, from planes to NHWC", () => {
    const mean = [0.1, 0.2, 0.3];
    const std = [0.5, 0.25, 2];
    const y = augment(images, [4, 1], { ...plain, kind: "none", mean, std });
    expect(y.shape).toEqual([2, size, size, 3]);
    const byte = images.bytes[((1 * 3 + 2) * size + 5) * size + 6]!;
    expect(y.data[index4(y, 1, 5, 6, 2)]).toBeCloseTo(
      (byte / 255 - 0.3) / 2,
      14,
    );
  });

  it("crops and flips (standard)", () => {
    for (let epoch = 1; epoch <= 10; epoch++) {
      for (let image = 0; image < 6; image++) {
        const y = run("standard", image, epoch);
        for (let c = 0; c < 3; c++) {
          const { crop } = cropped(image, c, 4, epoch);
          rows(y, c).forEach((row, h) => {
            row.forEach((v, w) => {
              expect(v).toBeCloseTo(crop[h]![w]!, 14);
            });
          });
        }
      }
    }
  });

  it("shifts the brightness and stretches the contrast about the channel mean (study)", () => {
    for (let image = 0; image < 6; image++) {
      const y = run("study", image);
      for (let c = 0; c < 3; c++) {
        const { crop, w } = cropped(image, c, 2, plain.epoch);
        const delta = (2 * unit(w[4]!) - 1) * (63 / 255);
        const factor = 0.2 + 1.6 * unit(w[5]!);
        const mean = (values: number[][]) =>
          values.flat().reduce((a, b) => a + b, 0) / size ** 2;
        const out = rows(y, c);
        expect(mean(out)).toBeCloseTo(mean(crop) + delta, 12);
        const difference = out[3]![5]! - out[6]![0]!;
        expect(difference).toBeCloseTo(
          factor * (crop[3]![5]! - crop[6]![0]!),
          12,
        );
      }
    }
  });

  it("reaches every offset and both orientations about equally often", () => {
    const counts = new Map<string, number>();
    const n = 16_200;
    for (let i = 0; i < n; i++) {
      const { row, column, flip } = augmentDraws("standard", 1, 0, i);
      const key = `${row},${column},${flip}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(9 * 9 * 2);
    for (const count of counts.values()) {
      expect(Math.abs(count - n / 162)).toBeLessThan(50);
    }
  });
});

describe("evaluation", () => {
  it("breaks ties by the lowest index and counts ranks and confusions", () => {
    const logits = ref(
      [4, 6],
      [
        ...[1, 3, 3, 0, -1, 2], // true 2: class 1 ties and comes first
        ...[9, 8, 7, 6, 5, 4], // true 5: last
        ...[0, 0, 0, 0, 0, 0], // true 4: the fifth of six equals
        ...[-5, -4, -3, -2, -1, -6], // true 4: first
      ],
    );
    const result = evaluate(logits, [2, 5, 4, 4]);
    expect([...result.predictions]).toEqual([1, 0, 0, 4]);
    expect([...result.ranks]).toEqual([1, 5, 4, 0]);
    expect([result.correct1, result.correct5]).toEqual([1, 3]);
    const counted = [...result.confusion.entries()].filter(([, v]) => v > 0);
    expect(counted).toEqual([
      [2 * 6 + 1, 1],
      [4 * 6 + 0, 1],
      [4 * 6 + 4, 1],
      [5 * 6 + 0, 1],
    ]);
    expect(result.confusion.length).toBe(sizeOf([6, 6]));
  });
});
