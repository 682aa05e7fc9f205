/** The published claims, each with its verdict on this sweep and the numbers behind it. */
import type { ClaimResult, Verdict } from "../claims.js";
import { escapeHtml } from "./html.js";

const STUDY_TITLE: Readonly<Record<ClaimResult["study"], string>> = {
  "impact-index": "Impact Index (Alectio, 2020)",
  "dirty-data": "Dirty-data ladder (Hive, 2019)",
};

const VERDICTS: readonly Verdict[] = [
  "held",
  "not held",
  "inconclusive",
  "not tested",
];

/** "5 held, 2 not held, 1 not tested". */
export function tally(claims: readonly ClaimResult[]): string {
  return VERDICTS.map((verdict) => ({
    verdict,
    count: claims.filter((claim) => claim.verdict === verdict).length,
  }))
    .filter(({ count }) => count > 0)
    .map(({ verdict, count }) => `${count} ${verdict}`)
    .join(", ");
}

function claimHtml(claim: ClaimResult): string {
  return (
    `<li class="claim"><p class="verdict" data-verdict="${claim.verdict}">${escapeHtml(claim.verdict)}</p>` +
    `<div><p><strong>${escapeHtml(claim.claim)}</strong></p><p>${escapeHtml(claim.evidence)}</p>` +
    `<p class="aside">Criterion: ${escapeHtml(claim.criterion)}</p></div></li>`
  );
}

/** The section; empty where nothing was tested. What this sweep does not test is folded away. */
export function claimsHtml(claims: readonly ClaimResult[]): string {
  const tested = claims.filter(({ verdict }) => verdict !== "not tested");
  if (claims.length === 0) return "";
  const list = (some: readonly ClaimResult[]): string =>
    (["impact-index", "dirty-data"] as const)
      .map((study) => {
        const own = some.filter((claim) => claim.study === study);
        return own.length === 0
          ? ""
          : `<h3>${STUDY_TITLE[study]}</h3><ul class="claims">${own.map(claimHtml).join("")}</ul>`;
      })
      .join("");
  const rest = claims.filter(({ verdict }) => verdict === "not tested");
  return (
    `<section><h2 id="claims">Published claims, tested here</h2><p>${tally(claims)}.</p>` +
    list(tested) +
    (rest.length > 0
      ? `<details><summary>Not tested by this sweep (${rest.length})</summary>${list(rest)}</details>`
      : "") +
    `</section>`
  );
}
