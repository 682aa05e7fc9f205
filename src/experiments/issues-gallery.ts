/** The gallery of suspects: one self-contained page to look through and to mark what is really wrong, keyboard included. */
import { csvLink, escapeHtml, percent } from "./report/html.js";
import { styleSheet } from "./report/style.js";

export interface GalleryItem {
  readonly rank: number;
  /** The image's path, or its number in a data set without paths. */
  readonly name: string;
  readonly given: string;
  readonly suggested: string;
  readonly selfConfidence: number;
  readonly suggestedConfidence: number;
  /** A `data:` address. */
  readonly thumbnail: string;
}

export interface Gallery {
  /** The data set's name. */
  readonly title: string;
  /** A few sentences on what was done, as text. */
  readonly summary: readonly string[];
  readonly items: readonly GalleryItem[];
  /** issues.csv, to be had from the page too. */
  readonly csv: string;
}

const RULES = `
main,header{max-width:84rem}
.tools{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:.6rem 1.2rem;align-items:center;padding:.7rem 0;background:var(--paper);border-bottom:1px solid var(--rule);font-size:.92rem}
.tools select,.tools button{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--rule);border-radius:6px;padding:.3rem .7rem;cursor:pointer}
.tools button:disabled{color:var(--muted);cursor:default}
.gallery{list-style:none;margin:1.4rem 0;padding:0;max-width:none;display:grid;grid-template-columns:repeat(auto-fill,minmax(10.5rem,1fr));gap:1rem}
.gallery label{display:block;height:100%;border:1px solid var(--rule);border-radius:8px;padding:.6rem;cursor:pointer;font-size:.85rem;line-height:1.35}
.gallery label:hover{border-color:var(--muted)}
.gallery label:focus-within{outline:2px solid var(--reduction);outline-offset:2px}
.gallery label:has(:checked){border-color:var(--noise);box-shadow:inset 0 0 0 1px var(--noise)}
.gallery img{display:block;width:100%;aspect-ratio:1;object-fit:contain;image-rendering:auto;background:var(--wash);border-radius:4px;margin-bottom:.5rem}
.gallery img.small{image-rendering:pixelated}
.gallery input{accent-color:var(--noise);margin:0 .4em 0 0;vertical-align:-.1em}
.gallery input:focus-visible{outline:none}
.gallery b{overflow-wrap:anywhere}
.gallery .name,.gallery .share{display:block;color:var(--muted);overflow-wrap:anywhere}
@media print{.tools{display:none}.gallery li{break-inside:avoid}}
`.trim();

/** Filter, arrow keys, and the marked ones as a CSV file. Without it the page still shows everything. */
const SCRIPT = `
const cards = [...document.querySelectorAll(".gallery li")];
const boxOf = (card) => card.querySelector("input");
const filter = document.querySelector("#filter");
const save = document.querySelector("#save");
const shown = () => cards.filter((card) => !card.hidden);
document.querySelector(".tools").hidden = false;
filter.addEventListener("change", () => {
  for (const card of cards) card.hidden = filter.value !== "" && card.dataset.given !== filter.value;
});
const marked = () => cards.filter((card) => boxOf(card).checked);
document.querySelector(".gallery").addEventListener("change", () => {
  save.disabled = marked().length === 0;
  save.textContent = "Save " + marked().length + " marked (CSV)";
});
const cell = (text) => /[",\\r\\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
save.addEventListener("click", () => {
  const rows = marked().map((card) => [card.dataset.name, card.dataset.given, card.dataset.suggested].map(cell).join(","));
  const link = document.createElement("a");
  link.download = "marked.csv";
  link.href = "data:text/csv;charset=utf-8," + encodeURIComponent(["image,given,suggested", ...rows].join("\\n") + "\\n");
  link.click();
});
document.addEventListener("keydown", (event) => {
  const card = document.activeElement.closest(".gallery li");
  if (!card) return;
  const list = shown();
  const top = list[0].offsetTop;
  const columns = Math.max(1, list.findIndex((other) => other.offsetTop > top)) || list.length;
  const move = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  const next = move && list[list.indexOf(card) + move];
  if (!move) return;
  event.preventDefault();
  if (next) boxOf(next).focus();
});
`.trim();

/** The whole page. */
export function galleryPage({ title, summary, items, csv }: Gallery): string {
  const classes = [...new Set(items.map(({ given }) => given))].sort();
  const options = classes.map(
    (name) =>
      `<option value="${escapeHtml(name)}">${escapeHtml(name)}</option>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';img-src data:;style-src 'unsafe-inline';script-src 'unsafe-inline'">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}: labels to check</title>
<style>
${styleSheet()}
${RULES}
</style>
</head>
<body>
<header>
<p class="kicker">tarnish issues</p>
<h1>${escapeHtml(title)}: labels to check</h1>
${summary.map((line) => `<p>${escapeHtml(line)}</p>`).join("\n")}
<p class="note">Most suspicious first. Mark what is really wrong (space; arrow keys move) and save the list. All images: ${csvLink("issues.csv", csv)}</p>
</header>
<main>
<div class="tools" hidden>
<label>Given label <select id="filter"><option value="">all</option>${options.join("")}</select></label>
<button id="save" type="button" disabled>Save 0 marked (CSV)</button>
</div>
${items.length === 0 ? "<p>No label looks wrong with confidence.</p>" : ""}
<ol class="gallery">
${items.map(card).join("\n")}
</ol>
</main>
<script>
${SCRIPT}
</script>
</body>
</html>
`;
}

function card(item: GalleryItem): string {
  const { rank, name, given, suggested, thumbnail } = item;
  // Pixels of a tiny image are shown as they are, a photograph is scaled smoothly.
  const small = thumbnail.startsWith("data:image/png") ? ' class="small"' : "";
  const data = Object.entries({ name, given, suggested })
    .map(([key, value]) => ` data-${key}="${escapeHtml(value)}"`)
    .join("");
  return (
    `<li${data}><label><img${small} src="${thumbnail}" alt="${escapeHtml(`${name}, labelled ${given}`)}">` +
    `<input type="checkbox">${rank}. <b>${escapeHtml(given)}</b> or <b>${escapeHtml(suggested)}</b>?` +
    `<span class="share">${percent(item.selfConfidence)} or ${percent(item.suggestedConfidence)}</span>` +
    `<span class="name">${escapeHtml(name)}</span></label></li>`
  );
}
