/**
 * Convolutions for matrix units against the f64 reference, with the products emulated where the adapter has none: loading,
 * edges, strides, splits, epilogues. On an adapter with matrix units its own products as well.
 */
import { describe, expect, it } from "vitest";
import { add } from "../../../src/engine/ops/add.js";
import { conv2d } from "../../../src/engine/ops/conv2d.js";
import { relu } from "../../../src/engine/ops/relu.js";
import * as reference from "../../reference/conv2d.js";
import { relu as referenceRelu, reluBackward } from "../../reference/relu.js";
import { F32_EPS, type Ref, type Sum } from "../../reference/tensor.js";
import { halves, random, runGraph, testDevice } from "../harness.js";
import { tiledTarget, type ConvRow } from "./conv2d-rows.js";

const { target } = await testDevice();

/** Channels that the tiles divide or leave an edge of; pixels likewise. */
const rows: readonly ConvRow[] = [
  { x: [2, 6, 8, 32], cout: 32, kernel: 3, stride: 1, padding: 1, bias: false },
  { x: [3, 7, 5, 32], cout: 48, kernel: 3, stride: 2, padding: 1, bias: false },
  { x: [2, 8, 8, 64], cout: 32, kernel: 1, stride: 2, padding: 0, bias: false },
  {
    x: [33, 1, 1, 32],
    cout: 64,
    kernel: 1,
    stride: 1,
    padding: 0,
    bias: false,
  },
];

/** |error| in units of what rounding once to f16 after sums in f32 may cost. */
function halfFactor(actual: Ref | undefined, { value, magnitude, terms }: Sum) {
  return Math.max(
    ...actual!.data.map(
      (x, i) =>
        Math.abs(x - value.data[i]!) /
        (2 ** -11 * Math.abs(value.data[i]!) * 1.001 +
          2 * terms * F32_EPS * magnitude.data[i]! +
          2 ** -25),
    ),
  );
}

/** Weight gradients are f32. */
function floatFactor(
  actual: Ref | undefined,
  { value, magnitude, terms }: Sum,
) {
  return Math.max(
    ...actual!.data.map(
      (x, i) =>
        Math.abs(x - value.data[i]!) /
        (2 * terms * F32_EPS * magnitude.data[i]! + Number.MIN_VALUE),
    ),
  );
}

/** Without f16 there is nothing to run, and the suite is skipped. */
const kinds = [
  "emulated" as const,
  ...(target.matrices === "native" ? (["native"] as const) : []),
];

/** A suite for each kind of products and pair of variants: gather, weight gradient. Small ones, for the emulated products compile slowly. */
export function testMatrices(
  tiles: readonly (readonly [gather: string, gradWeight: string])[],
): void {
  describe
    .runIf(target.half)
    .each(
      kinds.flatMap((matrices) =>
        tiles.map(([gather, gradWeight]) => ({ matrices, gather, gradWeight })),
      ),
    )(
    "on matrix units ($matrices, $gather, $gradWeight)",
    ({ matrices, gather, gradWeight }) => {
      const suffix = matrices === "emulated" ? "/emulated" : "";
      const split = gradWeight.lastIndexOf("/");
      const matrix = {
        ...tiledTarget(
          target,
          gather + suffix,
          gradWeight.slice(0, split) + suffix + gradWeight.slice(split),
        ),
        half: "native" as const,
        matrices,
      };

      // Every step lies within a tap: channels are whole steps in either direction.
      const depth = Number(/x(\d+)\//.exec(gather)![1]);
      const suited = rows.filter(
        ({ x, cout }) => x[3] % depth === 0 && cout % depth === 0,
      );

      it.each(suited)(
        "$x → $cout, $kernel×$kernel stride $stride",
        async (row) => {
          const { stride, padding, kernel, cout } = row;
          const x = halves(random(row.x, 1));
          const w = halves(random([kernel, kernel, row.x[3], cout], 2));
          const expected = reference.conv2d(x, w, null, { stride, padding });
          const dy = halves(random(expected.value.shape, 4));
          const run = await runGraph(
            [
              { values: x, layout: "nhwc", gradient: true },
              { values: w, layout: "weight", gradient: true },
            ],
            (graph, inputs) => [
              graph.apply(conv2d, inputs, { stride, padding }),
            ],
            { upstream: dy, target: matrix, mixed: true },
          );
          for (const variant of Object.values(run.kernels))
            expect(variant).toMatch(/^m/);
          expect(halfFactor(run.outputs[0], expected)).toBeLessThan(1);
          const dx = reference.conv2dGradInput(dy, w, {
            stride,
            padding,
            inputShape: [...row.x],
          });
          expect(halfFactor(run.gradients[0], dx)).toBeLessThan(1);
          const dw = reference.conv2dGradWeight(x, dy, {
            stride,
            padding,
            kernel: [kernel, kernel],
          });
          expect(floatFactor(run.gradients[1], dw)).toBeLessThan(1);
        },
      );

      it("takes a ReLU, its mask and a sum of gradients into the kernels", async () => {
        const options = { stride: 1, padding: 1 };
        const x = halves(random([2, 6, 6, 32], 1));
        const [w1, w2, w3] = [2, 3, 4].map((seed) =>
          halves(random([3, 3, 32, 32], seed)),
        ) as [Ref, Ref, Ref];
        const hidden = halves(reference.conv2d(x, w1, null, options).value);
        const active = referenceRelu(hidden);
        const second = reference.conv2d(active, w2, null, options);
        const dy = halves(random(second.value.shape, 5));
        const run = await runGraph(
          [x, w1, w2, w3].map((values, i) => ({
            values,
            layout: i === 0 ? "nhwc" : "weight",
            gradient: true,
          })),
          (graph, [input, first, left, right]) => {
            const a = graph.apply(
              relu,
              [graph.apply(conv2d, [input!, first!], options)],
              {},
            );
            // Two users of a: their gradients are summed.
            const b = graph.apply(conv2d, [a, left!], options);
            const c = graph.apply(conv2d, [a, right!], options);
            return [graph.apply(add, [b, c], {})];
          },
          { upstream: dy, target: matrix, fuse: true, mixed: true },
        );
        for (const absorbed of ["relu", "relu gradient"])
          expect(run.dispatches).not.toContain(absorbed);
        const inputShape = active.shape;
        const da = [w2, w3].map(
          (w) =>
            reference.conv2dGradInput(dy, w, { ...options, inputShape }).value,
        ) as [Ref, Ref];
        const sum = {
          ...da[0],
          data: da[0].data.map((value, i) => value + da[1].data[i]!),
        };
        const dz = reluBackward(sum, active);
        const dw1 = reference.conv2dGradWeight(x, dz, {
          ...options,
          kernel: [3, 3],
        });
        // dz was rounded to f16 twice on its way.
        const worst = Math.max(
          ...run.gradients[1]!.data.map(
            (value, i) =>
              Math.abs(value - dw1.value.data[i]!) / dw1.magnitude.data[i]!,
          ),
        );
        expect(worst).toBeLessThan(2 ** -10);
      });
    },
  );
}
