import { describe, expect, it } from "vitest";
import { ShapeError } from "../../../src/engine/errors.js";
import { dropout } from "../../../src/engine/ops/dropout.js";
import { encodeStep } from "../../../src/engine/step.js";
import {
  dropout as referenceDropout,
  dropoutMask,
} from "../../reference/dropout.js";
import { map, type Ref } from "../../reference/tensor.js";
import { Compiled, factor, random, wordsInput } from "../harness.js";

const step = {
  step: 1,
  offset: 0,
  samples: 1,
  continues: false,
  logSlot: 0,
  learningRate: 0,
  firstStep: true,
};

/** Two roundings: 1/(1 − p) is not exact, and neither is the product with it. */
const rounded = (value: Ref) => ({
  value,
  magnitude: map(value, Math.abs),
  terms: 4,
});

describe("dropout", () => {
  it.each([
    // Channels that are no multiple of 4 put a vec4 across two blocks of random words.
    { shape: [3, 2, 3, 5], p: 0.4, layer: 2 },
    { shape: [1, 1, 1, 1023], p: 0.4, layer: 0 },
    { shape: [2, 3, 1, 8], p: 0, layer: 1 },
  ])(
    "draws the reference's mask for $shape, p $p, layer $layer",
    async ({ shape, p, layer }) => {
      const samples = [7, 4_000_000_000, 0].slice(0, shape[0]);
      const x = random(shape, 1);
      const dy = random(shape, 2);
      // The seed has words in both halves of the key.
      const seed = 2 ** 40 + 12_345;
      const compiled = await Compiled.make(
        [
          { values: x, layout: "nhwc", gradient: true },
          wordsInput(samples),
          wordsInput(encodeStep({ ...step, seed, epoch: 1 })),
        ],
        (graph, inputs) => [graph.apply(dropout, inputs, { p, layer })],
        { upstream: dy },
      );
      const masks: string[] = [];
      for (const epoch of [1, 2]) {
        compiled.write(2, encodeStep({ ...step, seed, epoch }));
        await compiled.run();
        const mask = dropoutMask(shape, p, { seed, epoch, layer, samples });
        masks.push(mask.data.join(""));
        const y = await compiled.read(compiled.outputs[0]!);
        const dx = await compiled.read(compiled.gradients[0]!);
        expect(factor(y, rounded(referenceDropout(x, mask, p)))).toBeLessThan(
          1,
        );
        expect(factor(dx, rounded(referenceDropout(dy, mask, p)))).toBeLessThan(
          1,
        );
        // 1,023 draws: a share of kept values further off than four standard deviations would be a bug.
        const kept = y.data.filter((v) => v !== 0).length / y.data.length;
        const deviation = Math.sqrt((p * (1 - p)) / y.data.length);
        expect(Math.abs(kept - (1 - p))).toBeLessThanOrEqual(4 * deviation);
      }
      expect(masks[0] === masks[1]).toBe(p === 0);
      compiled.destroy();
    },
  );

  it.each([1, -0.1, NaN])("refuses p = %d", async (p) => {
    await expect(
      Compiled.make(
        [
          { values: random([1, 1, 1, 4], 1), layout: "nhwc" },
          wordsInput([0]),
          wordsInput(encodeStep({ ...step, seed: 0, epoch: 1 })),
        ],
        (graph, inputs) => [graph.apply(dropout, inputs, { p, layer: 0 })],
      ),
    ).rejects.toThrow(ShapeError);
  });
});
