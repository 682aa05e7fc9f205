/** tarnish, from its built package (see README.md for the contestant interface). */
import { readFileSync } from "node:fs";
import {
  conv2d,
  conv2dGradInput,
  conv2dGradWeightOp,
} from "../../dist/src/engine/ops/conv2d.js";
import { Graph } from "../../dist/src/engine/graph.js";
import {
  openDevice,
  ParameterStore,
  Session,
} from "../../dist/src/engine/index.js";
import { BufferPool, Plan } from "../../dist/src/engine/plan.js";
import {
  channels,
  convolutionFlops,
  meanOf,
  modelOf,
  readProblem,
  size,
  transpose,
} from "./problem.mjs";

const { version } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
);

const toNhwc = ({ data, shape }) => transpose(data, shape, [0, 2, 3, 1]);

export async function setup(task) {
  const unknown = task.options.find((option) => option !== "mixed");
  if (unknown) throw new Error(`not built: tarnish has no option ${unknown}`);
  const device = await openDevice();
  const tracks = await (task.kind === "training"
    ? training(device, task)
    : convolution(device, task));
  const name = ["tarnish", ...task.options.map((option) => `(${option})`)];
  return { name: name.join(" "), version, device: device.gpu, tracks };
}

async function training(device, task) {
  const { batch, learningRate, momentum, options } = task;
  const tensors = readProblem(task);
  const session = await Session.create(device, {
    model: modelOf(task),
    source: { kind: "host", input: [size, size, channels] },
    batch,
    optimizer: { momentum },
    precision: options.includes("mixed") ? "mixed" : "f32",
  });
  const weights = [...tensors].map(([name, { data }]) => [name, data]);
  session.store.write(
    device,
    new Map(weights.filter(([name]) => !/^(images|labels)$/.test(name))),
  );
  session.feed(
    toNhwc(tensors.get("images")).values,
    tensors.get("labels").data,
  );
  let step = 0;
  let loss;
  return [
    {
      name: "training",
      amount: batch,
      step: () => session.train({ step: ++step, learningRate }),
      sync: async () => {
        loss = await session.loss(step);
      },
      value: () => loss,
    },
  ];
}

async function convolution(device, task) {
  const { shape, passes } = task;
  const { kernel, out, stride } = shape;
  const tensors = readProblem(task);
  const attributes = { stride, padding: (kernel - 1) / 2 };
  const hwio = [kernel, kernel, shape.x[3], out];
  const numbers = {
    x: toNhwc(tensors.get("x")),
    weights: transpose(
      tensors.get("weights").data,
      tensors.get("weights").shape,
      [2, 3, 1, 0],
    ),
    dy: toNhwc(tensors.get("dy")),
  };
  const resources = new Map(
    Object.entries(numbers).map(([name, { values }]) => [
      name,
      device.upload(name, values),
    ]),
  );
  const build = {
    forward: (graph, { x, weights }) =>
      graph.add(conv2d, [x, weights], attributes),
    dgrad: (graph, { dy, weights }) =>
      graph.add(conv2dGradInput, [dy, weights], {
        ...attributes,
        input: shape.x,
      }),
    wgrad: (graph, { x, dy }) =>
      graph.add(conv2dGradWeightOp, [x, dy], {
        ...attributes,
        weights: hwio,
        bias: false,
      }),
  };
  const tracks = [];
  for (const pass of passes) {
    const graph = new Graph();
    const inputs = Object.fromEntries(
      Object.entries(numbers).map(([name, { shape: dimensions }]) => [
        name,
        graph.external(
          name,
          dimensions,
          name === "weights" ? "weight" : "nhwc",
          {
            kind: "resource",
            name,
          },
        ),
      ]),
    );
    const [result] = build[pass](graph, inputs);
    const plan = await Plan.compile(device, graph, {
      store: new ParameterStore(),
      resources,
      pool: new BufferPool(),
      keep: [result],
    });
    tracks.push({
      name: pass,
      amount: convolutionFlops(shape),
      step: () => plan.run(),
      sync: () => device.idle(),
      value: async () => {
        const { buffer, offset, size: bytes } = plan.slice(result);
        return meanOf(
          new Float32Array(await device.read(buffer, offset, bytes)),
        );
      },
    });
  }
  return tracks;
}
