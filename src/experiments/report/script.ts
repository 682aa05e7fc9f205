/**
 * The page's only script: turns a figure's panels into a choice. Without it every panel is simply visible.
 * Native radio buttons and lists, so that the keyboard and screen readers work as everywhere.
 */
export const SCRIPT = `
for (const figure of document.querySelectorAll("[data-choice]")) {
  const panels = [...figure.querySelectorAll(".panel")];
  const show = (k) => panels.forEach((panel, i) => { panel.hidden = i !== k; });
  const field = document.createElement("fieldset");
  field.className = "choice";
  const legend = document.createElement("legend");
  legend.textContent = figure.dataset.choice;
  field.append(legend);
  if (panels.length > 14) {
    const list = document.createElement("select");
    list.setAttribute("aria-label", figure.dataset.choice);
    panels.forEach((panel, k) => list.append(new Option(panel.dataset.label, k)));
    list.addEventListener("change", () => show(list.selectedIndex));
    field.append(list);
  } else {
    panels.forEach((panel, k) => {
      const label = document.createElement("label");
      const input = document.createElement("input");
      input.type = "radio";
      input.name = figure.id;
      input.checked = k === 0;
      input.addEventListener("change", () => show(k));
      const text = document.createElement("span");
      text.textContent = panel.dataset.label;
      label.append(input, text);
      field.append(label);
    });
  }
  figure.prepend(field);
  figure.classList.add("chosen");
  show(0);
}
`.trim();
