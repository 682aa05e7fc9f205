/** The bench's matrix products against plain loops: what the fast and the slow suite share. */
import { expect, it } from "vitest";
import {
  plainMatmul,
  plainMatmulGrid,
  type PlainMatmulOptions,
} from "../../shaders/plain-matmul.wgsl.js";
import { testDevice } from "../engine/harness.js";

const device = await testDevice();

const values = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => (((i + seed) * 37) % 17) - 8);

/** Runs a kernel whose last binding is its result. */
export async function runKernel(
  wgsl: string,
  workgroups: readonly [number, number, number],
  inputs: readonly Float32Array[],
  words: number,
): Promise<Float32Array> {
  const buffers = inputs.map((data, i) => device.upload(`input ${i}`, data));
  const result = device.upload("result", new Float32Array(words));
  const all = [...buffers, result];
  const dispatch = {
    label: "kernel under test",
    wgsl,
    workgroups,
    bindings: all.map((_, i) => ({
      tensor: {
        id: i,
        label: "",
        shape: [1, 1, 1, 1],
        layout: "words",
        type: "f32",
        storage: { kind: "planned" },
      } as const,
      access: i < inputs.length ? ("read" as const) : ("write" as const),
    })),
  };
  const pipeline = await device.pipeline(dispatch);
  await device.scoped("kernel under test", () => {
    const encoder = device.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      device.gpu.createBindGroup({
        layout: device.bindGroupLayout(dispatch),
        entries: all.map((buffer, binding) => ({
          binding,
          resource: { buffer },
        })),
      }),
    );
    pass.dispatchWorkgroups(...workgroups);
    pass.end();
    device.gpu.queue.submit([encoder.finish()]);
  });
  const read = new Float32Array(await device.read(result));
  for (const buffer of all) buffer.destroy();
  return read;
}

/** A test a kernel. */
export function testPlainMatmul(kernels: readonly PlainMatmulOptions[]): void {
  it.each(kernels)("multiplies matrices exactly: %o", async (options) => {
    const { m, n, k } = options;
    const [a, b] = [values(m * k, 1), values(k * n, 5)];
    const c = await runKernel(
      plainMatmul(options),
      plainMatmulGrid(options),
      [a, b],
      m * n,
    );
    // Small whole numbers: every sum is exact.
    const expected = Float32Array.from({ length: m * n }, (_, i) => {
      let sum = 0;
      for (let j = 0; j < k; j++)
        sum += a[Math.floor(i / n) * k + j]! * b[j * n + (i % n)]!;
      return sum;
    });
    expect(c).toEqual(expected);
  });
}
