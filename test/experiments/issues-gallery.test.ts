import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { galleryPage } from "../../src/experiments/issues-gallery.js";

const item = {
  rank: 3,
  name: `<img src=x onerror="alert(1)">.jpg`,
  given: `cat "& dog'`,
  suggested: "</script><b>",
  selfConfidence: 0.125,
  suggestedConfidence: 0.75,
  thumbnail: "data:image/png;base64,iVBORw0KGgo=",
};
const page = galleryPage({
  title: "<photos>",
  summary: ["3 < 4"],
  items: [item],
  csv: 'a,"<b>"\n',
});

describe("the gallery", () => {
  const { document } = parseHTML(page);

  it("shows names as text, whatever is in them", () => {
    expect(document.querySelector("title")!.textContent).toBe(
      "<photos>: labels to check",
    );
    expect(document.querySelectorAll("img")).toHaveLength(1);
    expect(document.querySelectorAll("script")).toHaveLength(1);
    const card = document.querySelector(".gallery li")!;
    expect(card.getAttribute("data-name")).toBe(item.name);
    expect(card.getAttribute("data-given")).toBe(item.given);
    expect([...card.querySelectorAll("b")].map((b) => b.textContent)).toEqual([
      item.given,
      item.suggested,
    ]);
    expect(card.querySelector(".share")!.textContent).toBe(
      "12.5\u00a0% or 75.0\u00a0%",
    );
  });

  it("needs nothing from anywhere, and asks a browser to see to that", () => {
    expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
    expect(page).not.toMatch(/https?:/);
    expect(
      document.querySelector("meta[http-equiv]")!.getAttribute("content"),
    ).toMatch(/^default-src 'none'/);
  });

  it("says so where there is nothing to show", () => {
    expect(
      galleryPage({ title: "t", summary: [], items: [], csv: "" }),
    ).toContain("No label looks wrong with confidence.");
  });
});
