/**
 * The claims of both studies, each tested on a sweep's runs with a stated criterion: the objects of claims.json.
 * docs/claims.md lists them for readers.
 */
import { impactClaims } from "./claims-impact.js";
import { ladderClaims } from "./claims-ladder.js";
import type { RateTable } from "./rate-table.js";

export type Verdict = "held" | "not held" | "inconclusive" | "not tested";

/** What is known of the runs besides their rates. */
export interface StudyFacts {
  /** The name of the data set; of a path its last part. */
  readonly data: string;
  /** Training images before reduction. */
  readonly trainImages: number;
  readonly noiseKind: string;
}

export interface ClaimStudy {
  readonly table: RateTable;
  readonly facts: StudyFacts;
}

/** What came of testing a claim. */
export interface Finding {
  readonly verdict: Verdict;
  readonly evidence: string;
}

export interface Claim {
  readonly id: string;
  readonly study: "impact-index" | "dirty-data";
  /** The claim in a sentence. */
  readonly claim: string;
  /** When it counts as held and when as not held; anything between is inconclusive. */
  readonly criterion: string;
  readonly test: (study: ClaimStudy) => Finding;
}

/** An entry of claims.json. */
export interface ClaimResult extends Finding {
  readonly id: string;
  readonly study: Claim["study"];
  readonly claim: string;
  readonly criterion: string;
}

export const claims: readonly Claim[] = [...impactClaims, ...ladderClaims];

/** The array of claims.json. Evidence of a tested claim names the data that it was tested on. */
export function testClaims(study: ClaimStudy): ClaimResult[] {
  const { data, trainImages, noiseKind } = study.facts;
  return claims.map(({ id, study: of, claim, criterion, test }) => {
    const { verdict, evidence } = test(study);
    const where = `On ${data}, ${trainImages} training images, ${noiseKind} noise: `;
    return {
      id,
      study: of,
      claim,
      criterion,
      verdict,
      evidence: verdict === "not tested" ? evidence : where + evidence,
    };
  });
}

/** Reads claims.json's text as it was written. */
export function claimsJson(results: readonly ClaimResult[]): string {
  return `${JSON.stringify(results, undefined, 2)}\n`;
}
