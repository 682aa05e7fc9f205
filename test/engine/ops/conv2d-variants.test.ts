import { describe, expect, it } from "vitest";
import type { ConvGeometry } from "../../../shaders/convolution.js";
import { tileLayout } from "../../../shaders/gemm-tiled.js";
import type { KernelTarget } from "../../../src/engine/graph.js";
import {
  gatherCandidates,
  gatherVariant,
  gradWeightCandidates,
  gradWeightVariant,
} from "../../../src/engine/ops/conv2d-variants.js";
import { convKey } from "../../../src/engine/ops/conv2d-problem.js";
import {
  parseGatherVariant,
  parseGradWeightVariant,
  variantName,
} from "../../../src/engine/ops/variant-names.js";

const gpu: KernelTarget = {
  family: "tiled",
  parallelism: 264,
  subgroup: 32,
  half: "native",
  limits: { workgroupBytes: 49_152, invocations: 1024 },
};

function square(
  n: number,
  size: number,
  cin: number,
  cout: number,
): ConvGeometry {
  return {
    n, h: size, w: size, cin, oh: size, ow: size, cout, kh: 3, kw: 3, stride: 1, padding: 1,
  }; // prettier-ignore
}

const shapes = [
  square(512, 32, 64, 64),
  square(512, 4, 512, 512),
  square(1, 5, 3, 10),
  { ...square(128, 28, 1, 6), kh: 28, kw: 28, oh: 1, ow: 1, padding: 0 },
];

const forward = (geometry: ConvGeometry, half = false) =>
  ({ pass: "forward", geometry, half }) as const;
const gradWeight = (geometry: ConvGeometry, half = false) =>
  ({ pass: "gradWeight", geometry, half }) as const;

const matrixUnits: KernelTarget = { ...gpu, matrices: "native" };

describe("a record of another adapter", () => {
  it("is not followed where a kernel counts on subgroups of another size", () => {
    const shape = shapes[0]!;
    const kernels = new Map([
      [convKey(forward(shape)), "r4x16/w8/b8"],
      [convKey(gradWeight(shape)), "r4x16/w8/b8/s1"],
    ]);
    const lanes = (subgroup: number) => {
      const target = { ...gpu, family: "register", subgroup, kernels } as const;
      return [
        gatherVariant(target, forward(shape)),
        gradWeightVariant(target, gradWeight(shape), false),
      ].map((variant) => "broadcast" in variant && variant.broadcast);
    };
    expect(lanes(8)).toEqual([8, 8]);
    expect(lanes(4)).toEqual([4, 4]);
    expect(lanes(0)).toEqual([0, 0]);
  });
});

describe("names of kernel variants", () => {
  it("parse back to the same variant", () => {
    const register: KernelTarget = { ...gpu, family: "register", subgroup: 8 };
    const emulated: KernelTarget = { ...gpu, matrices: "emulated" };
    for (const [target, half] of [
      [gpu, false],
      [register, false],
      [matrixUnits, true],
      [emulated, true],
    ] as const)
      for (const shape of shapes) {
        for (const pass of ["forward", "gradInput"] as const)
          for (const variant of [
            gatherVariant(target, { pass, geometry: shape, half }),
            ...gatherCandidates(target, { pass, geometry: shape, half }),
          ])
            expect(parseGatherVariant(variantName(variant))).toEqual(variant);
        for (const variant of [
          gradWeightVariant(target, gradWeight(shape, half), false),
          ...gradWeightCandidates(target, gradWeight(shape, half), false),
        ])
          expect(parseGradWeightVariant(variantName(variant))).toEqual(variant);
      }
  });

  it.each([
    "", "t128x128x16", "t128x128x16/8x8/s2/db", "t64x64x16/8x3", "t60x64x16/8x8", "t64x64x10/8x8",
    "t64x64x16/8x8/u3", "t64x64x16/6x8", "m128x128x32", "m128x128x24/2x2", "m96x128x32/4x4", "m64x64x32/2x2/db/x", "r4x7/w8", "r4x8", "q4x8/w8", "t0x64x16/8x8", "t64x64x16/8x8/db/",
  ])("refuse %j", (name) => {
    expect(parseGatherVariant(name)).toBeUndefined();
    expect(parseGradWeightVariant(`${name}/s2`)).toBeUndefined();
  }); // prettier-ignore

  it("tell the passes apart by the splits", () => {
    expect(parseGatherVariant("t64x64x16/8x8/s2")).toBeUndefined();
    expect(parseGradWeightVariant("t64x64x16/8x8")).toBeUndefined();
  });
});

