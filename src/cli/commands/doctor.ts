/** `tarnish doctor`: what this machine offers the engine, what to do about it, and how fast it is. */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { env, version as nodeVersion } from "node:process";
import type { Command } from "commander";
import type { Device } from "../../engine/device.js";
import { type GpuApi, openDevice } from "../../engine/open-device.js";
import { type AdapterOptions, openUntilExit } from "../adapter.js";
import { adviceFor, platformName } from "../advice.js";
import { formatBytes, formatCount, formatFlops } from "../format.js";
import { measureSpeed, type Measurement } from "../measure.js";
import { commonOptions } from "../options.js";
import { createOutput, endWithReader, type Output } from "../output.js";

interface Options extends AdapterOptions {
  list?: boolean;
  json?: boolean;
}

const help = `
Examples:
  tarnish doctor                        the adapter that every command uses
  tarnish doctor --list                 all that can be found
  tarnish doctor --adapter swiftshader  another one, by a part of its name`;

export function register(program: Command): void {
  program
    .command("doctor")
    .summary("show the GPU adapter, its limits and its speed")
    .description(
      "Shows the GPU adapter in use, what it can do, how fast it is, and what to do where it is slow or missing.",
    )
    .addOption(commonOptions.adapter())
    .addOption(commonOptions.gpuApi())
    .option(
      "--list",
      "list the adapters that --adapter can choose, and measure nothing",
    )
    .addOption(commonOptions.json())
    .addHelpText("after", help)
    .action(async (options: Options) => {
      const output = createOutput(options);
      endWithReader();
      await (options.list
        ? list(output, options.gpuApi)
        : examine(output, options));
    });
}

/** The words of --adapter that mean something on every machine. */
const choices = ["auto", "hardware", "software", "swiftshader"] as const;

interface Listed {
  choice: string;
  adapter: string | null;
  source: string | null;
  software: boolean | null;
  error: string | null;
}

async function list(output: Output, api: GpuApi): Promise<void> {
  const adapters: Listed[] = [];
  for (const choice of choices) {
    const listed = await find(choice, api);
    adapters.push(listed);
    const { adapter, source, software, error } = listed;
    const words = adapter
      ? `${adapter} (${source!}, ${software ? "software" : "hardware"})`
      : `none: ${error!}`;
    output.print(`${choice.padEnd(12)} ${words}`);
  }
  output.result({ adapters });
}

/** Where the Vulkan loader looks for drivers. Opening the bundled adapter points it there and hides all others. */
const driverVariables = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] as const;

async function find(choice: string, api: GpuApi): Promise<Listed> {
  const before = driverVariables.map((name) => [name, env[name]] as const);
  try {
    const device = await openDevice(choice, { api });
    const { adapterName, source, isSoftware } = device;
    device.destroy();
    return {
      choice,
      adapter: adapterName,
      source,
      software: isSoftware,
      error: null,
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      choice,
      adapter: null,
      source: null,
      software: null,
      error: message,
    };
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(env, name);
      else env[name] = value;
    }
  }
}

function packageVersion(name: string): string {
  const require = createRequire(import.meta.url);
  return (require(`${name}/package.json`) as { version: string }).version;
}

async function examine(output: Output, choice: AdapterOptions): Promise<void> {
  const line = (name: string, value: string) => {
    output.print(`${name.padEnd(12)} ${value}`);
  };
  const dawn = packageVersion("webgpu");
  line("node", `${nodeVersion}, ${platformName}`);
  line("webgpu", `${dawn} (Dawn)`);
  const device = await openUntilExit(choice);
  const { adapterName, source, isSoftware, gpu, target } = device;
  line("adapter", adapterName);
  line("source", where(source));
  line("kind", isSoftware ? "SOFTWARE (a CPU in disguise)" : "hardware");
  const features = [...gpu.features].sort();
  line("features", features.join(", ") || "none");
  line("limits", limitWords(gpu.limits));
  line(
    "kernels",
    `${target.family}${target.subgroup ? `, subgroups of ${target.subgroup}` : ", without subgroups"}`,
  );
  const advice = adviceFor({ source, isSoftware, features });
  const speed = await measureSpeed(device);
  for (const { what, gflops } of speed)
    line("speed", `${formatFlops(gflops * 1e9)}: ${what}`);
  if (isSoftware) line("expect", expectation(speed));
  for (const paragraph of advice) {
    output.print();
    output.print(paragraph);
  }
  output.result({
    node: nodeVersion,
    platform: platformName,
    webgpu: dawn,
    adapter: adapterName,
    source,
    software: isSoftware,
    features,
    limits: shownLimits(gpu.limits),
    kernels: target,
    speed,
    advice,
  });
}

/** The source, with the folder of the bundled adapter, which the engine unpacked and named in the environment. */
function where(source: string): string {
  const driver = env["VK_DRIVER_FILES"];
  return source === "bundled SwiftShader" && driver
    ? `${source}, unpacked in ${dirname(driver)}`
    : source;
}

/** The limits that decide what fits: bytes of a tensor, tensors of a kernel, size of a workgroup. */
function shownLimits(limits: Device["gpu"]["limits"]) {
  const {
    maxBufferSize,
    maxStorageBufferBindingSize,
    maxStorageBuffersPerShaderStage,
    maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup,
  } = limits;
  return {
    maxBufferSize,
    maxStorageBufferBindingSize,
    maxStorageBuffersPerShaderStage,
    maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup,
  };
}

function limitWords(all: Device["gpu"]["limits"]): string {
  const limits = shownLimits(all);
  return [
    `buffers of ${formatBytes(limits.maxBufferSize)}`,
    `bindings of ${formatBytes(limits.maxStorageBufferBindingSize)}`,
    `${limits.maxStorageBuffersPerShaderStage} storage buffers per kernel`,
    `workgroups of ${limits.maxComputeInvocationsPerWorkgroup} invocations with ${formatBytes(limits.maxComputeWorkgroupStorageSize)}`,
  ].join(", ");
}

/** Training arithmetic of one 32×32 image, in FLOP: three times the forward pass, two per multiply-add. */
const trainingFlops = { lenet: 3.9e6, resnet18: 3.34e9 } as const;

/** What the measured convolution speed allows at most; real training is below it. */
function expectation(speed: readonly Measurement[]): string {
  const flops = Math.max(...speed.map(({ gflops }) => gflops)) * 1e9;
  const images = (model: keyof typeof trainingFlops) =>
    formatCount(Math.ceil(flops / trainingFlops[model]));
  return `training at no more than ${images("lenet")} images/s for lenet and ${images("resnet18")} for resnet18`;
}
