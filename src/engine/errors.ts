/** The engine's typed errors. Each names what failed: the op, the shader and the adapter, as far as they are known. */

/** No adapter, or one that lacks what the engine needs. */
export class AdapterError extends Error {
  override name = "AdapterError";
}

/** A model or op was built with shapes or options that do not fit. */
export class ShapeError extends Error {
  override name = "ShapeError";
}

/** A shader failed to compile or a dispatch failed validation. */
export class KernelError extends Error {
  override name = "KernelError";
  constructor(
    message: string,
    readonly op: string,
    readonly adapter: string,
    readonly shader: string,
  ) {
    super(
      `${message}\n  op: ${op}\n  adapter: ${adapter}${shader && `\n  shader:\n${numberLines(shader)}`}`,
    );
  }
}

/** The device ran out of memory while a plan's buffers were made. */
export class OutOfMemoryError extends Error {
  override name = "OutOfMemoryError";
}

/** The device was lost or reported an error outside any scope: nothing that it computed since can be trusted. */
export class DeviceLostError extends Error {
  override name = "DeviceLostError";
}

function numberLines(text: string): string {
  const lines = text.trimEnd().split("\n");
  const width = String(lines.length).length;
  return lines
    .map((line, i) => `  ${String(i + 1).padStart(width)} | ${line}`)
    .join("\n");
}
