// The global `awslambda`, by which a handler says that it streams, and gives a stream its status and headers.
"use strict";

const errors = require("./errors.cjs");

// AWS's names: a handler may be wrapped, and marked, by code that knows no `awslambda`.
const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const HIGH_WATER_MARK = Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark");
const RESPONSE = "response";
const INTEGRATION_TYPE = "application/vnd.awslambda.http-integration-response";
const DELIMITER_BYTES = 8;

/** Make the global, with what else is to lie in it, unless *environ* says that the function wants none. */
function provide(environ, more) {
  if (!["1", "true"].includes(environ.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) {
    globalThis.awslambda = { ...globalThis.awslambda, streamifyResponse, HttpResponseStream, ...more };
  }
}

/** What *handler* was marked with: {streams, highWaterMark}. Throws when it streams otherwise than in its response. */
function streaming(handler) {
  const kind = handler[STREAMING] || null;
  if (kind !== null && kind !== RESPONSE) {
    throw new errors.MalformedStreamingHandler("Only response streaming is supported.");
  }
  return { streams: kind !== null, highWaterMark: Number.parseInt(handler[HIGH_WATER_MARK], 10) || undefined };
}

function streamifyResponse(handler, options) {
  handler[STREAMING] = RESPONSE;
  if (typeof options?.highWaterMark === "number") {
    handler[HIGH_WATER_MARK] = options.highWaterMark;
  }
  return handler;
}

class HttpResponseStream {
  /** *stream*, before whose first write *metadata* will be sent: {statusCode, headers, cookies}. */
  static from(stream, metadata) {
    stream.setContentType(INTEGRATION_TYPE);
    const json = JSON.stringify(metadata);
    stream._onBeforeFirstWrite = (write) => {
      write(json);
      write(new Uint8Array(DELIMITER_BYTES));
    };
    return stream;
  }
}

module.exports = { provide, streaming };
