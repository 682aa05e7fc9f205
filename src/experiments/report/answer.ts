/** The answer: what wrong labels cost, in one sentence, and how it is to be read. Plain text, not HTML. */
import type { ExchangeRow } from "../measures.js";
import type { Budget } from "../tables.js";
import { commonestShare, estimate, mean, type ModelRuns, runsAt, testImages, trainingDraws } from "./aggregate.js"; // prettier-ignore
import { BUDGET_TEXT, costsNothing, equivalentText, exchangeSentence, type ExchangeSeries, intervalText, isOpen, quotedRow } from "./exchange.js"; // prettier-ignore
import { levelText, rounded } from "./html.js";

/** Whether a model's clean runs recognise more than naming the commonest class every time would, at 95 %. */
function hasLearnt(group: ModelRuns): boolean {
  const clean = runsAt(group, "baseline", 0).map(({ row }) => row.top1Last);
  const known = estimate(clean, testImages(group));
  const chance = commonestShare(group);
  // A mean of equal shares may be off in its last digit.
  return known === null || chance === null || known.low > chance + 1e-9;
}

interface Quote {
  model: string;
  row: ExchangeRow;
}

/** What the answer is made from: the rows of one noise level and one budget. */
interface Quotes {
  noiseLevel: number;
  budget: Budget;
  quotes: Quote[];
  /** Those whose interval leaves something to say. */
  told: Quote[];
  /** Models that are not in it, with the reason. */
  leftOut: string[];
  /** The other budgets of the same level. */
  others: (Quote & { budget: Budget })[];
}

function modelsOf(series: readonly ExchangeSeries[]): string[] {
  return [...new Set(series.map(({ group }) => group.model))];
}

/** Null where no model has learnt anything. */
function quotesOf(all: readonly ExchangeSeries[]): Quotes | null {
  const learnt = all.filter(({ group }) => hasLearnt(group));
  const [first] = learnt;
  if (!first) return null;
  const { budget } = first;
  const { noiseLevel } = quotedRow(first.rows);
  const rows = learnt.flatMap((one) => {
    const row = one.rows.find((r) => r.noiseLevel === noiseLevel);
    return row ? [{ model: one.group.model, budget: one.budget, row }] : [];
  });
  const quotes = rows.filter((one) => one.budget === budget);
  const told = quotes.filter(({ row }) => !isOpen(row));
  const open = told.length === 0 ? [] : quotes.filter(({ row }) => isOpen(row));
  const reasons = (models: readonly string[], reason: string) =>
    models.length > 0 ? [`${models.join(", ")} (${reason})`] : [];
  const known = modelsOf(learnt);
  const absent = known.filter((model) => !quotes.some((one) => one.model === model)); // prettier-ignore
  return {
    noiseLevel,
    budget,
    quotes,
    told,
    leftOut: [
      ...reasons(open.map(({ model }) => model), "from nothing to more than was tried, anything may be"), // prettier-ignore
      ...reasons(modelsOf(all).filter((model) => !known.includes(model)), "no better on the clean data than always naming the commonest class"), // prettier-ignore
      ...reasons(absent, "no rate at this level"),
    ],
    others: rows.filter((one) => one.budget !== budget),
  };
}

/** "as much as losing 20 %", "more than losing 30 %", "nothing that shows". */
function costText(row: ExchangeRow): string {
  if (row.censored === "above") return `more than losing ${levelText(row.largestReduction)}`; // prettier-ignore
  return costsNothing(row)
    ? "nothing that shows"
    : `as much as losing ${equivalentText(row)}`;
}

/** The answer in one sentence; null where nothing can be compared. */
export function answer(all: readonly ExchangeSeries[]): string | null {
  if (all.length === 0) return null;
  const models = modelsOf(all);
  const known = quotesOf(all);
  if (known === null)
    return `Even on the clean data ${models.join(", ")} ${models.length === 1 ? "does" : "do"} not recognise more than always naming the commonest class would: longer training, or more images, must come before an answer.`;
  const { quotes, told } = known;
  const [only] = told.length === 1 ? told : quotes.length === 1 ? quotes : [];
  if (only) return exchangeSentence(only.row, only.model);
  const rate = rounded(mean(quotes.map(({ row }) => row.effectiveRate)) ?? 0);
  if (told.length === 0)
    return `These runs cannot tell what ${rate} wrong labels cost: for every model it may be nothing, and it may be more than the most that was removed.`;
  const cost = ({ row }: Quote) =>
    row.censored === "above" ? Infinity : (row.equivalentReduction ?? 0);
  const sorted = [...told].sort((a, b) => cost(a) - cost(b));
  const [least, most] = [sorted[0]!, sorted.at(-1)!];
  const [low, high] = [costText(least.row), costText(most.row)];
  const whom = told.length === models.length ? "every model" : told.map(({ model }) => model).join(", "); // prettier-ignore
  const of = (text: string) => text.startsWith("nothing") ? text : `${text} of the data`; // prettier-ignore
  if (low === high) return `${rate} wrong labels cost ${whom} ${of(low)}.`;
  return cost(least) > 0 && cost(most) < Infinity
    ? `${rate} wrong labels cost ${low} (${least.model}) to ${equivalentText(most.row)} (${most.model}) of the data.`
    : `${rate} wrong labels cost from ${low} (${least.model}) to ${of(high)} (${most.model}).`;
}

/** " (95 % interval 12 to 40 %, one training draw)"; nothing where no row has one. */
function intervalsText(rows: readonly Quote[]): string {
  const known = rows.flatMap(({ model, row }) => {
    const text = intervalText(row);
    return text === null ? [] : [{ model, row, text }];
  });
  if (known.length === 0) return "";
  const few = known.filter(({ row }) => row.interval === "bootstrap");
  const draws = few.length === 0 ? "" : `${rows.length > 1 ? ";" : ","} ${trainingDraws(few.map(({ row }) => row.seeds))}`; // prettier-ignore
  return rows.length === 1
    ? ` (95 % interval ${known[0]!.text}${draws})`
    : ` (95 % intervals: ${known.map(({ model, text }) => `${model} ${text}`).join(", ")}${draws})`;
}

/** How the answer is to be read: intervals, noise level, budget, and who is not in it. */
export function answerNote(series: readonly ExchangeSeries[]): string | null {
  const known = quotesOf(series);
  if (!known) return null;
  const { noiseLevel, budget, quotes, told, leftOut, others } = known;
  const also = others.map((one) => {
    const value = isOpen(one.row)
      ? "these runs cannot tell"
      : `${equivalentText(one.row)}${intervalsText([one])}`;
    return ` At equal ${one.budget}, ${one.model}: ${value}.`;
  });
  return (
    `At a noise level of ${levelText(noiseLevel)}${intervalsText(told.length > 0 ? told : quotes)}` +
    `; the smaller training sets were ${BUDGET_TEXT[budget]}.` +
    also.join("") +
    (leftOut.length > 0 ? ` Left out: ${leftOut.join("; ")}.` : "")
  );
}
