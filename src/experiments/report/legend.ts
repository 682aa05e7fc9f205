/** Legends inside drawings, so that a figure's file stands alone. */
import type { ModelRuns } from "./aggregate.js";
import { modelColor } from "./palette.js";
import { markers, shorten, text, textWidth } from "./svg.js";

/** Markers and names of models in rows of at most `width`; with the height that the rows take. */
export function modelLegend(
  groups: readonly Pick<ModelRuns, "model" | "index">[],
  left: number,
  top: number,
  width: number,
): { markup: string; height: number } {
  if (groups.length < 2) return { markup: "", height: 0 };
  let [x, y] = [left, top];
  const items = groups.map(({ model, index }) => {
    const name = shorten(model);
    const length = 26 + textWidth(name);
    if (x > left && x + length > left + width) [x, y] = [left, y + 18];
    const markup =
      modelMarkers(index, [[x + 5, y - 4]]) + text(x + 14, y, name);
    x += length;
    return markup;
  });
  return { markup: items.join(""), height: y - top + 18 };
}

/** Markers of a model at points. */
export function modelMarkers(
  index: number,
  points: readonly (readonly [number, number])[],
  radius?: number,
): string {
  return markers(index, points, modelColor(index), radius);
}
