/** Comma-separated values as RFC 4180 describes them: quotes where needed, doubled inside; lines end with "\n". */
import { UserError } from "../errors.js";

/** A cell: null becomes an empty one. */
export type Cell = string | number | null;

/**
 * A number as the shortest text that reads back as the same f64 (so always at least 7 significant digits where it
 * has that many).
 * @throws RangeError on NaN and infinities, which no table may hold
 */
function numberText(value: number, where: string): string {
  if (!Number.isFinite(value))
    throw new RangeError(
      `${where} is ${value}; a table holds finite numbers only`,
    );
  return String(value === 0 ? 0 : value);
}

/** `value` rounded to 9 significant digits: more than f32 carries, for the long columns of large tables. */
export function compact(value: number): number {
  return Number(value.toPrecision(9));
}

function cellText(cell: Cell, where: string): string {
  if (cell === null) return "";
  if (typeof cell === "number") return numberText(cell, where);
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/**
 * The text of a table.
 * @throws RangeError on a row of another length than the header and on numbers that are not finite
 */
export function writeCsv(
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
): string {
  const lines = [header.map((name) => cellText(name, name)).join(",")];
  rows.forEach((row, r) => {
    if (row.length !== header.length) {
      throw new RangeError(
        `row ${r + 1} has ${row.length} cells, the header ${header.length}`,
      );
    }
    lines.push(
      row
        .map((cell, c) => cellText(cell, `${header[c]!} of row ${r + 1}`))
        .join(","),
    );
  });
  return lines.join("\n") + "\n";
}

/**
 * The cells of a table, header line included; accepts "\n" and "\r\n", a byte order mark and a missing last newline.
 * @param name what the text is, for messages
 * @throws UserError on an unterminated quote and on rows of different lengths
 */
export function parseCsv(text: string, name = "CSV"): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const pattern = /("[^"]*(?:""[^"]*)*"|[^",\r\n]*)(,|\r?\n|$)/y;
  pattern.lastIndex = text.startsWith("\ufeff") ? 1 : 0;
  while (pattern.lastIndex < text.length || row.length > 0) {
    const match = pattern.exec(text);
    if (!match)
      throw new UserError(
        `${name}: line ${rows.length + 1} has a quote in the wrong place`,
      );
    const [, cell = "", end] = match;
    row.push(
      cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell,
    );
    if (end === ",") continue;
    rows.push(row);
    row = [];
  }
  const ragged = rows.findIndex((cells) => cells.length !== rows[0]!.length);
  if (ragged >= 0) {
    throw new UserError(
      `${name}: row ${ragged + 1} has ${rows[ragged]!.length} cells, the header ${rows[0]!.length}; ` +
        "the file is damaged or cut off",
    );
  }
  return rows;
}

/** One row of a table by column name, with typed access. */
export interface CsvRecord {
  text(column: string): string;
  /** The cell as a finite number. @throws UserError otherwise */
  number(column: string): number;
  /** As `number`, and null where the cell is empty. */
  optional(column: string): number | null;
}

/**
 * The rows of a table by column name. More columns than `columns` are allowed, in any order.
 * @throws UserError where a column is missing or the text is no table
 */
export function parseRecords(
  text: string,
  columns: readonly string[],
  name = "CSV",
): CsvRecord[] {
  const [header = [], ...rows] = parseCsv(text, name);
  const missing = columns.filter((column) => !header.includes(column));
  if (missing.length > 0)
    throw new UserError(
      `${name}: no column ${missing.join(", ")}; found ${header.join(", ")}`,
    );
  return rows.map((row, r) => {
    const cell = (column: string): string => {
      const index = header.indexOf(column);
      if (index < 0) throw new UserError(`${name}: no column ${column}`);
      return row[index]!;
    };
    const number = (column: string): number => {
      const value = cell(column);
      const parsed = Number(value);
      if (value.trim() === "" || !Number.isFinite(parsed)) {
        throw new UserError(
          `${name}: ${column} of row ${r + 1} is no number: "${value}"`,
        );
      }
      return parsed;
    };
    return {
      text: cell,
      number,
      optional: (column) => (cell(column) === "" ? null : number(column)),
    };
  });
}
