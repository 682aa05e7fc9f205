/** Numbers as the page shows them. */

// Made with the page: the first one made loads the browser's tables, which takes a while.
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** "1,234" */
export const counted = (n: number): string => whole.format(n);

/** "12.5 %", which no line break parts. */
export const percent = (share: number, digits: number): string =>
  `${(100 * share).toFixed(digits)}\u00a0%`;
