/** How numbers are worded for people: one place, so that every command says the same thing the same way. */

const counts = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** A whole number with thousands separated: 50,000. */
export function formatCount(value: number): string {
  return counts.format(value);
}

/** `value` with about three significant digits and never an exponent: 0.0123, 1.23, 12.3, 1,234. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 999.5) return formatCount(value);
  return String(Number(value.toPrecision(3)));
}

/** Work per second: "512 images/s". */
export function formatRate(perSecond: number, unit: string): string {
  return `${formatNumber(perSecond)} ${unit}/s`;
}

/** A share in [0, 1] as a percentage: "12.5 %". */
export function formatPercent(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)} %`;
}

/** A duration: "0.42 s", "42 s", "4 min 05 s", "3 h 07 min", "2 d 04 h". An unknown one is "?". */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "?";
  if (seconds < 9.95)
    return `${Number(seconds.toFixed(seconds < 1 ? 2 : 1))} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86_400)
    return `${Math.floor(whole / 3600)} h ${two((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${two((whole % 86_400) / 3600)} h`;
}

/** An amount of memory in binary units: "512 B", "12.3 MiB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1).replace(/\.0$/, "")} ${units[unit]!}`;
}

/** Arithmetic per second, from operations per second: "12.3 GFLOP/s", "9.8 TFLOP/s". */
export function formatFlops(perSecond: number): string {
  return perSecond >= 1e12
    ? `${formatNumber(perSecond / 1e12)} TFLOP/s`
    : `${formatNumber(perSecond / 1e9)} GFLOP/s`;
}
