/** What the random numbers on the GPU and on the CPU share, and Philox4x32-10 in WGSL: the same words as src/engine/random.ts. */

/** What a random number is for. Part of the counter, so streams never overlap; the values must never change. */
export const Purpose = {
  init: 0,
  order: 1,
  augment: 2,
  dropout: 3,
  select: 4,
  draw: 5,
  split: 6,
  bootstrap: 7,
} as const;

/** No bindings of its own; other kernels include it. */
export const philox = /* wgsl */ `
fn mul_high(a: u32, b: u32) -> u32 {
  let a_low = a & 0xffffu;
  let a_high = a >> 16u;
  let b_low = b & 0xffffu;
  let b_high = b >> 16u;
  let low = a_low * b_low;
  let middle = a_high * b_low + (low >> 16u);
  let middle2 = a_low * b_high + (middle & 0xffffu);
  return a_high * b_high + (middle >> 16u) + (middle2 >> 16u);
}

fn philox4x32(counter_in: vec4<u32>, key_in: vec2<u32>) -> vec4<u32> {
  var counter = counter_in;
  var key = key_in;
  for (var round = 0u; round < 10u; round += 1u) {
    let high0 = mul_high(0xd2511f53u, counter.x);
    let low0 = 0xd2511f53u * counter.x;
    let high1 = mul_high(0xcd9e8d57u, counter.z);
    let low1 = 0xcd9e8d57u * counter.z;
    counter = vec4<u32>(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
    key += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return counter;
}

// Uniform in [0, 1) with 24 bits: exact in f32.
fn unit(word: u32) -> f32 {
  return f32(word >> 8u) * 5.9604644775390625e-8;
}
`;
