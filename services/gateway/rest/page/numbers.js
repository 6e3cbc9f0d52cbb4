// Numbers as people read them.

const LOCALE = "en-GB";

/**
 * Says powers of about the same size: more decimals where they are small.
 * @param {(number | null)[]} kw
 * @returns {(kw: number) => string}
 */
export function powers(kw) {
  const largest = Math.max(...kw.map((value) => Math.abs(value ?? 0)));
  const decimals = largest >= 100 ? 1 : largest >= 1 ? 2 : 3;
  const format = new Intl.NumberFormat(LOCALE, {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
  return (value) => format.format(value);
}

/** @type {(share: number) => string} */
export const percent = new Intl.NumberFormat(LOCALE, { style: "percent" }).format;

/** @type {(count: number) => string} */
export const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 }).format;

/**
 * A length of time in words.
 * @param {number} seconds
 */
export function duration(seconds) {
  const inMinutes = seconds >= 120;
  const count = inMinutes ? Math.ceil(seconds / 60) : Math.ceil(seconds);
  return `${count} ${inMinutes ? "minute" : "second"}${count === 1 ? "" : "s"}`;
}
