import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Graph, type OpDefinition } from "../../src/engine/graph.js";
import { kernelStore } from "../../src/engine/node-kernel-store.js";
import type { Shape, Tensor } from "../../src/engine/tensor.js";
import { type KernelRecord, Tuner } from "../../src/engine/tuning.js";
import { testDevice } from "./harness.js";

/** An op whose kernel `slow` does a thousand times the work of `fast`, and whose kernel `broken` is no WGSL. */
const busy: OpDefinition<{ names: readonly string[] }> = {
  name: "busy",
  infer: ([x]) => [{ label: "busy", shape: x!.shape, layout: x!.layout }],
  variants: (node) => node.attributes.names,
  lower({ inputs: [x], outputs: [y], attributes }, { target, emit }) {
    const problem = `busy ${x!.shape.join("x")}`;
    const variant = target.kernels?.get(problem) ?? attributes.names[0]!;
    const rounds = variant === "slow" ? 20_000 : 20;
    emit({
      label: "busy",
      choice: { problem, variant },
      wgsl: `@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  var sum = ${variant === "broken" ? "nothing" : "x[id.x]"};
  for (var i = 0u; i < ${rounds}u; i++) { sum = sum * 0.5 + x[(id.x + i) % 64u]; }
  y[id.x] = sum;
}`,
      bindings: [
        { tensor: x!, access: "read" },
        { tensor: y!, access: "write" },
      ],
      workgroups: [16, 1, 1],
    });
  },
};

function graphOf(shapes: readonly Shape[], names: readonly string[]): Graph {
  const graph = new Graph();
  for (const shape of shapes)
    graph.add(
      busy,
      [graph.external("x", shape, "words", { kind: "resource", name: "x" })],
      { names },
    );
  return graph;
}

const shape: Shape = [1, 1, 1, 4096];
const other: Shape = [1, 1, 2, 2048];

describe("the tuner", () => {
  it("chooses the fastest variant of each problem, past one that does not compile", async () => {
    const device = await testDevice();
    const tuner = new Tuner(device);
    const graph = graphOf([shape, other, shape], ["slow", "broken", "fast"]);
    const measured: string[] = [];
    tuner.onMeasure = (problem) => measured.push(problem);
    const { kernels } = await tuner.tune(graph, device.target);
    expect(kernels).toEqual(
      new Map([
        ["busy 1x1x1x4096", "fast"],
        ["busy 1x1x2x2048", "fast"],
      ]),
    );
    expect(measured).toEqual(["busy 1x1x1x4096", "busy 1x1x2x2048"]);
    device.check();
  });

  it("passes over a variant that needs more memory than there is", async () => {
    const device = await testDevice();
    const { maxBufferSize } = device.gpu.limits;
    const scratch: OpDefinition<object> = {
      ...busy,
      variants: () => ["huge", "slow", "fast"],
      lower(node, lowering) {
        busy.lower({ ...node, attributes: { names: ["slow"] } }, lowering);
        if (lowering.target.kernels?.get("busy 1x1x1x4096") !== "huge") return;
        const [x] = node.inputs as [Tensor];
        lowering.emit({
          label: "more than fits",
          wgsl: `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1) fn main() { y[0] = x[0]; }`,
          bindings: [
            { tensor: x, access: "read" },
            {
              tensor: lowering.scratch("much", maxBufferSize / 2),
              access: "write",
            },
          ],
          workgroups: [1, 1, 1],
        });
      },
    };
    const graph = new Graph();
    const resource = { kind: "resource", name: "x" } as const;
    graph.add(scratch, [graph.external("x", shape, "words", resource)], {});
    const { kernels } = await new Tuner(device).tune(graph, device.target);
    expect(kernels).toEqual(new Map([["busy 1x1x1x4096", "fast"]]));
    device.check();
  });

  it("measures nothing twice, in this process or with what is stored, unless a choice is none any more", async () => {
    const device = await testDevice();
    const saved: KernelRecord[] = [];
    const store = {
      load: () =>
        Promise.resolve({
          "busy 1x1x1x4096": "slow",
          "busy 1x1x2x2048": "gone",
        }),
      save: (kernels: KernelRecord) => {
        saved.push(kernels);
        return Promise.resolve();
      },
    };
    const tuner = new Tuner(device, store);
    const measured: string[] = [];
    tuner.onMeasure = (problem) => measured.push(problem);
    const graph = graphOf([shape, other], ["slow", "fast"]);
    // Two plans at a time wait for each other instead of measuring the same.
    const tuned = await Promise.all([
      tuner.tune(graph, device.target),
      tuner.tune(graph, device.target),
    ]);
    expect(measured).toEqual(["busy 1x1x2x2048"]);
    const expected = { "busy 1x1x1x4096": "slow", "busy 1x1x2x2048": "fast" };
    for (const { kernels } of tuned)
      expect(Object.fromEntries(kernels!)).toEqual(expected);
    expect(saved).toEqual([expected]);
  });

  it("leaves ops with a single variant alone", async () => {
    const device = await testDevice();
    const tuner = new Tuner(device);
    const { kernels } = await tuner.tune(
      graphOf([shape], ["slow"]),
      device.target,
    );
    expect(kernels?.size).toBe(0);
  });
});

describe("the store of tuned kernels in Node", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tarnish-tune-"));
    vi.stubEnv("XDG_CACHE_HOME", folder);
    vi.stubEnv("TARNISH_CACHE", "");
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });
  const files = () => readdir(join(folder, "tarnish"));

  it("gives back what was saved, an adapter each, and keeps what another process saved meanwhile", async () => {
    expect(await kernelStore("GPU A").load()).toEqual({});
    await kernelStore("GPU A").save({ one: "a" });
    await kernelStore("GPU A").save({ two: "b" });
    await kernelStore("GPU B").save({ one: "c" });
    expect(await kernelStore("GPU A").load()).toEqual({ one: "a", two: "b" });
    expect(await kernelStore("GPU B").load()).toEqual({ one: "c" });
    expect(await files()).toHaveLength(2);
    expect(
      (await files()).every((name) => /^tune-[0-9a-f]{16}\.json$/.test(name)),
    ).toBe(true);
  });

  it.each(["", "{", "[1]", '{"kernels": {"one": 1}}', '{"kernels": null}'])(
    "takes a damaged file (%j) for an empty one",
    async (text) => {
      await kernelStore("GPU").save({ one: "a" });
      const file = join(folder, "tarnish", (await files())[0]!);
      await writeFile(file, text);
      expect(await kernelStore("GPU").load()).toEqual({});
      await kernelStore("GPU").save({ two: "b" });
      expect(JSON.parse(await readFile(file, "utf8"))).toEqual({
        adapter: "GPU",
        kernels: { two: "b" },
      });
    },
  );

  it("does without where the folder cannot be made", async () => {
    await writeFile(join(folder, "tarnish"), "in the way");
    await kernelStore("GPU").save({ one: "a" });
    expect(await kernelStore("GPU").load()).toEqual({});
  });
});
