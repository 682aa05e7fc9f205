/** SVG as text: elements, lines, markers and axes. Coordinates are CSS pixels, rounded to a tenth: finer is not seen. */
import { scaleLinear } from "d3-scale";
import { escapeHtml } from "./html.js";

/** Attributes of an element; undefined ones are left out. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

const round = (value: number): number => Math.round(10 * value) / 10;

/** An element; its content is markup already. */
export function element(
  name: string,
  attributes: Attributes,
  content = "",
): string {
  const list = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      const text = typeof value === "number" ? round(value) : value!;
      return ` ${key}="${escapeHtml(String(text))}"`;
    });
  const open = `<${name}${list.join("")}`;
  return content === "" ? `${open}/>` : `${open}>${content}</${name}>`;
}

/** Text at a point, starting there unless told otherwise. */
export function text(
  x: number,
  y: number,
  content: string,
  attributes: Attributes = {},
): string {
  return element("text", { x, y, ...attributes }, escapeHtml(content));
}

/** Path data of a line through points: relative steps in tenths of a pixel, so that rounding does not add up. */
export function lineData(
  points: readonly (readonly [number, number])[],
): string {
  let [x, y] = [0, 0];
  return points
    .map(([px, py], i) => {
      const [dx, dy] = [Math.round(10 * px) - x, Math.round(10 * py) - y];
      [x, y] = [x + dx, y + dy];
      const step = `${dx / 10} ${dy / 10}`.replace(" -", "-");
      return `${i === 0 ? "M" : "l"}${step}`;
    })
    .join("");
}

/** Shapes that tell series apart without colour, as path data about the origin at a radius of about 1. */
const SHAPES = [
  (r: number) => `m${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`, // prettier-ignore
  (r: number) => `m${-0.88 * r} ${-0.88 * r}h${1.76 * r}v${1.76 * r}h${-1.76 * r}z`, // prettier-ignore
  (r: number) => `m0 ${-1.25 * r}l${1.2 * r} ${2.1 * r}h${-2.4 * r}z`,
  (r: number) => `m0 ${-1.35 * r}l${1.35 * r} ${1.35 * r}l${-1.35 * r} ${1.35 * r}l${-1.35 * r} ${-1.35 * r}z`, // prettier-ignore
  (r: number) => `m0 ${1.25 * r}l${1.2 * r} ${-2.1 * r}h${-2.4 * r}z`,
  (r: number) => `m${-1.2 * r} ${-0.4 * r}h${0.8 * r}v${-0.8 * r}h${0.8 * r}v${0.8 * r}h${0.8 * r}v${0.8 * r}h${-0.8 * r}v${0.8 * r}h${-0.8 * r}v${-0.8 * r}h${-0.8 * r}z`, // prettier-ignore
] as const;

/** Path data of markers of one shape at points. */
function markerData(
  shape: number,
  points: readonly (readonly [number, number])[],
  radius = 3.6,
): string {
  const outline = SHAPES[shape % SHAPES.length]!(radius).replace(
    /\d+\.\d+/g,
    (number) => String(round(Number(number))),
  );
  return points.map(([x, y]) => `M${round(x)} ${round(y)}${outline}`).join("");
}

/** Path data of vertical whiskers with short caps. */
export function whiskerData(
  bars: readonly { x: number; low: number; high: number }[],
  cap = 2.5,
): string {
  return bars
    .map(
      ({ x, low, high }) =>
        `M${round(x - cap)} ${round(low)}h${2 * cap}m${-cap} 0V${round(high)}m${-cap} 0h${2 * cap}`,
    )
    .join("");
}

export interface Axis {
  readonly domain: readonly [number, number];
  readonly label: string;
  /** About so many ticks at round numbers, or exactly these. */
  readonly ticks?: number | readonly number[];
  readonly format?: (value: number) => string;
}

export interface FrameOptions {
  readonly width?: number;
  readonly height?: number;
  readonly top?: number;
  readonly right?: number;
  readonly bottom?: number;
  readonly left?: number;
  readonly x: Axis;
  readonly y: Axis;
}

/** The space of a chart: where values lie, and the markup of its axes. */
export interface Frame {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly axes: string;
}

/** Width of a small chart: three stand side by side on a wide screen, one on a phone. */
export const CHART_WIDTH = 320;

