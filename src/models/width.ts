/** `--width`: scales a channel count, rounded half up to a multiple of 8, at least 8. Width 1 is exact. */
export function scaleChannels(channels: number, width: number): number {
  if (width === 1) return channels;
  return Math.max(8, Math.floor((channels * width) / 8 + 0.5) * 8);
}
