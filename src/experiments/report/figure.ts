/**
 * A figure of the report: charts to choose from, a caption, and the data. Whatever an element shows for one choice
 * alone carries `data-at-<choice>="<index>"`, and `data-off` while another is chosen; the page's script moves `data-off`.
 */
import { escapeHtml } from "./html.js";

/** What a reader can choose; the first option shows at first. */
export interface Choice {
  /** Part of an attribute's name. */
  readonly key: "model" | "class" | "condition" | "order";
  readonly label: string;
  readonly options: readonly string[];
}

/** A drawing, and a file of its own. */
export interface Chart {
  readonly title: string | null;
  /** Part of the file name. */
  readonly id: string;
  readonly svg: string;
  /** Wraps the drawing in the page, as for cells that can be read one by one. */
  readonly wrap?: (svg: string) => string;
  /** Written as a file only: the page draws it on demand. */
  readonly fileOnly?: boolean;
}

/** Charts shown together. */
export interface Panel {
  /** Which option of "model" shows it; undefined: always. */
  readonly model?: number;
  readonly title?: string;
  readonly charts: readonly Chart[];
  /** Markup after the charts: a table. */
  readonly after?: string;
}

export interface Figure {
  /** Anchor in the page, and part of file names. */
  readonly id: string;
  readonly title: string;
  readonly choices: readonly Choice[];
  readonly panels: readonly Panel[];
  /** Plain text: what one sees, of how many, and how it is defined. */
  readonly caption: string;
  /** The data as text, or the id of the figure whose data it is too. */
  readonly csv: string | { readonly sameAs: string };
}

/** The attributes of what shows only while option `index` is chosen. */
export function atOption(key: Choice["key"], index: number, first = 0): string {
  return `data-at-${key}="${index}"${index === first ? "" : " data-off"}`;
}

/** SVG markup that shows only while option `index` of a choice is chosen; holds no <g> itself. */
export function variant(
  key: Choice["key"],
  index: number,
  markup: string,
): string {
  return `<g ${atOption(key, index)}>${markup}</g>`;
}

/** The choice of a model, where there are several. */
export function modelChoice(models: readonly { model: string }[]): Choice[] {
  return models.length > 1
    ? [
        {
          key: "model",
          label: "Model",
          options: models.map(({ model }) => model),
        },
      ]
    : [];
}

/** Options that stand side by side as buttons; more become a list. */
const MAX_BUTTONS = 7;

/** The controls of a figure or a section: hidden until the page's script works. `scope` makes names unique. */
export function choicesHtml(choices: readonly Choice[], scope: string): string {
  const controls = choices
    .filter(({ options }) => options.length > 1)
    .map(({ key, label, options }) => {
      const name = `${scope}-${key}`;
      if (options.length > MAX_BUTTONS) {
        const list = options
          .map((option, i) => `<option value="${i}">${escapeHtml(option)}`)
          .join("");
        return `<label class="list">${escapeHtml(label)} <select data-choice="${key}" id="${name}" autocomplete="off">${list}</select></label>`;
      }
      const buttons = options
        .map(
          (option, i) =>
            `<label><input type="radio" name="${name}" value="${i}" data-choice="${key}" autocomplete="off"${i === 0 ? " checked" : ""}><span>${escapeHtml(option)}</span></label>`,
        )
        .join("");
      return `<fieldset><legend>${escapeHtml(label)}</legend>${buttons}</fieldset>`;
    });
  return controls.length > 0
    ? `<form class="choices" hidden>${controls.join("")}</form>`
    : "";
}

/** A drawing as a file: one variant alone, readable on white by programs that know no CSS variables. */
export function standaloneSvg(
  svg: string,
  resolveColors: (svg: string) => string,
  option?: { key: Choice["key"]; index: number },
): string {
  const chosen = svg.replace(
    /<g data-at-(\w+)="(\d+)"( data-off)?>(.*?)<\/g>/gs,
    (_, key: string, index: string, off: string | undefined, inner: string) =>
      (option?.key === key ? Number(index) === option.index : off === undefined)
        ? `<g>${inner}</g>`
        : "",
  );
  return (
    resolveColors(chosen)
      .replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg" font-family="system-ui, Roboto, Noto Sans, Liberation Sans, sans-serif"') // prettier-ignore
      .replace('fill="currentColor"', `fill="${resolveColors("var(--ink)")}"`)
      .replace(/^(<svg[^>]*>)/, '$1<rect width="100%" height="100%" fill="#ffffff"/>') + "\n" // prettier-ignore
  );
}
