/** Training speed of one of tarnish's models, in tarnish and in other libraries. */
import { main } from "./compare.mjs";

/** @param {{ model: string, batch: number, contestants: string[] }} defaults */
export function compareTraining({ model, batch, contestants }) {
  return main({
    contestants,
    unit: "images/s",
    scale: 1,
    options: { batch: { type: "string", default: String(batch) } },
    task: (_, number) => ({
      kind: "training",
      model,
      batch: number("batch", true),
    }),
    title: (task) => `${task.model} training, batch ${task.batch}`,
  });
}
