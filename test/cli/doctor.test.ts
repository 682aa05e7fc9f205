import { describe, expect, it } from "vitest";
import { complaint, tarnish } from "./command.js";

interface Report {
  adapter: string;
  software: boolean;
  features: string[];
  limits: Record<string, number>;
  speed: { what: string; ms: number; gflops: number }[];
  advice: string[];
}

describe("tarnish doctor", () => {
  it("reports the adapter, its limits and a measured speed", () => {
    const { code, stdout, stderr } = tarnish(["doctor", "--json"]);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(report.adapter).not.toBe("");
    expect(
      report.limits["maxComputeInvocationsPerWorkgroup"],
    ).toBeGreaterThanOrEqual(128);
    expect(report.speed.map(({ what }) => what.split(" ")[0])).toEqual([
      "matrix",
      "3×3",
    ]);
    for (const { ms, gflops } of report.speed) {
      expect(ms).toBeGreaterThan(0);
      // From the slowest software adapter on a busy core to more than any GPU has.
      expect(gflops).toBeGreaterThan(0.05);
      expect(gflops).toBeLessThan(1e6);
    }
    expect(stderr).toContain(report.adapter);
    expect(
      report.advice.some((line) => line.startsWith("NO HARDWARE GPU")),
    ).toBe(report.software);
    expect(report.advice.some((line) => line.includes("shader-f16"))).toBe(
      !report.features.includes("shader-f16"),
    );
  });

  it("--list goes on past an adapter that is missing", () => {
    const { code, stdout } = tarnish(["doctor", "--list", "--json"]);
    expect(code).toBe(0);
    const { adapters } = JSON.parse(stdout) as {
      adapters: {
        choice: string;
        adapter: string | null;
        error: string | null;
      }[];
    };
    expect(adapters.map(({ choice }) => choice)).toEqual([
      "auto",
      "hardware",
      "software",
      "swiftshader",
    ]);
    for (const { adapter, error } of adapters)
      expect(adapter === null).toBe(error !== null);
    expect(adapters[0]!.adapter).not.toBeNull();
  });

  it("takes --gpu-api, and says what to do where Node has none", () => {
    for (const list of [[], ["--list"]]) {
      const result = tarnish(["doctor", "--gpu-api", "native", ...list]);
      expect(result.code).toBe(list.length > 0 ? 0 : 2);
      expect(result.stdout + complaint(result)).toContain(
        "--gpu-api native: this runtime has no WebGPU of its own (no navigator.gpu); leave it out",
      );
    }
  });

  it("an adapter that is not there ends with 2 and says where to look", () => {
    const result = tarnish(["doctor", "--adapter", "nosuch"]);
    expect(result.code).toBe(2);
    expect(complaint(result)).toBe(
      `tarnish: no adapter whose name contains "nosuch". 'tarnish doctor --list' shows what there is.`,
    );
  });
});
