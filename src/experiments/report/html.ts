/** Small pieces of text and HTML that every section uses. */

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for an element's content or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** A fraction as "61.3 %" (the space does not break); null as a dash. */
export function percent(value: number | null, digits = 1): string {
  return value === null
    ? "–"
    : `${(100 * value)
        .toFixed(digits)
        .replace(/^-(0(?:\.0*)?)$/, "$1")
        .replace("-", "−")}\u00a0%`;
}

/** A level as "20 %", with a decimal only where it has one. */
export function levelText(level: number): string {
  return `${Number((100 * level).toFixed(2))}\u00a0%`;
}

/** A number with a fixed count of decimals and a true minus sign; null as a dash. */
export function fixed(value: number | null, digits: number): string {
  return value === null
    ? "–"
    : value
        .toFixed(digits)
        .replace(/^-(0(?:\.0*)?)$/, "$1")
        .replace("-", "−");
}

/** As `fixed`, with a plus sign on positive values. */
export function signed(value: number | null, digits: number): string {
  const text = fixed(value, digits);
  return value !== null && value > 0 && Number(value.toFixed(digits)) !== 0
    ? `+${text}`
    : text;
}

/** A number for narrow cells, without the 0 before its point: ".31" for "0.31", "+.31" for "+0.31". */
export function withoutZero(text: string): string {
  return text.replace(/^([+−]?)0\./, "$1.");
}

/** Text as a file name and an element id: lower-case letters, digits and dashes. */
export function slug(text: string): string {
  return (
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "") || "unnamed"
  );
}

/** A table as a link that downloads it without a server: a data: URI. */
export function csvLink(fileName: string, csv: string): string {
  const data = csv.replace(/[^A-Za-z0-9\-_.,:;*()!/@$]/gu, encodeURIComponent);
  return `<a class="csv" download="${escapeHtml(fileName)}" href="data:text/csv;charset=utf-8,${data}">Data (CSV)</a>`;
}

/** A column of a table: its heading and whether it holds numbers, which align right. */
export interface Column {
  title: string;
  numeric?: boolean;
}

/** An HTML table. Cells are HTML already; the first column of a row is its heading. */
export function tableHtml(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  caption: string,
  className = "",
): string {
  const attributes = (column: Column): string =>
    column.numeric ? ' class="number"' : "";
  const head = columns.map(
    (column) =>
      `<th scope="col"${attributes(column)}>${escapeHtml(column.title)}</th>`,
  );
  const body = rows.map((row) => {
    const cells = row.map((cell, c) =>
      c === 0
        ? `<th scope="row"${attributes(columns[0]!)}>${cell}</th>`
        : `<td${attributes(columns[c]!)}>${cell}</td>`,
    );
    return `<tr>${cells.join("")}</tr>`;
  });
  return (
    `<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(caption)}"><table${className === "" ? "" : ` class="${className}"`}><caption>${escapeHtml(caption)}</caption>` +
    `<thead><tr>${head.join("")}</tr></thead><tbody>${body.join("")}</tbody></table></div>`
  );
}

/** A share in whole percent, with one decimal below 10 where it has one: "27 %", "7.5 %". */
export function rounded(value: number): string {
  const digits = Math.abs(100 * value) < 9.95 ? 1 : 0;
  return percent(value, digits).replace(".0\u00a0", "\u00a0");
}

/** In the head of every report: by it a report's page is known from any other. */
export const reportMark = '<meta name="generator" content="tarnish">';
