import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { claims } from "../../src/experiments/claims.js";

const words = (text: string) => text.replaceAll(/\s+/g, " ");

it("docs/claims.md lists every claim with its criterion, and no other", () => {
  const url = new URL("../../docs/claims.md", import.meta.url);
  const text = words(readFileSync(url, "utf8"));
  for (const { id, claim, criterion } of claims)
    expect(text).toContain(words(`| \`${id}\` | ${claim} | ${criterion} |`));
  const listed = [...text.matchAll(/\| `([a-z0-9-]+)` \|/g)].map(([, id]) => id); // prettier-ignore
  expect(listed).toEqual(claims.map(({ id }) => id));
});
