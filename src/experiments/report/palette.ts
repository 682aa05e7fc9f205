/**
 * Colours as CSS variables, one set for light and one for dark paper.
 *
 * The two arms have Okabe and Ito's vermilion and blue, which every kind of colour vision tells apart. Ramps are
 * straight lines in lightness in OKLCH (Ottosson 2020), so equal steps look equally far apart.
 */

type Rgb = readonly [number, number, number];
type Lch = readonly [lightness: number, chroma: number, hue: number];

/** Linear sRGB of an OKLCH colour (hue in degrees); components outside [0, 1] are out of gamut. */
function linearRgb([lightness, chroma, hue]: Lch): Rgb {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

/** The colour in sRGB's gamut with the same lightness and hue and as much of the chroma as fits. */
function inGamut([lightness, chroma, hue]: Lch): Rgb {
  for (let c = chroma; c > 0; c -= 0.004) {
    const rgb = linearRgb([lightness, c, hue]);
    if (rgb.every((value) => value >= 0 && value <= 1)) return rgb;
  }
  const grey = Math.min(1, Math.max(0, lightness ** 3));
  return [grey, grey, grey];
}

function hex(rgb: Rgb): string {
  const byte = (value: number): string => {
    const encoded =
      value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055;
    return Math.round(encoded * 255)
      .toString(16)
      .padStart(2, "0");
  };
  return `#${rgb.map(byte).join("")}`;
}

/** Ink that is easiest to read on a colour (WCAG relative luminance; 0.179 has equal contrast with both). */
function inkOn([r, g, b]: Rgb): string {
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#111111" : "#ffffff";
}

function mix(from: Lch, to: Lch, t: number): Lch {
  return [
    from[0] + (to[0] - from[0]) * t,
    from[1] + (to[1] - from[1]) * t,
    from[2] + (to[2] - from[2]) * t,
  ];
}

/** Steps of an arm's ramp over its levels. */
const LEVEL_STEPS = 8;
/** Steps of the sequential scale, from nothing to everything. */
export const SEQUENTIAL_STEPS = 17;
/** Steps of a diverging scale; the middle one is neutral. */
export const DIVERGING_STEPS = 21;

interface Theme {
  base: Readonly<Record<string, string>>;
  noise: readonly [Lch, Lch];
  reduction: readonly [Lch, Lch];
  sequential: readonly [Lch, Lch];
  neutral: Lch;
  /** Ends of the index: losing data was worse, lying was worse. */
  index: readonly [Lch, Lch];
  /** Ends of change against the clean run: loss, gain. */
  change: readonly [Lch, Lch];
}

/**
 * Models are told apart by colour and by marker. Found by a search over OKLCH for colours that stay apart under
 * simulated protanopia, deuteranopia and tritanopia (Machado 2009), with a contrast of at least 3 on the paper, and
 * away from the arms' colours.
 */
function modelColors(colors: readonly string[]): Record<string, string> {
  return Object.fromEntries(colors.map((color, i) => [`model-${i}`, color]));
}

/** Colour of a model by its place in the study. */
export function modelColor(index: number): string {
  return `var(--model-${index % 8})`;
}

const LIGHT: Theme = {
  base: {
    paper: "#ffffff",
    ink: "#1b1b1f",
    muted: "#5d5d66",
    rule: "#dcdce2",
    wash: "#f5f5f7",
    noise: "#c25400",
    reduction: "#0072b2",
    "on-noise": "#ffffff",
    good: "#2b7a5b",
    "on-good": "#ffffff",
    "wash-strong": "#d9d9e0",
    ...modelColors(["#d35193", "#47068c", "#a68e2d", "#458ff7", "#650911", "#554c62", "#845812", "#4a4cc5"]), // prettier-ignore
  },
  noise: [
    [0.7, 0.14, 65],
    [0.37, 0.12, 32],
  ],
  reduction: [
    [0.69, 0.11, 228],
    [0.34, 0.12, 258],
  ],
  sequential: [
    [0.985, 0.005, 200],
    [0.4, 0.09, 225],
  ],
  neutral: [0.975, 0.003, 100],
  index: [
    [0.46, 0.13, 250],
    [0.55, 0.17, 42],
  ],
  change: [
    [0.45, 0.16, 315],
    [0.5, 0.12, 150],
  ],
};

const DARK: Theme = {
  base: {
    paper: "#15161a",
    ink: "#ececf1",
    muted: "#a4a5b0",
    rule: "#34353d",
    wash: "#1e1f25",
    noise: "#f0853a",
    reduction: "#56b4e9",
    "on-noise": "#111111",
    good: "#5cc79a",
    "on-good": "#111111",
    "wash-strong": "#3d3e48",
    ...modelColors(["#e879b0", "#9f7bff", "#e8cf6a", "#a9ccff", "#b8505a", "#8f8a9c", "#b58a4a", "#5d60d8"]), // prettier-ignore
  },
  noise: [
    [0.58, 0.15, 38],
    [0.88, 0.11, 80],
  ],
  reduction: [
    [0.56, 0.12, 252],
    [0.9, 0.07, 220],
  ],
  sequential: [
    [0.23, 0.012, 225],
    [0.86, 0.1, 195],
  ],
  neutral: [0.27, 0.004, 270],
  index: [
    [0.75, 0.12, 240],
    [0.74, 0.16, 50],
  ],
  change: [
    [0.72, 0.15, 315],
    [0.78, 0.14, 150],
  ],
};

function themeVariables(theme: Theme): Map<string, string> {
  const variables = new Map(Object.entries(theme.base));
  const cells = (name: string, steps: number, at: (t: number) => Lch): void => {
    for (let k = 0; k < steps; k++) {
      const rgb = inGamut(at(k / (steps - 1)));
      variables.set(`${name}-${k}`, hex(rgb));
      variables.set(`on-${name}-${k}`, inkOn(rgb));
    }
  };
  const diverging = ([low, high]: readonly [Lch, Lch]) => {
    // The hue of the arm holds right up to the neutral middle; only lightness and chroma move.
    return (t: number): Lch => {
      const end = t < 0.5 ? low : high;
      return mix(
        [theme.neutral[0], theme.neutral[1], end[2]],
        end,
        Math.abs(2 * t - 1),
      );
    };
  };
  for (const arm of ["noise", "reduction"] as const) {
    for (let k = 0; k < LEVEL_STEPS; k++) {
      variables.set(
        `${arm}-${k}`,
        hex(inGamut(mix(...theme[arm], k / (LEVEL_STEPS - 1)))),
      );
    }
  }
  cells("seq", SEQUENTIAL_STEPS, (t) => mix(...theme.sequential, t));
  cells("index", DIVERGING_STEPS, diverging(theme.index));
  cells("change", DIVERGING_STEPS, diverging(theme.change));
  return variables;
}

function declarations(variables: Map<string, string>): string {
  return [...variables].map(([name, value]) => `--${name}:${value}`).join(";");
}

const light = themeVariables(LIGHT);

/** The variables as a style sheet: light; dark where the system or the reader asks for it; light again on paper. */
export function paletteCss(): string {
  const dark = `color-scheme:dark;${declarations(themeVariables(DARK))}`;
  return (
    `:root{color-scheme:light;${declarations(light)}}\n` +
    `@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){${dark}}}\n` +
    `@media screen{:root[data-theme=dark]{${dark}}}\n`
  );
}

/** Replaces the variables of a figure by the light set's colours, for programs that know no CSS variables. */
export function resolveLight(svg: string): string {
  return svg.replace(
    /var\(--([a-z0-9-]+)\)/g,
    (whole, name: string) => light.get(name) ?? whole,
  );
}

type ArmName = "noise" | "reduction" | "reduction-steps";

/** Colour of an arm. The two reduction arms share theirs; lines of the second are broken. */
export function armColor(arm: ArmName): string {
  return arm === "noise" ? "var(--noise)" : "var(--reduction)";
}

/** Dashes of an arm's line, for SVG. */
export function armDash(arm: ArmName): string | undefined {
  return arm === "reduction-steps" ? "5 4" : undefined;
}

/** Colour of a level of an arm: pale to strong over the arm's levels; the clean baseline has the text's colour. */
export function levelColor(
  arm: ArmName,
  level: number,
  levels: readonly number[],
): string {
  const index = levels.indexOf(level);
  if (index < 0) return "var(--ink)";
  const t = levels.length === 1 ? 0.7 : index / (levels.length - 1);
  const ramp = arm === "noise" ? "noise" : "reduction";
  return `var(--${ramp}-${Math.round(t * (LEVEL_STEPS - 1))})`;
}

/** Name of the step that holds a value: a sequential one over [0, max] or a diverging one over [−max, max]. */
export function shade(
  scale: "seq" | "index" | "change",
  value: number,
  max: number,
): string {
  const t = scale === "seq" ? value / max : (value / max + 1) / 2;
  const steps = scale === "seq" ? SEQUENTIAL_STEPS : DIVERGING_STEPS;
  return `${scale}-${Math.round(Math.min(1, Math.max(0, t)) * (steps - 1))}`;
}
