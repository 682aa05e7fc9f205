/** Orders of the classes for confusion matrices, and the confusions that stand out. */

/** counts[t][p] images of class t predicted as p. */
export type Counts = readonly (readonly number[])[];

/** Adds matrices cell by cell. */
export function addCounts(all: readonly Counts[]): number[][] {
  return all[0]!.map((row, t) =>
    row.map((_, p) => all.reduce((sum, counts) => sum + counts[t]![p]!, 0)),
  );
}

const sum = (row: readonly number[]): number => row.reduce((a, b) => a + b, 0);

/** Share of class t's images predicted as p; 0 without images. */
export function shareOf(counts: Counts, t: number, p: number): number {
  const support = sum(counts[t]!);
  return support === 0 ? 0 : counts[t]![p]! / support;
}

/** Classes by their recall, the best recognised first. */
export function orderByRecall(counts: Counts): number[] {
  const recall = counts.map((_, t) => shareOf(counts, t, t));
  return recall.map((_, t) => t).sort((a, b) => recall[b]! - recall[a]!);
}

/**
 * An order in which classes that are taken for each other stand side by side: the leaves of average-linkage clustering
 * on the confusion in both directions. Two clusters join with the ends together that are alike most.
 */
export function orderByConfusion(counts: Counts): number[] {
  const likeness = counts.map((_, a) =>
    counts.map((_, b) => shareOf(counts, a, b) + shareOf(counts, b, a)),
  );
  let clusters = counts.map((_, c) => [c]);
  // Sums of likeness between clusters: average linkage divides by their sizes.
  let links = likeness.map((row) => [...row]);
  while (clusters.length > 1) {
    let best: [number, number, number] = [-1, 0, 1];
    for (let a = 0; a < clusters.length; a++) {
      for (let b = a + 1; b < clusters.length; b++) {
        const link = links[a]![b]! / (clusters[a]!.length * clusters[b]!.length); // prettier-ignore
        if (link > best[0]) best = [link, a, b];
      }
    }
    const [, a, b] = best;
    const joined = joinEnds(clusters[a]!, clusters[b]!, likeness);
    const rest = clusters.map((_, c) => c).filter((c) => c !== a && c !== b);
    const merged = rest.map((c) => links[a]![c]! + links[b]![c]!);
    links = [
      ...rest.map((c, i) => [...rest.map((d) => links[c]![d]!), merged[i]!]),
      [...merged, 0],
    ];
    clusters = [...rest.map((c) => clusters[c]!), joined];
  }
  return clusters[0] ?? [];
}

function joinEnds(
  first: readonly number[],
  second: readonly number[],
  likeness: readonly (readonly number[])[],
): number[] {
  const ways = [
    [first, second],
    [first, [...second].reverse()],
    [[...first].reverse(), second],
    [second, first],
  ] as const;
  const fit = ([left, right]: (typeof ways)[number]): number =>
    likeness[left.at(-1)!]![right[0]!]!;
  const [left, right] = ways.reduce((a, b) => (fit(b) > fit(a) ? b : a));
  return [...left, ...right];
}

/** The largest shares off the diagonal. */
export function topConfusions(
  counts: Counts,
  limit: number,
): { truth: number; predicted: number; share: number }[] {
  return counts
    .flatMap((row, truth) =>
      row.map((_, predicted) => ({
        truth,
        predicted,
        share: shareOf(counts, truth, predicted),
      })),
    )
    .filter(({ truth, predicted, share }) => truth !== predicted && share > 0)
    .sort((a, b) => b.share - a.share)
    .slice(0, limit);
}
