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

/** The level of an interval: 80%, 99.5%. @type {(level: number) => string} */
export const levelled = new Intl.NumberFormat(LOCALE, { style: "percent", maximumFractionDigits: 4 }).format;

/** @type {(count: number) => string} */
export const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 }).format;

/**
 * So many of something: 1 hour, 2 hours.
 * @param {number} count
 * @param {string} one
 */
export function counted(count, one) {
  return `${whole(count)} ${one}${count === 1 ? "" : "s"}`;
}

/**
 * A length of time in words.
 * @param {number} seconds
 */
export function duration(seconds) {
  const inMinutes = seconds >= 120;
  return inMinutes ? counted(Math.ceil(seconds / 60), "minute") : counted(Math.ceil(seconds), "second");
}
