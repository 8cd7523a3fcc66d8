// The function's log: `console` writes lines as AWS's runtimes do, in text or in JSON, each with its invocation.
//
// The platform takes framed messages on a descriptor of its own, so that one of many lines stays one. A frame is four
// bytes of type, four of length, eight of time in microseconds, all big-endian, then the message.
"use strict";

const fs = require("node:fs");
const { format } = require("node:util");
const errors = require("./errors.cjs");

const LEVELS = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 };
const METHODS = { trace: "TRACE", debug: "DEBUG", info: "INFO", log: "INFO", warn: "WARN", error: "ERROR", fatal: "FATAL" };
const FRAME_OF_TEXT = 0xa55a0003;
const FRAME_OF_JSON = 0xa55a0002;
const FRAME_HEAD_BYTES = 16;
const LEVEL_SHIFT = 2;
const FULL_PIPE_PAUSE_MS = 1;
// Where AWS's clients keep them, and tools that watch functions look.
const REQUEST_ID = Symbol.for("aws.lambda.runtime.requestId");
const TENANT_ID = Symbol.for("aws.lambda.runtime.tenantId");

let inJson = false;
// What stands for the request id while there is none.
let noRequestId;

/** Have `console` write to the function's log, as *environ* says: its format, its level, and where to. */
function patchConsole(environ, release) {
  inJson = environ.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === "JSON";
  noRequestId = release < 24 ? undefined : "-";
  const least = LEVELS[environ.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()] ?? LEVELS.TRACE;
  const write = writer(environ);
  for (const [method, level] of Object.entries(METHODS)) {
    // AWS lets a fatal message through whatever the level is, which cannot be above it.
    console[method] = LEVELS[level] < least ? () => {} : (first, ...rest) => write(level, first, ...rest);
  }
}

/** Say in the log that *error* ended what *title* names. */
function failure(title, error) {
  const shown = errors.intoError(error);
  if (inJson) {
    console.error(shown);
  } else {
    console.error(title, `\t${errors.forLog(shown)}`);
  }
}

/** Have the lines that follow carry *requestId*, and *tenantId* where there is one. */
function enterInvocation(requestId, tenantId) {
  globalThis[REQUEST_ID] = requestId;
  globalThis[TENANT_ID] = tenantId;
}

function writer(environ) {
  const line = inJson ? jsonLine : textLine;
  const descriptor = Number.parseInt(environ._LAMBDA_TELEMETRY_LOG_FD, 10);
  delete environ._LAMBDA_TELEMETRY_LOG_FD;
  if (Number.isNaN(descriptor)) {
    // Without frames, the end of a line is the end of a message.
    return (level, ...values) => {
      process.stdout.write(`${line(level, new Date(), values).replaceAll("\n", "\r")}\n`);
    };
  }
  const type = inJson ? FRAME_OF_JSON : FRAME_OF_TEXT;
  return (level, ...values) => {
    const now = new Date();
    const message = line(level, now, values) + (inJson ? "" : "\n");
    writeWhole(descriptor, framed((type | (LEVELS[level] << LEVEL_SHIFT)) >>> 0, now, message));
  };
}

function textLine(level, now, values) {
  return `${now.toISOString()}\t${globalThis[REQUEST_ID] ?? noRequestId}\t${level}\t${format(...values)}`;
}

function jsonLine(level, now, values) {
  const entry = { timestamp: now.toISOString(), level, requestId: globalThis[REQUEST_ID] ?? noRequestId };
  if (globalThis[TENANT_ID] !== undefined) {
    entry.tenantId = globalThis[TENANT_ID];
  }
  if (values.length === 1) {
    try {
      return JSON.stringify({ ...entry, message: values[0] }, (_name, value) =>
        value instanceof Error ? { ...structured(value), ...value } : value,
      );
    } catch {
      return JSON.stringify({ ...entry, message: format(values[0]) });
    }
  }
  const error = values.find((value) => value instanceof Error);
  return JSON.stringify({ ...entry, message: format(...values), ...(error && structured(error)) });
}

function structured(error) {
  return {
    errorType: error.constructor?.name ?? "UnknownError",
    errorMessage: error.message,
    stackTrace: typeof error.stack === "string" ? error.stack.split("\n") : error.stack,
  };
}

function framed(type, now, message) {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + Buffer.byteLength(message));
  frame.writeUInt32BE(type, 0);
  frame.writeUInt32BE(frame.length - FRAME_HEAD_BYTES, 4);
  frame.writeBigUInt64BE(BigInt(now.getTime()) * 1000n, 8);
  frame.write(message, FRAME_HEAD_BYTES);
  return frame;
}

function writeWhole(descriptor, data) {
  let written = 0;
  while (written < data.length) {
    try {
      written += fs.writeSync(descriptor, data, written);
    } catch (error) {
      // The same pipe as standard output, which Node.js does not let block once the function has used it.
      if (error.code !== "EAGAIN") {
        throw error;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_PAUSE_MS);
    }
  }
}

module.exports = { patchConsole, failure, enterInvocation };