/** Linear axes: a grid at the y ticks, the y label above, the x label below. */
export function frame(options: FrameOptions): Frame {
  const { width = CHART_WIDTH, height = 250 } = options;
  const right = width - (options.right ?? 12);
  const top = options.top ?? 28;
  const bottom = height - (options.bottom ?? 40);
  const y = scaleLinear(options.y.domain, [bottom, top]);
  const list = (axis: Axis, scale: typeof y): readonly number[] =>
    typeof axis.ticks === "object" ? axis.ticks : scale.ticks(axis.ticks ?? 5);
  const format = (axis: Axis, scale: typeof y, value: number): string =>
    axis.format
      ? axis.format(value)
      : scale.tickFormat(typeof axis.ticks === "number" ? axis.ticks : 5)(value); // prettier-ignore
  const rows = list(options.y, y);
  const labels = rows.map((value) => format(options.y, y, value));
  const longest = Math.max(...labels.map((label) => textWidth(label)));
  // Labels of up to three digits leave all charts alike.
  const left = options.left ?? Math.max(38, Math.ceil(longest) + 9);
  const x = scaleLinear(options.x.domain, [left, right]);
  const columns = list(options.x, x);
  const grid = rows
    .map((value) => `M${left} ${round(y(value))}H${right}`)
    .join("");
  const feet = columns
    .map((value) => `M${round(x(value))} ${bottom}v4`)
    .join("");
  const axes =
    element("path", { d: grid, stroke: "var(--rule)" }) +
    element("path", {
      d: `${feet}M${left} ${bottom}H${right}`,
      stroke: "var(--muted)",
      fill: "none",
    }) +
    element(
      "g",
      { fill: "var(--muted)" },
      rows
        .map((value, i) =>
          text(left - 7, y(value) + 4, labels[i]!, {
            "text-anchor": "end",
          }),
        ) // prettier-ignore
        .join("") +
        columns
          .map((value) =>
            text(x(value), bottom + 17, format(options.x, x, value), {
              "text-anchor": "middle",
            }),
          ) // prettier-ignore
          .join("") +
        text((left + right) / 2, bottom + 35, options.x.label, {
          "text-anchor": "middle",
        }) +
        (options.y.label === "" ? "" : text(0, 12, options.y.label)),
    );
  return { x, y, width, height, left, right, top, bottom, axes };
}

/** A whole chart with a description for those who cannot see it. */
export function chart(
  width: number,
  height: number,
  description: string,
  content: string,
): string {
  return element(
    "svg",
    {
      role: "img",
      "aria-label": description,
      class: "chart",
      viewBox: `0 0 ${round(width)} ${round(height)}`,
      width,
      height,
      "font-size": 12,
      fill: "currentColor",
    },
    content,
  );
}

/** A line along path data, whose numbers need not be rounded yet; nothing where the data is empty. */
export function stroke(
  d: string,
  color: string,
  more: Attributes = {},
): string {
  if (d === "") return "";
  const path = d.replace(/\d+\.\d{2,}/g, (n) => String(round(Number(n))));
  return element("path", {
    d: path,
    fill: "none",
    stroke: color,
    "stroke-width": 2,
    "stroke-linejoin": "round",
    ...more,
  });
}

/** Markers of one shape at points; nothing without points. */
export function markers(
  shape: number,
  points: readonly (readonly [number, number])[],
  fill: string,
  radius = 3.6,
): string {
  return points.length === 0
    ? ""
    : element("path", { d: markerData(shape, points, radius), fill });
}

/** Moves label positions apart to at least `gap`, in order, as little as the limits allow. */
export function spread(
  positions: readonly number[],
  gap: number,
  low: number,
  high: number,
): number[] {
  const order = positions
    .map((_, i) => i)
    .sort((a, b) => positions[a]! - positions[b]!);
  const result = [...positions];
  let floor = low;
  for (const i of order) {
    result[i] = Math.max(result[i]!, floor);
    floor = result[i] + gap;
  }
  let ceiling = high;
  for (const i of order.reverse()) {
    result[i] = Math.min(result[i]!, ceiling);
    ceiling = result[i] - gap;
  }
  return result;
}

/** Width of a text of 12 px in the page's fonts, nearly; names longer than this are shortened where there is no room. */
export function textWidth(content: string, size = 12): number {
  return Array.from(content).length * size * 0.56;
}

/** At most `length` characters; the whole name is in the table. */
export function shorten(name: string, length = 18): string {
  const characters = Array.from(name);
  return characters.length <= length
    ? name
    : `${characters.slice(0, length - 1).join("")}…`;
}
