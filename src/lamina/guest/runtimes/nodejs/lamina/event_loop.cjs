// What happens when nothing is left that could ever call the function's code again.
//
// AWS's client keeps the listener under this symbol, where tools that watch functions look for it.
"use strict";

const LISTENER = Symbol.for("aws.lambda.beforeExit");

function nothing() {}

/** Have *action* called when the event loop is empty, in place of what was to be called until now. */
function whenEmpty(action) {
  globalThis[LISTENER] = action;
}

/** Have nothing called: the process goes on, or ends, as any other. */
function neverMind() {
  whenEmpty(nothing);
}

neverMind();
process.on("beforeExit", () => globalThis[LISTENER]());

module.exports = { whenEmpty, neverMind };
