/**
 * The page's script: choices, theme, cells that can be read one by one, confusion matrices in other orders, tables and
 * drawings on demand. The page carries this function's own text, so it may use nothing from outside itself.
 */
import type { CellSpec } from "./cells.js";

/** @param cellsMarkup the function of that name in cells.ts */
export function pageScript(cellsMarkup: (spec: CellSpec) => string): void {
  const all = <T extends Element>(scope: ParentNode, selector: string): T[] => [
    ...scope.querySelectorAll<T>(selector),
  ];

  /** Text of a data: link. */
  const dataOf = (link: HTMLAnchorElement): string =>
    decodeURIComponent(link.href.slice(link.href.indexOf(",") + 1));

  /** Shows what belongs to an option, and hides what belongs to another option of the same choice. */
  function choose(
    scope: HTMLElement,
    key: string,
    value: string,
    name: string,
  ) {
    for (const part of all(scope, `[data-at-${key}]`))
      part.toggleAttribute("data-off", part.getAttribute(`data-at-${key}`) !== value); // prettier-ignore
    for (const part of all(scope, `[data-name-of="${key}"]`))
      part.textContent = name;
    scope.dataset[key] = value;
    for (const part of all<HTMLElement>(scope, "[data-confusion]"))
      drawConfusion(part, scope);
    for (const readout of all(scope, ".readout")) readout.textContent = "";
  }

  for (const form of all<HTMLFormElement>(document, "form.choices")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
    });
    form.addEventListener("change", (event) => {
      const control = event.target as HTMLInputElement | HTMLSelectElement;
      const scope = control.closest<HTMLElement>("[data-scope]");
      const name =
        control instanceof HTMLSelectElement
          ? control.selectedOptions[0]?.textContent
          : control.nextElementSibling?.textContent;
      if (scope && control.dataset["choice"] !== undefined)
        choose(scope, control.dataset["choice"], control.value, name ?? "");
    });
  }

  const theme = document.querySelector<HTMLButtonElement>("#theme");
  if (theme) {
    theme.hidden = false;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const isDark = (): boolean =>
      (document.documentElement.dataset["theme"] ??
        (dark.matches ? "dark" : "light")) === "dark";
    const label = (): void => {
      theme.textContent = isDark() ? "Light page" : "Dark page";
    };
    label();
    dark.addEventListener("change", label);
    theme.addEventListener("click", () => {
      document.documentElement.dataset["theme"] = isDark() ? "light" : "dark";
      label();
    });
  }

  interface Matrix {
    classes: string[];
    names: string[];
    size: number;
    orders: number[][];
    /** Per condition: rows of counts; null where no run has ended. */
    counts: (string | null)[];
  }

  const matrices = new Map<Element, Matrix>();
  function matrixOf(part: HTMLElement): Matrix {
    let matrix = matrices.get(part);
    if (!matrix) {
      matrix = JSON.parse(part.dataset["confusion"]!) as Matrix;
      matrices.set(part, matrix);
    }
    return matrix;
  }
  function countsOf(matrix: Matrix, scope: HTMLElement): number[][] {
    const text = matrix.counts[Number(scope.dataset["condition"] ?? 0)];
    return text
      ? text.split(";").map((row) => row.split(" ").map(Number))
      : matrix.classes.map(() => matrix.classes.map(() => 0));
  }
  const orderOf = (matrix: Matrix, scope: HTMLElement): number[] =>
    matrix.orders[Number(scope.dataset["order"] ?? 0)]!;

  function drawConfusion(part: HTMLElement, scope: HTMLElement): void {
    const matrix = matrixOf(part);
    const order = orderOf(matrix, scope);
    const counts = countsOf(matrix, scope);
    const [left, top, cellWidth, cellHeight] = part.dataset["cells"]!.split(" ").map(Number); // prettier-ignore
    const shares = order.map((t) => {
      const sum = counts[t]!.reduce((a, b) => a + b, 0);
      return order.map((p) => (sum === 0 ? null : counts[t]![p]! / sum));
    });
    const names = order.map((c) => matrix.names[c]!);
    const large = part.dataset["large"] !== undefined;
    const cells = part.querySelector("g.matrix");
    if (!cells) return;
    cells.innerHTML = cellsMarkup({
      left: left!,
      top: top!,
      cellWidth: cellWidth!,
      cellHeight: cellHeight!,
      size: matrix.size,
      rows: names,
      columns: names,
      turned: true,
      shades: shares.map(
        (row) =>
        row.map((v) => (v === null ? null : `seq-${Math.round(16 * Math.sqrt(v))}`)), // prettier-ignore
      ),
      texts: large
        ? null
        : shares.map(
            (row) =>
            row.map((v) => (v === null || v < 0.005 ? "" : String(Math.round(100 * v)))), // prettier-ignore
          ),
      marks: null,
    });
  }

  /** What the readout says of a cell. */
  function noteOf(part: HTMLElement, row: number, column: number): string {
    const scope = part.closest<HTMLElement>("[data-scope]");
    if (part.dataset["confusion"] === undefined || !scope) {
      const notes = JSON.parse(part.dataset["notes"]!) as string[][];
      return notes[row]?.[column] ?? "";
    }
    const matrix = matrixOf(part);
    const order = orderOf(matrix, scope);
    const [t, p] = [order[row], order[column]];
    if (t === undefined || p === undefined) return "";
    const counts = countsOf(matrix, scope)[t]!;
    const sum = counts.reduce((a, b) => a + b, 0);
    if (sum === 0)
      return `${matrix.classes[t]!}: no test image, or no finished run`;
    const share = `${((100 * counts[p]!) / sum).toFixed(1)} %`;
    const what = t === p ? "recognised" : `predicted as ${matrix.classes[p]!}`;
    return `${matrix.classes[t]!} ${what}: ${counts[p]!} of ${sum} (${share})`;
  }

  for (const part of all<HTMLElement>(document, "[data-cells]")) {
    const svg = part.querySelector("svg")!;
    const reach = part.querySelector<HTMLElement>(".reach")!;
    const readout = part.querySelector(".readout")!;
    const ring = document.createElementNS(svg.namespaceURI, "rect");
    ring.setAttribute("class", "ring");
    svg.append(ring);
    const [left, top, cellWidth, cellHeight] = part.dataset["cells"]!.split(" ").map(Number) as [number, number, number, number]; // prettier-ignore
    let [row, column] = [-1, -1];
    const show = (r: number, c: number): boolean => {
      const note = noteOf(part, r, c);
      if (note === "") return false;
      [row, column] = [r, c];
      readout.textContent = note;
      const place = { x: left + c * cellWidth, y: top + r * cellHeight, width: cellWidth, height: cellHeight }; // prettier-ignore
      for (const [name, value] of Object.entries(place))
        ring.setAttribute(name, String(value));
      return true;
    };
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const x = (event.clientX - box.left) * scale;
      const y = (event.clientY - box.top) * scale;
      show(Math.floor((y - top) / cellHeight), Math.floor((x - left) / cellWidth)); // prettier-ignore
    });
    reach.addEventListener("focus", () => {
      if (row < 0) show(0, 0);
    });
    reach.addEventListener("keydown", (event) => {
      const steps: Partial<Record<string, [number, number]>> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }; // prettier-ignore
      const step = steps[event.key];
      if (!step) return;
      show(Math.max(0, row + step[0]), Math.max(0, column + step[1]));
      event.preventDefault();
    });
  }

  /** Rows of a table as text; quotes as RFC 4180 has them. */
  function cellsOf(csv: string): string[][] {
    const rows: string[][] = [[]];
    for (const [, cell = "", end] of csv.matchAll(
      /("(?:[^"]|"")*"|[^",\n]*)(,|\n|$)/g,
    )) {
      rows.at(-1)!.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell); // prettier-ignore
      if (end === "\n") rows.push([]);
      if (end === "") break;
    }
    return rows.filter((row) => row.length > 1 || row[0] !== "");
  }

  // On paper nothing can be opened.
  addEventListener("beforeprint", () => {
    for (const details of all<HTMLDetailsElement>(document, "[data-print]"))
      details.open = true;
  });

  /** Rows that a table in the page shows at most. */
  const limit = 1000;
  for (const details of all<HTMLDetailsElement>(document, "details.table")) {
    details.hidden = false;
    details.addEventListener("toggle", () => {
      const place = details.querySelector(".scroll");
      const link = details.closest("figure")?.querySelector<HTMLAnchorElement>("a.csv"); // prettier-ignore
      if (!place || !link || place.childElementCount > 0) return;
      const [head = [], ...rows] = cellsOf(dataOf(link));
      const table = document.createElement("table");
      const line = (cells: string[], scope: "col" | "row") => {
        const row = document.createElement("tr");
        cells.forEach((content, i) => {
          const heading = scope === "col" || i === 0;
          const cell = document.createElement(heading ? "th" : "td");
          if (heading) cell.setAttribute("scope", scope);
          cell.textContent = /^-?\d+\.\d{5,}/.test(content) ? String(Number(Number(content).toPrecision(5))) : content; // prettier-ignore
          row.append(cell);
        });
        return row;
      };
      table.createTHead().append(line(head, "col"));
      table.createTBody().append(...rows.slice(0, limit).map((row) => line(row, "row"))); // prettier-ignore
      if (rows.length > limit)
        table.createCaption().textContent = `The first ${limit} of ${rows.length} rows; the file has all.`;
      place.append(table);
    });
  }

  /** Saves the drawing of a figure that is in view, in the light page's colours. */
  function save(button: HTMLButtonElement): void {
    const root = document.documentElement;
    const before = root.dataset["theme"];
    root.dataset["theme"] = "light";
    const style = getComputedStyle(root);
    const drawings = all<SVGElement>(button.closest("figure")!, "svg.chart");
    const shown = drawings.filter((svg) => svg.getClientRects().length > 0);
    shown.forEach((svg, i) => {
      const copy = svg.cloneNode(true) as SVGElement;
      for (const part of all(copy, "[data-off], .ring")) part.remove();
      copy.setAttribute("xmlns", svg.namespaceURI!);
      copy.setAttribute("font-family", "system-ui, sans-serif");
      const ink = style.getPropertyValue("--ink");
      const text = copy.outerHTML
        .replace(/var\((--[\w-]+)\)/g, (_, name: string) => style.getPropertyValue(name)) // prettier-ignore
        .replaceAll("currentColor", ink)
        .replace(/^(<svg[^>]*>)/, '$1<rect width="100%" height="100%" fill="#ffffff"/>'); // prettier-ignore
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" })); // prettier-ignore
      link.download = `${button.dataset["save"]!}${shown.length > 1 ? `-${i + 1}` : ""}.svg`;
      link.click();
      URL.revokeObjectURL(link.href);
    });
    if (before === undefined) delete root.dataset["theme"];
    else root.dataset["theme"] = before;
  }
  for (const button of all<HTMLButtonElement>(document, "button[data-save]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      save(button);
    });
  }
}