describe("the choice of variants", () => {
  it("keeps to the adapter's limits", () => {
    const small = { workgroupBytes: 16_384, invocations: 128 };
    for (const limits of [gpu.limits, small])
      for (const shape of shapes) {
        const target = { ...gpu, limits };
        const half = false;
        const all = [
          gatherVariant(target, forward(shape)),
          gatherVariant(target, { ...forward(shape), pass: "gradInput" }),
          ...gatherCandidates(target, { ...forward(shape), pass: "gradInput" }),
          gradWeightVariant(target, gradWeight(shape, half), false),
          ...gradWeightCandidates(target, gradWeight(shape, half), false),
        ];
        for (const variant of all) {
          if (variant.family !== "tiled") continue;
          const { tileRows, tileColumns, depth, doubleBuffer } = variant;
          const bytes =
            (tileRows + tileColumns) * depth * (doubleBuffer ? 8 : 4);
          expect(bytes).toBeLessThanOrEqual(limits.workgroupBytes);
          expect(tileLayout(variant).threads).toBeLessThanOrEqual(
            limits.invocations,
          );
        }
      }
  });

  it.each([
    // Subgroup, channels in and out, and the blocks of forward, input gradient and weight gradient.
    { subgroup: 8, cin: 32, cout: 64, blocks: ["4x16", "4x16", "4x16"] },
    { subgroup: 8, cin: 3, cout: 40, blocks: ["4x8", "4x4", "4x16"] },
    { subgroup: 8, cin: 24, cout: 6, blocks: ["4x8", "4x8", "4x8"] },
    { subgroup: 4, cin: 32, cout: 64, blocks: ["4x16", "4x8", "4x16"] },
    { subgroup: 0, cin: 32, cout: 64, blocks: ["4x8", "4x8", "8x8"] },
    { subgroup: 0, cin: 3, cout: 84, blocks: ["4x4", "4x4", "8x4"] },
  ])(
    "blocks registers for subgroups of $subgroup, $cin → $cout channels",
    ({ subgroup, cin, cout, blocks }) => {
      const target: KernelTarget = { ...gpu, family: "register", subgroup };
      const geometry = square(8, 16, cin, cout);
      const problem = { ...forward(geometry), pass: "gradInput" } as const;
      const names = [
        gatherVariant(target, forward(geometry)),
        gatherVariant(target, problem),
        gradWeightVariant(target, gradWeight(geometry), false),
      ].map(variantName);
      expect(names.map((name) => /^r(\d+x\d+)/.exec(name)![1])).toEqual(blocks);
    },
  );

  it("takes what a record says, and the rule where the record makes no sense", () => {
    const shape = shapes[0]!;
    const problem = "forward n512 32x32x64 k3x3 s1 p1 o64";
    const choose = (name: string) =>
      variantName(
        gatherVariant(
          { ...gpu, kernels: new Map([[problem, name]]) },
          forward(shape),
        ),
      );
    const rule = variantName(gatherVariant(gpu, forward(shape)));
    expect(choose("t32x32x8/4x4/db")).toBe("t32x32x8/4x4/db");
    expect(rule).not.toBe("t32x32x8/4x4/db");
    expect(choose("nonsense")).toBe(rule);
  });

  it("uses matrix units between halves of whole groups of channels, within the limits", () => {
    const wide = square(512, 16, 128, 128);
    expect(gatherVariant(matrixUnits, forward(wide, true)).family).toBe(
      "matrix",
    );
    expect(
      gradWeightVariant(matrixUnits, gradWeight(wide, true), false).family,
    ).toBe("matrix");
    // In f32, without such units, with a bias to sum, from 3 channels: as ever.
    expect(gatherVariant(matrixUnits, forward(wide)).family).toBe("tiled");
    expect(gatherVariant(gpu, forward(wide, true)).family).toBe("tiled");
    expect(
      gradWeightVariant(matrixUnits, gradWeight(wide, true), true).family,
    ).toBe("tiled");
    const stem = square(512, 32, 3, 64);
    expect(gatherVariant(matrixUnits, forward(stem, true)).family).toBe(
      "tiled",
    );
    const limits = { workgroupBytes: 16_384, invocations: 128 };
    for (const variant of gatherCandidates(
      { ...matrixUnits, limits },
      forward(wide, true),
    )) {
      if (variant.family !== "matrix") continue;
      const { tileRows, tileColumns, depth, doubleBuffer } = variant;
      expect(
        (tileRows + tileColumns) * depth * (doubleBuffer ? 4 : 2),
      ).toBeLessThanOrEqual(limits.workgroupBytes);
      expect(
        32 * variant.subgroupRows * variant.subgroupColumns,
      ).toBeLessThanOrEqual(limits.invocations);
    }
  });

  it("splits a weight gradient for full rounds of workgroups", () => {
    const variant = gradWeightVariant(
      gpu,
      gradWeight(square(512, 16, 128, 128)),
      false,
    );
    const rounds = (9 * variant.splits) / gpu.parallelism;
    expect(rounds / Math.ceil(rounds)).toBeGreaterThan(0.95);
  });

  it("leaves kernels of more taps than a row's bits to the register family", () => {
    const shape = {
      ...square(2, 40, 4, 4),
      kh: 17,
      kw: 17,
      oh: 40,
      ow: 40,
      padding: 8,
    };
    expect(gatherVariant(gpu, forward(shape)).family).toBe("register");
  });
});
