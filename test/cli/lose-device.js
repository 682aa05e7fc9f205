/**
 * A module to load before the command (`node --import`): it makes the GPU device disappear after some submissions, as a
 * driver reset does. The number is in LOSE_DEVICE_AFTER.
 */
import { env } from "node:process";
import { globals } from "webgpu";

const { GPUAdapter, GPUQueue } = globals;
let left = Number(env.LOSE_DEVICE_AFTER);
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
