/**
 * Short names of kernel variants, and back: `t128x128x16/8x8/db` is a tile of 128 rows by 128 columns with 16 of K a step,
 * 8×8 results an invocation, double-buffered (`/u4`: the inner loop unrolled four times); `r4x8/w8/b8` a register block of 4×8 in workgroups of 8 that broadcast over
 * subgroups of 8; `m128x64x32/4x2/db` a tile on matrix units shared by 4×2 subgroups. `/s12` splits K in 12. Records of tuned kernels, tables and config.json use them.
 */
import type {
  GatherVariant,
  RegisterVariant,
} from "../../../shaders/conv2d-gather.wgsl.js";
import type { GradWeightVariant } from "../../../shaders/conv2d-grad-weight.wgsl.js";
import type { Block } from "../../../shaders/gemm.js";

export function variantName(
  variant: GatherVariant | GradWeightVariant,
): string {
  const parts = partsOf(variant);
  if ("splits" in variant) parts.push(`s${variant.splits}`);
  return parts.join("/");
}

function partsOf(variant: GatherVariant): string[] {
  const when = (condition: boolean, part: string) => (condition ? [part] : []);
  if (variant.family === "register")
    return [
      `r${blockName(variant.block)}`,
      `w${variant.workgroup}`,
      ...when(variant.broadcast > 0, `b${variant.broadcast}`),
    ];
  const size = `${variant.tileRows}x${variant.tileColumns}x${variant.depth}`;
  const buffers = when(variant.doubleBuffer, "db");
  return variant.family === "tiled"
    ? [
        `t${size}`,
        blockName(variant.block),
        ...buffers,
        ...when(variant.unroll > 1, `u${variant.unroll}`),
      ]
    : [
        `m${size}`,
        `${variant.subgroupRows}x${variant.subgroupColumns}`,
        ...buffers,
        ...when(variant.matrices === "emulated", "emulated"),
      ];
}

function blockName({ rows, vectors }: Block): string {
  return `${rows}x${4 * vectors}`;
}

const number = "([1-9]\\d*)";
const registerPattern = new RegExp(
  `^r${number}x${number}/w${number}(?:/b${number})?(?:/s${number})?$`,
);
const tiledPattern = new RegExp(
  `^t${number}x${number}x${number}/${number}x${number}(/db)?(?:/u${number})?(?:/s${number})?$`,
);

const matrixPattern = new RegExp(
  `^m${number}x${number}x${number}/${number}x${number}(/db)?(/emulated)?(?:/s${number})?$`,
);

/** The forward or input-gradient variant of that name, or undefined if it names none. */
export function parseGatherVariant(name: string): GatherVariant | undefined {
  const parsed = parse(name);
  return parsed && parsed.splits === undefined ? parsed.variant : undefined;
}

/** The weight-gradient variant of that name, or undefined if it names none. */
export function parseGradWeightVariant(
  name: string,
): GradWeightVariant | undefined {
  const parsed = parse(name);
  return parsed?.splits === undefined
    ? undefined
    : { ...parsed.variant, splits: parsed.splits };
}

function parse(
  name: string,
): { variant: GatherVariant; splits: number | undefined } | undefined {
  const register = registerPattern.exec(name);
  if (register) {
    const [rows, columns, workgroup, broadcast, splits] = numbers(register);
    const variant: RegisterVariant = {
      family: "register",
      block: { rows: rows!, vectors: columns! / 4 },
      workgroup: workgroup!,
      broadcast: broadcast ?? 0,
    };
    return columns! % 4 === 0 ? { variant, splits } : undefined;
  }
  const matrix = matrixPattern.exec(name);
  if (matrix) return parseMatrix(matrix);
  const tiled = tiledPattern.exec(name);
  if (!tiled) return undefined;
  const [tileRows, tileColumns, depth, rows, columns, , unroll = 1, splits] =
    numbers(tiled);
  const block = { rows: rows!, vectors: columns! / 4 };
  const whole =
    rows! % 4 === 0 &&
    columns! % 4 === 0 &&
    depth! % 4 === 0 &&
    depth! % unroll === 0 &&
    tileRows! % rows! === 0 &&
    tileColumns! % columns! === 0;
  if (!whole) return undefined;
  return {
    variant: {
      family: "tiled",
      tileRows: tileRows!,
      tileColumns: tileColumns!,
      depth: depth!,
      block,
      doubleBuffer: tiled[6] !== undefined,
      unroll,
    },
    splits,
  };
}

function parseMatrix(
  match: RegExpExecArray,
): { variant: GatherVariant; splits: number | undefined } | undefined {
  const [rows, columns, depth, down, across, , , splits] = numbers(match);
  const whole =
    rows! % (16 * down!) === 0 &&
    columns! % (16 * across!) === 0 &&
    depth! % 16 === 0;
  if (!whole) return undefined;
  return {
    variant: {
      family: "matrix",
      matrices: match[7] === undefined ? "native" : "emulated",
      tileRows: rows!,
      tileColumns: columns!,
      depth: depth!,
      subgroupRows: down!,
      subgroupColumns: across!,
      doubleBuffer: match[6] !== undefined,
    },
    splits,
  };
}

function numbers(match: RegExpExecArray): (number | undefined)[] {
  return match
    .slice(1)
    .map((text) => (text as string | undefined) && Number(text)) as (
    number | undefined
  )[];
}
