/** Where the keyboard is after a click that disables or removes what was clicked: on what can be done next. */

type Next = "start" | "stop" | "download";

let wanted: Next | undefined;

/** Asks for the focus on a button as soon as it can have it. */
export function focusNext(id: Next): void {
  wanted = id;
}

/** Called when the page has changed. */
export function moveFocus(): void {
  const { activeElement } = document;
  // A study that has ended has nothing to stop.
  if (activeElement?.matches("#stop:disabled")) wanted ??= "download";
  const button = document.querySelector<HTMLButtonElement>(`button#${wanted}`);
  if (!wanted || !button || button.disabled) return;
  wanted = undefined;
  // Somebody who has gone elsewhere meanwhile stays there.
  const lost = activeElement === document.body || activeElement === null || activeElement.matches(":disabled"); // prettier-ignore
  if (lost) button.focus({ preventScroll: true });
}
