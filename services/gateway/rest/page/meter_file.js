// The file that was dropped or picked.

import { byId } from "./dom.js";
import { whole } from "./numbers.js";

/** Far more than any gateway takes: what is larger is not even read. */
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_SHOWN = 160;

/** A meter's export as it came. */
export class MeterFile {
  /**
   * @param {string} name
   * @param {Uint8Array} bytes
   */
  constructor(name, bytes) {
    this.name = name;
    this.bytes = bytes;
    this.lines = textOf(bytes).split(/\r\n|\n|\r/);
  }

  /** Rows that are not blank, the header among them. */
  get rows() {
    return this.lines.filter((line) => line.trim()).length;
  }

  /**
   * A line as an editor counts it, from 1.
   * @param {number | null} number
   */
  line(number) {
    const line = (number && this.lines[number - 1]) || "";
    return line.length > MOST_SHOWN ? `${line.slice(0, MOST_SHOWN)}…` : line;
  }
}

/** @param {Uint8Array} bytes */
function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/**
 * Have a file dropped anywhere on the page, or picked.
 * @param {(file: MeterFile) => void} taken
 */
export function onFile(taken) {
  const input = byId("file");
  const drop = byId("drop");
  input.addEventListener("change", async () => {
    const files = [...input.files];
    await take(files, taken);
    input.value = ""; // or the same file could not be picked again once it was mended
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("is-over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("is-over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault(); // or the browser would show the file in place of the page
    drop.classList.remove("is-over");
    if (!byId("app").hidden) take([...(event.dataTransfer?.files ?? [])], taken);
  });
}

/**
 * @param {File[]} files
 * @param {(file: MeterFile) => void} taken
 */
async function take(files, taken) {
  if (!files.length) return;
  const [file] = files;
  if (files.length > 1) return say("One file at a time, please.");
  if (file.size > MOST_BYTES) return say(`${file.name} is too large for a meter file.`);
  let bytes;
  try {
    bytes = new Uint8Array(await file.arrayBuffer());
  } catch {
    return say(`${file.name} cannot be read: is it a file, and may you open it?`);
  }
  show(file.name, bytes.length);
  taken(new MeterFile(file.name, bytes));
}

/**
 * @param {string} name
 * @param {number} bytes
 */
export function show(name, bytes) {
  byId("file-name").textContent = name;
  byId("file-about").textContent = `${whole(Math.max(1, bytes / 1024))} KiB. Drop or pick another one.`;
  byId("drop").classList.add("has-file");
}

/** @param {string} text */
function say(text) {
  byId("status").textContent = text;
}
