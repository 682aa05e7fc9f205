/**
 * The cells of a heatmap or a confusion matrix as SVG markup. The page's script carries this function's own text, to
 * draw matrices in other orders: it may use nothing from outside itself.
 */

export interface CellSpec {
  /** Corner of the first cell, and the size of a cell. */
  readonly left: number;
  readonly top: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  /** Font size of the labels. */
  readonly size: number;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** Column labels stand upright on their cells. */
  readonly turned: boolean;
  /** Names of shades by row and column; null: no value, hatched. */
  readonly shades: readonly (readonly (string | null)[])[];
  /** Texts in the cells; null where the cells are too small for any. */
  readonly texts: readonly (readonly string[])[] | null;
  /** Cells that are underlined, or have a dot where they hold no text. */
  readonly marks: readonly (readonly boolean[])[] | null;
}

/** Cells of one shade are a single path, which keeps a matrix of 100 × 100 at some tens of kilobytes. */
export function cellsMarkup(spec: CellSpec): string {
  const { left, top, cellWidth, cellHeight, size } = spec;
  const number = (value: number): string => String(Math.round(10 * value) / 10);
  const escape = (text: string): string =>
    text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  const gap = cellWidth > 14 ? 1.5 : 0;
  const paths = new Map<string, string>();
  const texts: string[] = [];
  let hatching = "";
  let marks = "";
  spec.shades.forEach((row, r) => {
    const y = top + r * cellHeight;
    row.forEach((shade, c) => {
      const x = left + c * cellWidth;
      const [width, height] = [cellWidth - gap, cellHeight - gap];
      if (shade === null) {
        for (let d = 5; d < width + height; d += 6)
          hatching += `M${number(x + Math.max(0, d - height))} ${number(y + Math.min(d, height))}L${number(x + Math.min(d, width))} ${number(y + Math.max(0, d - width))}`; // prettier-ignore
        return;
      }
      const cell = `M${number(x)} ${number(y)}h${number(width)}v${number(height)}h${number(-width)}z`; // prettier-ignore
      paths.set(shade, (paths.get(shade) ?? "") + cell);
      const text = spec.texts?.[r]?.[c] ?? "";
      if (spec.marks?.[r]?.[c] === true) {
        const [mx, my] = [x + width / 2, y + height / 2];
        marks +=
          text === ""
            ? `<circle cx="${number(mx)}" cy="${number(my)}" r="2" fill="var(--on-${shade})"/>`
            : `<path d="M${number(mx - 9)} ${number(my + size * 0.35 + 3)}h18" stroke="var(--on-${shade})"/>`;
      }
      if (text !== "") {
        texts.push(`<text x="${number(x + width / 2)}" y="${number(y + height / 2 + size * 0.35)}" fill="var(--on-${shade})">${escape(text)}</text>`); // prettier-ignore
      }
    });
  });
  const fills = [...paths].map(
    ([shade, d]) => `<path fill="var(--${shade})" d="${d}"/>`,
  );
  const rowLabels = spec.rows.map((name, r) => {
    const y = top + (r + 0.5) * cellHeight + size * 0.33;
    return `<text x="${number(left - 6)}" y="${number(y)}">${escape(name)}</text>`;
  });
  const columnLabels = spec.columns.map((name, c) => {
    const x = left + (c + 0.5) * cellWidth - gap / 2;
    return spec.turned
      ? `<text transform="translate(${number(x + size * 0.33)},${number(top - 6)})rotate(-90)">${escape(name)}</text>`
      : `<text x="${number(x)}" y="${number(top - 8)}" text-anchor="middle">${escape(name)}</text>`;
  });
  return (
    fills.join("") +
    (hatching === ""
      ? ""
      : `<path d="${hatching}" stroke="var(--muted)" fill="none"/>`) +
    `<g text-anchor="middle" font-size="${size}">${texts.join("")}</g>${marks}` +
    `<g text-anchor="end" font-size="${size}">${rowLabels.join("")}</g><g font-size="${size}">${columnLabels.join("")}</g>`
  );
}
