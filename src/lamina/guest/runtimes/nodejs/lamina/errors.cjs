// Failures as AWS's clients name them, and as they are shown to the caller and in the log.
"use strict";

const { types } = require("node:util");

const KINDS = [
  "ImportModuleError",
  "HandlerNotFound",
  "MalformedHandlerName",
  "UserCodeSyntaxError",
  "MalformedStreamingHandler",
  "InvalidStreamingOperation",
  "UnhandledPromiseRejection",
  "CallbackHandlerDeprecated",
  "JSONStringifyError",
  "NodeJsExit",
];

// Classes, not one class with a name in it: a log in JSON shows the name of an error's class.
const classes = Object.fromEntries(
  KINDS.map((kind) => {
    const type = { [kind]: class extends Error {} }[kind];
    type.prototype.name = `Runtime.${kind}`;
    return [kind, type];
  }),
);

/** The failure of an event loop that ran empty while something was awaited. */
function unsettled() {
  return new classes.NodeJsExit(
    "The Lambda runtime client detected an unexpected Node.js exit code. This is usually caused by a Promise that was " +
      "never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes",
  );
}

/** What a caller gets of *error*, whatever was thrown: {errorType, errorMessage, trace}. */
function report(error) {
  try {
    if (types.isNativeError(error) || looksLikeError(error)) {
      return {
        errorType: printable(error.name),
        errorMessage: printable(error.message),
        trace: printable(error.stack)?.split("\n") ?? [],
      };
    }
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  } catch {
    return {
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack",
      trace: [],
    };
  }
}

/** *error* as a line of the log in text has it: what makes it an error, and all that was put on it. */
function forLog(error) {
  try {
    return JSON.stringify(error, (_name, value) => (value instanceof Error ? withItsFields(value) : value));
  } catch {
    return JSON.stringify(report(error));
  }
}

/** *thrown* itself, or an error that says it. */
function intoError(thrown) {
  return thrown instanceof Error ? thrown : new Error(thrown);
}

function looksLikeError(value) {
  return ["name", "message", "stack"].every((field) => value && value[field] && typeof value[field] === "string");
}

function printable(text) {
  return typeof text === "string" ? text.replaceAll("\x7f", "%7F") : text;
}

function withItsFields(error) {
  const fields = { errorType: error.name, errorMessage: error.message, code: error.code, ...error };
  if (typeof error.stack === "string") {
    fields.stack = error.stack.split("\n");
  }
  return fields;
}

module.exports = { ...classes, unsettled, report, forLog, intoError };
