// One answer in pieces, from a handler that awslambda.streamifyResponse has marked.
"use strict";

const { context } = require("./context.cjs");
const { neverMind, whenEmpty } = require("./event_loop.cjs");
const log = require("./log.cjs");
const { ResponseStream } = require("./response_stream.cjs");

/** A function that has *handler* answer one invocation and promises the moment when the next may come. */
function answers(invocations, { call, highWaterMark }, release) {
  return async ({ requestId, headers, payload }) => {
    const open = (...rest) => invocations.openResponse(requestId, ...rest);
    const stream = new ResponseStream(open, highWaterMark);
    let waits = release < 24;
    const given = context(headers, process.env);
    if (release < 24) {
      Object.defineProperty(given, "callbackWaitsForEmptyEventLoop", {
        enumerable: true,
        get: () => waits,
        set: (value) => {
          waits = value;
        },
      });
    }
    whenEmpty(invocations.giveUp);
    try {
      const result = call(JSON.parse(payload), stream, given);
      if (typeof result?.then !== "function") {
        throw "Streaming does not support non-async handlers.";
      }
      if ((await result) !== undefined) {
        console.warn("Streaming handlers ignore return values.");
      }
      await stream.answered;
    } catch (error) {
      log.failure("Invoke Error", error);
      await stream.fail(error);
    }
    neverMind();
    if (waits) {
      await new Promise((resolve) => whenEmpty(() => setImmediate(resolve)));
      neverMind();
    }
  };
}

module.exports = { answers };
