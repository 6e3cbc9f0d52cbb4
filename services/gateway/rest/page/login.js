// The login: at the start, and whenever a session has ended. Password and token are kept in no storage.

import * as api from "./api.js";
import { byId } from "./dom.js";
import { inWords } from "./words.js";

const form = byId("login-form");
const message = byId("login-message");
const username = byId("username");
const password = byId("password");

/** @type {Promise<void> | null} */
let underWay = null;

/**
 * Show the login in place of the rest; done once somebody is logged in.
 * @param {string} why what is said above the form
 */
export function logIn(why = "") {
  underWay ??= ask(why).finally(() => (underWay = null));
  return underWay;
}

/**
 * Do what needs a token; where the session has ended, do it again after another login.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function loggedIn(work) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof api.Problem && error.status === 401)) throw error;
      await logIn("Your session has ended. Log in to go on; your file and choices are kept.");
    }
  }
}

byId("log-out").addEventListener("click", () => location.reload());

/** @param {string} why */
function ask(why) {
  show(true);
  say(why);
  (username.value ? password : username).focus();
  return /** @type {Promise<void>} */ (
    new Promise((done) => {
      form.onsubmit = async (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        if (await admitted()) done();
      };
    })
  );
}

async function admitted() {
  const button = byId("log-in");
  button.disabled = true;
  try {
    await api.logIn(username.value, password.value);
  } catch (error) {
    const { title, detail, advice } = inWords(error);
    say([title, detail, advice].filter(Boolean).join(" "));
    password.focus();
    return false;
  } finally {
    button.disabled = false;
    password.value = "";
  }
  byId("account-name").textContent = username.value;
  show(false);
  return true;
}

/** @param {string} text */
function say(text) {
  message.textContent = text;
  message.hidden = !text;
}

/** @param {boolean} isLogin */
function show(isLogin) {
  byId("login").hidden = !isLogin;
  byId("app").hidden = byId("account").hidden = isLogin;
}
