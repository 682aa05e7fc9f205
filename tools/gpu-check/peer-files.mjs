/**
 * Prints the files of the peers' packages that Node loads, for packing them onto a machine without a network: a package's
 * package.json and its main file, which is a bundle. All the rest (source maps, other builds) is ten times as much.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const modules = "tools/peers/node_modules";
/** Of TensorFlow.js; jax-js loads its backends from beside its main file. */
const bundles = [
  "@tensorflow/tfjs-core",
  "@tensorflow/tfjs-backend-webgpu",
  "@tensorflow/tfjs-backend-cpu",
  "@tensorflow/tfjs-layers",
];
const whole = ["long", "seedrandom", "node-fetch", "whatwg-url", "tr46"];
const folders = [...whole, "webidl-conversions", "@jax-js/jax"];

const paths = [];
for (const name of bundles) {
  const manifest = join(modules, name, "package.json");
  if (!existsSync(manifest)) continue;
  const { main } = JSON.parse(readFileSync(manifest, "utf8"));
  paths.push(manifest, join(dirname(manifest), main));
}
for (const name of folders) paths.push(join(modules, name));
console.log(paths.filter((path) => existsSync(path)).join(" "));
