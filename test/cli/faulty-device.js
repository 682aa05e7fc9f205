/**
 * A module to load before the command (`node --import`) that makes the GPU device misbehave: it disappears after
 * LOSE_DEVICE_AFTER submissions, as in a driver reset, or takes SLOW_READS_MS longer to give back what it computed.
 */
import { env } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { globals } from "webgpu";

const { GPUAdapter, GPUBuffer, GPUQueue } = globals;

let left = Number(env["LOSE_DEVICE_AFTER"] ?? Infinity);
let device;
const { requestDevice } = GPUAdapter.prototype;
GPUAdapter.prototype.requestDevice = async function (...options) {
  device = await requestDevice.apply(this, options);
  return device;
};
const { submit } = GPUQueue.prototype;
GPUQueue.prototype.submit = function (...commands) {
  submit.apply(this, commands);
  if (--left === 0) device.destroy();
};

const { mapAsync } = GPUBuffer.prototype;
GPUBuffer.prototype.mapAsync = async function (...range) {
  await mapAsync.apply(this, range);
  await sleep(Number(env["SLOW_READS_MS"] ?? 0));
};
