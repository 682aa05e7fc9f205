/**
 * Batch norm's statistics taken by the convolution in front of it, against f64 statistics of the very results it stored; in f16
 * it stores them rounded.
 */
import { describe, expect, it } from "vitest";
import { batchNorm } from "../../../src/engine/ops/batch-norm.js";
import { conv2d } from "../../../src/engine/ops/conv2d.js";
import { ref } from "../../reference/tensor.js";
import { halves, random, runGraph, testDevice } from "../harness.js";
import { tiledTarget } from "./conv2d-rows.js";

const { target } = await testDevice();
const taken = "batch norm statistics";

const tiles = [
  { variant: "t64x32x8/8x4", mixed: false, alone: false },
  { variant: "t128x32x8/8x4", mixed: false, alone: false },
  { variant: "t64x32x8/8x4", mixed: true, alone: false },
  { variant: "m64x16x16/1x1/emulated", mixed: true, alone: false },
  { variant: "m128x32x16/2x1/db/emulated", mixed: true, alone: false },
  // Tiles that do not hold whole parts leave it to a kernel of its own.
  { variant: "t32x32x8/4x4", mixed: false, alone: true },
  { variant: "m32x16x16/1x1/emulated", mixed: true, alone: true },
];

describe.each(tiles.filter(({ mixed }) => target.half || !mixed))(
  "statistics by $variant (mixed: $mixed)",
  ({ variant, mixed, alone }) => {
    it.each([
      { rows: "whole tiles", x: [2, 8, 8, 32] },
      { rows: "an edge", x: [3, 5, 7, 32] },
    ])("of $rows", async ({ x, rows }) => {
      const cout = 40;
      const inputs = [
        { values: halves(random(x, 1)), layout: "nhwc" },
        { values: halves(random([3, 3, 32, cout], 2)), layout: "weight" },
        ...[3, 4, 5, 6].map((seed) => ({
          values: random([cout], seed),
          layout: "vector" as const,
        })),
      ] as const;
      const run = await runGraph(
        inputs,
        (graph, [images, weights, ...rest]) => {
          const made = graph.apply(conv2d, [images!, weights!], {
            stride: 1,
            padding: 1,
          });
          const [y, statistics] = graph.add(batchNorm, [made, ...rest], {
            training: true,
          });
          return [y!, statistics!, made];
        },
        {
          target: {
            ...tiledTarget(target, variant, "t32x32x8/4x4/s1"),
            half: "native",
            ...(variant.startsWith("m") && { matrices: "emulated" as const }),
          },
          fuse: true,
          mixed,
        },
      );
      expect(Object.values(run.kernels)[0]).toBe(variant.replace(/\/u1$/, ""));
      expect(run.dispatches.includes(taken)).toBe(alone || rows === "an edge");
      const [, statistics, made] = run.outputs as [
        unknown,
        ReturnType<typeof ref>,
        ReturnType<typeof ref>,
      ];
      const bound = mixed ? 2 ** -12 : 1e-6;
      const count = made.data.length / cout;
      for (let c = 0; c < cout; c++) {
        const values = made.data.filter((_, i) => i % cout === c);
        const mean = values.reduce((sum, value) => sum + value, 0) / count;
        const variance =
          values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
        const deviation = Math.sqrt(variance + 1e-5);
        expect(Math.abs(statistics.data[c]! - mean) / deviation).toBeLessThan(
          bound,
        );
        expect(
          Math.abs(statistics.data[cout + c]! * deviation - 1),
        ).toBeLessThan(bound);
      }
    });
  },
);
