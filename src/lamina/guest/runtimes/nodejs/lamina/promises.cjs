// One answer from a handler of nodejs24.x and later: what it returns, or promises, and nothing else.
"use strict";

const { context } = require("./context.cjs");
const errors = require("./errors.cjs");
const { neverMind, whenEmpty } = require("./event_loop.cjs");
const log = require("./log.cjs");

/** A function that has *handler* answer one invocation and promises the moment when it has its answer. */
function answers(invocations, { call }) {
  return async ({ requestId, headers, payload }) => {
    let finish;
    whenEmpty(invocations.giveUp);
    try {
      const trace = { xRayTraceId: headers["lambda-runtime-trace-id"] };
      const value = await call(JSON.parse(payload), Object.assign(context(headers, process.env), trace));
      const json = serialised(value);
      finish = () => invocations.respond(requestId, json);
    } catch (error) {
      finish = () => {
        log.failure("Invoke Error", error);
        return invocations.respondError(requestId, error);
      };
    }
    // A promise of the function's that was rejected meanwhile, and not caught, decides the outcome.
    await new Promise(setImmediate);
    neverMind();
    await finish();
  };
}

function serialised(value) {
  try {
    return JSON.stringify(value === undefined ? null : value) ?? "null";
  } catch {
    throw new errors.JSONStringifyError("Unable to stringify response body");
  }
}

module.exports = { answers };
