// One answer from a handler of nodejs20.x or nodejs22.x: by its promise, its callback, or the methods of its context.
"use strict";

const { context } = require("./context.cjs");
const { neverMind, whenEmpty } = require("./event_loop.cjs");
const log = require("./log.cjs");

/** A function that has *handler* answer one invocation and promises the moment when it has its answer. */
function answers(invocations, { call }) {
  return ({ requestId, headers, payload }) =>
    new Promise((resolve, reject) => {
      let waits = true;
      const succeedNow = (value) => invocations.respond(requestId, serialised(value)).then(resolve, reject);
      const failNow = (error) => {
        log.failure("Invoke Error", error);
        invocations.respondError(requestId, error).then(resolve, reject);
      };
      const done = (error, value) => {
        neverMind();
        if (isNothing(error)) {
          succeedNow(value);
        } else {
          failNow(error);
        }
      };
      const callback = (error, value) => {
        if (isNothing(error) && waits) {
          whenEmpty(() => setImmediate(succeedNow, value));
        } else {
          done(error, value);
        }
      };
      const first = firstOnly();
      const finish = {
        get callbackWaitsForEmptyEventLoop() {
          return waits;
        },
        set callbackWaitsForEmptyEventLoop(value) {
          waits = value;
        },
        succeed: first((value) => done(null, value)),
        fail: first((error) => done(isNothing(error) ? "handled" : error)),
        done: first(done),
      };
      const finishByCallback = first(callback);
      // A function that lets its event loop run empty without a word has answered, with nothing.
      whenEmpty(() => succeedNow(null));
      try {
        const given = Object.assign(finish, context(headers, process.env));
        const result = call(JSON.parse(payload), given, finishByCallback);
        if (typeof result?.then === "function") {
          result.then(given.succeed, given.fail).catch(given.fail);
        }
      } catch (error) {
        finishByCallback(error);
      }
    });
}

/** A wrapper for the ways to finish: only the first that is taken counts, unless it throws. */
function firstOnly() {
  let finished = false;
  return (finish) =>
    (...values) => {
      if (!finished) {
        finish(...values);
        finished = true;
      }
    };
}

function isNothing(error) {
  return error === undefined || error === null;
}

function serialised(value) {
  try {
    // A function, or a symbol, has no JSON either.
    return JSON.stringify(value === undefined ? null : value) ?? "null";
  } catch {
    throw new Error("Unable to stringify response body");
  }
}

module.exports = { answers };
