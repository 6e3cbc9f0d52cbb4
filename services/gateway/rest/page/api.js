// Calls of the gateway. The token is kept here, in memory, and nowhere else.

/** @typedef {{level: number, lower_kw: number, upper_kw: number}} Interval */
/** @typedef {{valid_from: string, valid_to: string, kw: number, intervals: Interval[]}} ForecastStep */
/** @typedef {{rule: string, row: number | null, line: number | null, column: string | null, message: string}} Violation */
/** @typedef {{from: string, until: string, steps: number, method: string}} Repair */
/**
 * @typedef {object} Forecast
 * @property {string} model
 * @property {number} model_version
 * @property {string} resolution
 * @property {string} time_zone
 * @property {string} data_from
 * @property {string} data_until
 * @property {ForecastStep[]} steps
 * @property {Repair[]} repaired
 * @property {Violation[]} warnings
 * @property {string | null} fallback_reason
 * @property {{start: string, kw: (number | null)[]}} history
 */
/** @typedef {{mae_kw: number, rmse_kw: number, naive_mae_kw: Record<string, number>, data_from: string, data_until: string}} Training */
/** @typedef {{version: number, window: number, horizon: number, resolution: string, time_zone: string, training: Training | null}} Version */
/** @typedef {{name: string, state: string, reason: string | null, version: Version | null}} Model */
/** @typedef {{mae_kw: number, coverage_80: number | null, coverage_95: number | null}} Errors coverages where there are such intervals */
/**
 * @typedef {object} Backtest
 * @property {number} model_version
 * @property {number} windows
 * @property {number} stride
 * @property {string} data_from
 * @property {string} data_until
 * @property {number} mae_kw
 * @property {number} rmse_kw
 * @property {number | null} coverage_80
 * @property {number | null} coverage_95
 * @property {Record<string, {mae_kw: number, rmse_kw: number, skill: number}>} naive
 * @property {(Errors & {step: number})[]} by_step
 */

const QUICK_MS = 20_000;
const UPLOAD_MS = 150_000;
/** Above what the gateway itself takes for each, so that its own words are heard. */
const BACKTEST_MS = 240_000;

let token = "";

/** A call that was not answered as it should be. */
export class Problem extends Error {
  /**
   * @param {number} status of HTTP; 0 where nothing was answered at all
   * @param {{title?: string, detail?: string, reason?: string, error?: string, errors?: Violation[]}} said
   * @param {number} [retryAfterS]
   */
  constructor(status, said, retryAfterS = 0) {
    super(said.detail ?? "");
    this.status = status;
    this.title = said.title ?? "";
    this.reason = said.reason ?? said.error ?? "";
    this.errors = said.errors ?? [];
    this.retryAfterS = retryAfterS;
  }
}

/**
 * Log in. Raises Problem.
 * @param {string} username
 * @param {string} password
 */
export async function logIn(username, password) {
  const body = new URLSearchParams({ grant_type: "password", username, password });
  token = "";
  token = (await call("token", QUICK_MS, { method: "POST", body })).access_token;
}

/** @returns {Promise<Model[]>} */
export async function models() {
  return (await call("v1/models", QUICK_MS)).models;
}

/**
 * @param {string} name
 * @returns {Promise<Model>}
 */
export function model(name) {
  return call(`v1/models/${encodeURIComponent(name)}`, QUICK_MS);
}

/**
 * @param {string} name of the model
 * @param {Uint8Array} csv
 * @param {Record<string, string>} options
 * @returns {Promise<Forecast>}
 */
export function forecast(name, csv, options) {
  return upload(`${encodeURIComponent(name)}:forecast`, csv, { ...options, history: "true" }, UPLOAD_MS);
}

/**
 * @param {string} name of the model
 * @param {Uint8Array} csv
 * @param {Record<string, string>} options
 * @returns {Promise<Backtest>}
 */
export function backtest(name, csv, options) {
  return upload(`${encodeURIComponent(name)}:backtest`, csv, options, BACKTEST_MS);
}

/**
 * @param {string} verb
 * @param {Uint8Array} csv
 * @param {Record<string, string>} options
 * @param {number} patienceMs
 */
function upload(verb, csv, options, patienceMs) {
  return call(`v1/models/${verb}?${new URLSearchParams(options)}`, patienceMs, {
    method: "POST",
    body: new Blob([/** @type {BlobPart} */ (csv)]),
    headers: { "Content-Type": "text/csv" },
  });
}

/**
 * @param {string} path from the page, which may be below another
 * @param {number} patienceMs
 * @param {RequestInit} [request]
 * @returns {Promise<any>} what was answered
 */
async function call(path, patienceMs, request = {}) {
  const headers = { ...request.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  const signal = AbortSignal.timeout(patienceMs);
  let response, said;
  try {
    response = await fetch(path, { ...request, headers, signal, credentials: "omit", redirect: "error" });
    said = await response.json().catch(() => ({}));
  } catch {
    throw new Problem(0, { reason: signal.aborted ? "TIMEOUT" : "UNREACHABLE" });
  }
  if (response.ok) return said;
  throw new Problem(response.status, said, Number(response.headers.get("Retry-After")));
}
