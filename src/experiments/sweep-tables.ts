/** Everything that the tables of a sweep say, from its finished runs. Runs in a browser as in Node. */
import { claimsJson, testClaims, type ClaimResult } from "./claims.js";
import { exchangeRows } from "./exchange.js";
import { jsonText } from "./json.js";
import { exchangeCsv, impactCsv, sensitivityCsv } from "./measure-tables.js";
import {
  type Concordance,
  concordance,
  type ExchangeRow,
  type ImpactRow,
  impactRows,
  type SensitivityRow,
  sensitivityRows,
} from "./measures.js";
import { RateTable } from "./rate-table.js";
import type { FinishedRun } from "./run-reading.js";
import { type ResultRow, resultsCsv } from "./tables.js";

export interface StudyMeasures {
  readonly impact: readonly ImpactRow[];
  readonly exchange: readonly ExchangeRow[];
  readonly sensitivity: readonly SensitivityRow[];
  readonly concordance: Concordance;
  readonly claims: readonly ClaimResult[];
}

/** The measures of runs on the same classes and test images. */
export function measureStudy(runs: readonly FinishedRun[]): StudyMeasures {
  const table = new RateTable({
    classes: runs[0]?.classes ?? [],
    testLabels: runs.find((run) => run.testLabels)?.testLabels ?? null,
    runs: runs.map(({ rates }) => rates),
  });
  const [clean] = [...runs].sort((a, b) => b.trainImages - a.trainImages);
  const noisy = runs.find(({ rates }) => rates.arm === "noise");
  return {
    impact: impactRows(table),
    exchange: exchangeRows(table),
    sensitivity: sensitivityRows(table),
    concordance: concordance(table),
    claims: testClaims({
      table,
      facts: {
        data: clean?.data ?? "no data",
        trainImages: clean?.trainImages ?? 0,
        noiseKind: noisy?.noiseKind ?? "no",
      },
    }),
  };
}

/** The tables of a sweep folder by file name. */
export function tableFiles(
  results: readonly ResultRow[],
  measures: StudyMeasures,
): Record<string, string> {
  return {
    "results.csv": resultsCsv(results),
    "impact.csv": impactCsv(measures.impact),
    "exchange.csv": exchangeCsv(measures.exchange),
    "sensitivity.csv": sensitivityCsv(measures.sensitivity),
    "concordance.json": jsonText(measures.concordance),
    "claims.json": claimsJson(measures.claims),
  };
}
