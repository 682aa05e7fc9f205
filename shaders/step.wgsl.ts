/**
 * The values that change from step to step, as one uniform buffer of 48 bytes: they flow into replayed plans as data.
 * src/engine/step.ts writes the same fields in the same order.
 */
export const stepStruct = /* wgsl */ `
struct Step {
  seed: vec2<u32>,      // the run's seed, low and high word
  step: u32,            // optimiser step, from 1
  epoch: u32,           // from 1
  offset: u32,          // first position of this (micro-)batch in the order
  log_slot: u32,        // where this step's loss goes
  learning_rate: f32,
  first_step: u32,      // 1 when momentum buffers are still empty
  samples: u32,         // samples of the whole batch
  continues: u32,       // 1 when this micro-batch adds to earlier ones of the same step
}
`;

/** Declares the step uniform at a binding of group 0. */
export function stepUniform(binding: number): string {
  return `${stepStruct}@group(0) @binding(${binding}) var<uniform> step: Step;`;
}
