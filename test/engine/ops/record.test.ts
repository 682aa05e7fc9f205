import { describe, expect, it } from "vitest";
import { evaluate, recordLoss } from "../../../src/engine/ops/record.js";
import { encodeStep } from "../../../src/engine/step.js";
import { evaluate as referenceEvaluate } from "../../reference/evaluate.js";
import { map, ref, type Ref } from "../../reference/tensor.js";
import { Compiled, factor, random, wordsInput } from "../harness.js";

const f32 = (values: ArrayLike<number>) => Float32Array.from(values);
const bits = (values: ArrayLike<number>) => new Uint32Array(f32(values).buffer);

describe("recordLoss", () => {
  it.each([1, 3, 130])(
    "puts the mean of %i losses into each step's slot and touches no other; a further micro-batch adds its share",
    async (samples) => {
      const ring = random([7], 1);
      const batch = samples + 2;
      const step = (logSlot: number, continues: boolean) =>
        encodeStep({
          seed: 0,
          step: 1,
          epoch: 1,
          offset: 5,
          samples: batch,
          continues,
          logSlot,
          learningRate: 0.1,
          firstStep: false,
        });
      const compiled = await Compiled.make(
        [
          { values: ref([samples]), layout: "words" },
          wordsInput(step(0, false)),
          { values: ring, layout: "words" },
        ],
        (graph, inputs) => {
          graph.add(recordLoss, inputs, {});
          return [];
        },
      );
      const magnitude = map(ring, Math.abs);
      for (const [slot, continues] of [
        [3, false],
        [0, false],
        [6, false],
        [0, true],
      ] as const) {
        const losses = random([samples], 10 + slot);
        compiled.write(0, f32(losses.data));
        compiled.write(1, step(slot, continues));
        await compiled.run();
        const sum = (f: (v: number) => number) =>
          losses.data.reduce((total, v) => total + f(v), 0) / batch;
        const before = continues ? ring.data[slot]! : 0;
        ring.data[slot] = before + sum((v) => v);
        magnitude.data[slot] = Math.abs(before) + sum(Math.abs);
      }
      const after = await compiled.read(compiled.inputs[2]!);
      const terms = 2 * samples + 2;
      expect(factor(after, { value: ring, magnitude, terms })).toBeLessThan(1);
      for (const untouched of [1, 2, 4, 5])
        expect(after.data[untouched]).toBe(ring.data[untouched]);
      // One damaged loss shows in the mean.
      const damaged = random([samples], 1);
      damaged.data[samples - 1] = NaN;
      compiled.write(0, f32(damaged.data));
      await compiled.run();
      const { data } = await compiled.read(compiled.inputs[2]!);
      expect([...data].map(Number.isFinite)).toEqual(
        [0, 1, 2, 3, 4, 5, 6].map((slot) => slot !== 0),
      );
      compiled.destroy();
    },
  );
});

/** Rows of logits without the damaged ones, with their labels. */
function finiteRows(logits: Ref, labels: readonly number[]) {
  const classes = logits.shape[3]!;
  const rows = labels.map((_, n) => [
    ...logits.data.subarray(n * classes, (n + 1) * classes),
  ]);
  const kept = labels.flatMap((_, n) =>
    rows[n]!.every(Number.isFinite) ? [n] : [],
  );
  return {
    logits: ref(
      [kept.length, classes],
      kept.flatMap((n) => rows[n]!),
    ),
    labels: kept.map((n) => labels[n]!),
  };
}

describe("evaluate", () => {
  it.each([
    // Few different values make ties; -0 ties with 0; the last rows are damaged.
    { samples: 9, classes: 7, images: 12 },
    { samples: 70, classes: 10, images: 70 },
    { samples: 6, classes: 3, images: 6 },
  ])(
    "counts $samples samples of $classes classes like the reference, damaged rows apart",
    async ({ samples, classes, images }) => {
      const logits = map(
        random([samples, 1, 1, classes], 1),
        (v, i) => Math.round(v * (i % 2 ? 2 : 4)) / 4,
      );
      for (const [row, damage] of [NaN, Infinity, -Infinity].entries())
        logits.data[(samples - 1 - row) * classes + row] = damage;
      const labels = Array.from(
        { length: samples },
        (_, i) => (i * i + 1) % classes,
      );
      // Where each row goes: backwards, leaving the first images - samples rows alone.
      const ids = labels.map((_, i) => images - 1 - i);
      const untouched = map(ref([images * classes]), () => -7);
      const compiled = await Compiled.make(
        [
          { values: logits, layout: "nhwc" },
          wordsInput(labels),
          wordsInput(ids),
          wordsInput(new Uint32Array(4 + classes * classes)),
          { values: untouched, layout: "words" },
        ],
        (graph, inputs) => {
          graph.add(evaluate, inputs, {});
          return [];
        },
      );
      const finite = finiteRows(logits, labels);
      const expected = referenceEvaluate(finite.logits, finite.labels);
      expect(finite.labels).toHaveLength(samples - 3);
      for (const times of [1, 2]) {
        await compiled.run();
        const counters = await compiled.words(compiled.inputs[3]!);
        expect([...counters.subarray(0, 3)]).toEqual([
          3 * times,
          expected.correct1 * times,
          expected.correct5 * times,
        ]);
        expect([...counters.subarray(4)]).toEqual(
          [...expected.confusion].map((count) => count * times),
        );
      }
      const all = await compiled.words(compiled.inputs[4]!);
      const rowOf = (values: Uint32Array, row: number) =>
        values.slice(row * classes, (row + 1) * classes);
      const written = bits(logits.data);
      const before = bits(untouched.data);
      for (let image = 0; image < images; image++) {
        const sample = ids.indexOf(image);
        expect(rowOf(all, image)).toEqual(
          sample < 0 ? rowOf(before, image) : rowOf(written, sample),
        );
      }
      compiled.destroy();
    },
  );
});
