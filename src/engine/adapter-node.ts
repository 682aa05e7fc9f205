/**
 * Adapters in Node, through Dawn: a hardware one, else an installed software one, else SwiftShader unpacked from npm's
 * `@sparticuz/chromium`, so that a machine with nothing but Node and npm still runs everything.
 */
import { constants, createReadStream, existsSync, readdirSync } from "node:fs";
import { access, copyFile, lstat, mkdir, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import process, { env, platform, arch, pid } from "node:process";
import { createBrotliDecompress } from "node:zlib";
import { unpackTar } from "modern-tar/fs";
import { pipeline } from "node:stream/promises";
import { create, globals } from "webgpu";
import { AdapterError } from "./errors.js";
import {
  type AdapterChoice,
  type FoundAdapter,
  isSoftwareAdapter,
} from "./adapter.js";
import { cacheFolder } from "./node-cache-folder.js";

/**
 * Dawn hides f16 on NVIDIA's Vulkan driver and tensor cores everywhere unless asked, and rounds timestamps to 0.1 ms, a
 * protection that web pages need and programs on one's own machine do not.
 */
const dawnFlags = [
  "enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis",
  "disable-dawn-features=timestamp_quantization",
];

const require = createRequire(import.meta.url);
Object.assign(globalThis, globals);

/** Dawn stops working when the object that `create` returned is collected: keep every one. */
const instances: GPU[] = [];

async function request(
  make: () => GPU,
  options?: GPURequestAdapterOptions,
): Promise<GPUAdapter | null> {
  const gpu = make();
  instances.push(gpu);
  return gpu.requestAdapter(options);
}

const installed = (
  options?: GPURequestAdapterOptions,
  flags: readonly string[] = [],
) => request(() => create([...dawnFlags, ...flags]), options);

/**
 * Whether Linux has any Vulkan driver's manifest where the loader looks. Without one Dawn need not be asked, which
 * would only print warnings from native code about drivers that nobody expects.
 */
function hasVulkanDriver(): boolean {
  if (platform !== "linux" || env["VK_DRIVER_FILES"] || env["VK_ICD_FILENAMES"])
    return true;
  const home = homedir();
  const folders = [
    env["XDG_CONFIG_HOME"] ?? join(home, ".config"),
    ...(env["XDG_CONFIG_DIRS"] ?? "/etc/xdg").split(":"),
    "/etc",
    env["XDG_DATA_HOME"] ?? join(home, ".local", "share"),
    ...(env["XDG_DATA_DIRS"] ?? "/usr/local/share:/usr/share").split(":"),
  ];
  return folders.some((folder) => {
    try {
      return readdirSync(join(folder, "vulkan", "icd.d")).some((name) =>
        name.endsWith(".json"),
      );
    } catch {
      return false;
    }
  });
}

/** Finds an adapter of that kind. Throws AdapterError with advice when there is none. */
export async function findAdapter(
  choice: AdapterChoice,
): Promise<FoundAdapter> {
  const driver = (adapter: GPUAdapter): FoundAdapter => ({
    adapter,
    source: "installed driver",
    hostMemory: totalmem(),
  });
  const bundled = async (): Promise<FoundAdapter> => ({
    adapter: await bundledSwiftShader(),
    source: "bundled SwiftShader",
    hostMemory: totalmem(),
  });
  const preference: GPURequestAdapterOptions = {
    powerPreference: "high-performance",
  };

  if (choice === "auto" || choice === "hardware") {
    const adapter = await quietly(() => installed(preference));
    if (adapter && (choice === "auto" || !isSoftwareAdapter(adapter)))
      return driver(adapter);
    if (choice === "hardware") {
      const found = adapter
        ? ` (found only the software adapter ${adapter.info.device})`
        : "";
      throw new AdapterError(
        `no hardware GPU adapter${found}. Install the GPU's Vulkan driver and libvulkan1, or use --adapter auto.`,
      );
    }
    return bundled();
  }
  if (choice === "software") {
    // An installed software adapter may be the default one, or hide behind a hardware one.
    for (const options of [preference, { forceFallbackAdapter: true }]) {
      const adapter = await quietly(() => installed(options));
      if (adapter && isSoftwareAdapter(adapter)) return driver(adapter);
    }
    return bundled();
  }
  const matches = (adapter: GPUAdapter | null): adapter is GPUAdapter =>
    adapter !== null &&
    `${adapter.info.vendor} ${adapter.info.device} ${adapter.info.description}`
      .toLowerCase()
      .includes(choice.toLowerCase());
  for (const options of [preference, { forceFallbackAdapter: true }]) {
    const adapter = await quietly(() => installed(options));
    if (matches(adapter)) return driver(adapter);
  }
  if ("swiftshader".includes(choice.toLowerCase())) return bundled();
  throw new AdapterError(
    `no adapter whose name contains "${choice}". 'tarnish doctor --list' shows what there is.`,
  );
}

/** An installed adapter, or null where there is none or Dawn fails to look. */
async function quietly(
  find: () => Promise<GPUAdapter | null>,
): Promise<GPUAdapter | null> {
  if (!hasVulkanDriver()) return null;
  try {
    return await find();
  } catch {
    return null;
  }
}

/**
 * SwiftShader from npm's `@sparticuz/chromium`, unpacked once into the user's cache folder. Dawn looks for libvulkan.so.1
 * beside its own module first, so a copy of dawn.node is put next to the unpacked loader.
 */
async function bundledSwiftShader(): Promise<GPUAdapter> {
  if (platform !== "linux") {
    throw new AdapterError(
      "this machine offers no WebGPU adapter. Install or update its graphics driver.",
    );
  }
  let archive: string;
  try {
    // The package exports no paths of its own: go from its main module, build/cjs/index.cjs, to its bin folder.
    const main = require.resolve("@sparticuz/chromium");
    archive = join(dirname(main), "..", "..", "bin", "swiftshader.tar.br");
  } catch {
    throw new AdapterError(
      "no Vulkan driver is installed, and the bundled software adapter is missing: run `npm install` without --omit=optional, " +
        "or install a driver (Debian: apt-get install mesa-vulkan-drivers libvulkan1, Mesa 24 or newer).",
    );
  }
  const dawn = join(
    dirname(require.resolve("webgpu")),
    "dist",
    `${platform}-${arch}`,
    "dawn.node",
  );
  const folder = await unpackOnce(archive, dawn);
  env["VK_DRIVER_FILES"] = join(folder, "vk_swiftshader_icd.json");
  env["VK_ICD_FILENAMES"] = env["VK_DRIVER_FILES"];
  const module = require(join(folder, "dawn.node")) as {
    create: typeof create;
    globals: typeof globals;
  };
  Object.assign(globalThis, module.globals);
  const adapter = await request(() => module.create([...dawnFlags]));
  if (!adapter)
    throw new AdapterError(
      `the bundled SwiftShader in ${folder} offers no adapter; delete that folder and try again`,
    );
  return adapter;
}

/**
 * Unpacks into a folder named by the versions of what goes into it, through a temporary folder, so that a half-made one is
 * never used. Where the cache folder cannot be written, that is in the system's folder for temporary files.
 */
async function unpackOnce(archive: string, dawn: string): Promise<string> {
  const name = `swiftshader-${packageVersion(archive)}-dawn-${packageVersion(dawn)}`;
  let folder = join(cacheFolder(), name);
  if (existsSync(join(folder, "dawn.node"))) return folder;
  try {
    await mkdir(dirname(folder), { recursive: true });
    await access(dirname(folder), constants.W_OK);
  } catch {
    folder = join(await ownTemporaryFolder(), name);
    if (existsSync(join(folder, "dawn.node"))) return folder;
  }
  const temporary = `${folder}.${pid}`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  await pipeline(
    createReadStream(archive),
    createBrotliDecompress(),
    unpackTar(temporary),
  );
  await copyFile(dawn, join(temporary, "dawn.node"));
  try {
    await rename(temporary, folder);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (!existsSync(join(folder, "dawn.node"))) throw error;
  }
  return folder;
}

/** The version of the package that a file belongs to: that of the nearest package.json above it. */
function packageVersion(file: string): string {
  let folder = dirname(file);
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  const { version } = require(join(folder, "package.json")) as {
    version: string;
  };
  return version;
}

/**
 * A folder for code that will be loaded, where everybody may write: it must be this user's, and nobody else may write into
 * it, or another user of the machine could have put the driver there.
 */
async function ownTemporaryFolder(): Promise<string> {
  const user = process.getuid?.();
  const folder = join(tmpdir(), `tarnish-${user ?? "cache"}`);
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  });
  const found = await lstat(folder);
  // Windows knows no user ids, and its folder for temporary files is the user's own.
  const safe =
    user === undefined || (found.uid === user && (found.mode & 0o022) === 0);
  if (!found.isDirectory() || !safe)
    throw new AdapterError(
      `${folder}: is not a folder that you alone can write into, so the bundled driver is not loaded from there; ` +
        "delete it, or set TARNISH_CACHE to a folder of your own",
    );
  return folder;
}
