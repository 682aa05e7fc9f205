import { describe, expect, it } from "vitest";
import { halfStorageForm } from "../../shaders/half-storage.js";

const kernel = `@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> at: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
fn main() {
  let x_0 = x[at[i] + 1u] * scale.x[0];
  if (x[i].x == 0.0) { y[i] = x[x_0[1u]] + max(x[j], y[i]); }
}`;

describe("the half-precision form of a kernel", () => {
  it("changes the named bindings' types, widens their reads and rounds their stores", () => {
    expect(halfStorageForm(kernel, [0, 2], "native")).toBe(`enable f16;
@group(0) @binding(0) var<storage, read> x: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read> at: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f16>>;
fn main() {
  let x_0 = vec4<f32>(x[at[i] + 1u]) * scale.x[0];
  if (vec4<f32>(x[i]).x == 0.0) { y[i] = vec4<f16>(vec4<f32>(x[x_0[1u]]) + max(vec4<f32>(x[j]), vec4<f32>(y[i]))); }
}`);
  });

  it("leaves bindings of other types alone", () => {
    expect(halfStorageForm(kernel, [1], "packed")).toBe(kernel);
  });

  it.each(["native", "packed"] as const)(
    "works on single floats (%s)",
    (access) => {
      const scalar =
        "@binding(0) var<storage, read_write> v: array<f32>; fn f() { v[0] = v[1]; }";
      expect(halfStorageForm(scalar, [0], access)).toBe(
        "enable f16;\n@binding(0) var<storage, read_write> v: array<f16>; fn f() { v[0] = f16(f32(v[1])); }",
      );
    },
  );

  it("packs vec4s into words where that is asked for", () => {
    const form = halfStorageForm(kernel, [0, 2], "packed");
    expect(form).toContain("var<storage, read> x: array<vec2<u32>>;");
    expect(form).toContain(
      "let x_0 = widen_halves(x[at[i] + 1u]) * scale.x[0];",
    );
    expect(form).toContain(
      "y[i] = round_to_halves(widen_halves(x[x_0[1u]]) + max(widen_halves(x[j]), widen_halves(y[i])));",
    );
  });
});
