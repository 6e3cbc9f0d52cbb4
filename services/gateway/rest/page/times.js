// Times on a zone's own clock.

/** @typedef {ReturnType<typeof clockOf>} Clock */

/**
 * The clock of a zone. Times go in as milliseconds since 1970 UTC.
 * @param {string} zone IANA name; UTC is taken where the browser does not know it
 */
export function clockOf(zone) {
  const timeZone = known(zone) ? zone : "UTC";
  /** @param {Intl.DateTimeFormatOptions} options */
  const format = (options) => {
    const made = new Intl.DateTimeFormat("en-GB", { timeZone, ...options });
    return (/** @type {number} */ ms) => made.format(ms);
  };
  const date = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
  const named = new Intl.DateTimeFormat("en-GB", { timeZone, timeZoneName: "longOffset" });

  /** @param {number} ms */
  const offset = (ms) => {
    const name = named.formatToParts(ms).find((part) => part.type === "timeZoneName")?.value ?? "";
    return name.replace("GMT", "").replace("−", "-") || "+00:00";
  };

  return {
    zone: timeZone,
    /** Hour and minute: 11:30. */
    time: format({ hour: "2-digit", minute: "2-digit" }),
    /** Wed, 21 Jul 2021. */
    day: format({ weekday: "short", day: "numeric", month: "short", year: "numeric" }),
    /** Wed, 21 Jul. */
    shortDay: format({ weekday: "short", day: "numeric", month: "short" }),
    /** From UTC: +02:00. */
    offset,
    /**
     * ISO 8601 with the offset: 2021-07-21T11:30:00+02:00.
     * @param {number} ms
     */
    iso: (ms) => date.format(ms).replace(" ", "T") + offset(ms),
  };
}

/** @param {string} zone */
function known(zone) {
  try {
    return Boolean(new Intl.DateTimeFormat("en-GB", { timeZone: zone }));
  } catch {
    return false;
  }
}
