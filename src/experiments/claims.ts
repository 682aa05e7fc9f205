/** The claims of both studies, each tested on a sweep's runs with a stated criterion: the objects of claims.json. */

export type Verdict = "held" | "not held" | "inconclusive" | "not tested";

/** An entry of claims.json. */
export interface ClaimResult {
  readonly id: string;
  readonly study: "impact-index" | "dirty-data";
  /** The claim in a sentence. */
  readonly claim: string;
  /** When it counts as held, in a sentence. */
  readonly criterion: string;
  readonly verdict: Verdict;
  /** The numbers, in a sentence or a few; of an untested claim: what is missing. */
  readonly evidence: string;
}
