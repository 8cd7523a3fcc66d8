// The runtime client of Node.js: finds a function's handler and answers invocations with it.
//
// Loading this module reads neither a variable nor a file of the function's: a process may be started ahead of its
// assignment, load it, wait to be told its variables, and then begin.
"use strict";

const { Connection } = require("./connection.cjs");
const errors = require("./errors.cjs");
const { whenEmpty } = require("./event_loop.cjs");
const handlers = require("./handler.cjs");
const { Invocations } = require("./invocations.cjs");
const log = require("./log.cjs");
const { RuntimeApi } = require("./runtime_api.cjs");

const UNCAUGHT_EXCEPTION = 129;
const UNHANDLED_REJECTION = 128;
// What Node.js itself exits with when nobody catches anything, and when nothing can settle what the main module awaits.
const FAILED = 1;
const UNSETTLED = 13;

/** Be the runtime of the function that *environ*, the process's variables, tells of; returns once its code loads. */
function begin(environ) {
  const release = releaseOf(environ);
  log.patchConsole(environ, release);
  const api = new RuntimeApi(new Connection(environ.AWS_LAMBDA_RUNTIME_API));
  const invocations = new Invocations(api, release, () => end("Uncaught Exception", errors.unsettled(), UNSETTLED));

  let ending = false;
  const end = (title, error, status) => {
    log.failure(title, error);
    if (!ending) {
      ending = true;
      const exit = () => process.exit(status);
      invocations.fail(error).then(exit, exit);
    }
  };
  process.on("uncaughtException", (error) => end("Uncaught Exception", error, UNCAUGHT_EXCEPTION));
  process.on("unhandledRejection", (reason, promise) => {
    const error = new errors.UnhandledPromiseRejection(reason);
    end("Unhandled Promise Rejection", Object.assign(error, { reason, promise }), UNHANDLED_REJECTION);
  });
  whenEmpty(invocations.giveUp);

  handlers.load(environ, release).then(
    (handler) => invocations.serve(handler).catch((error) => end("Uncaught Exception", error, UNCAUGHT_EXCEPTION)),
    // Whatever a module throws as it loads, AWS reports as an exception that nobody caught.
    (error) => (release < 24 ? end("Uncaught Exception", error, UNCAUGHT_EXCEPTION) : end("Init Error", error, FAILED)),
  );
}

/** The runtime's number, 22 for nodejs22.x, which decides between what AWS's clients of different age do. */
function releaseOf(environ) {
  const named = /^AWS_Lambda_nodejs(\d+)/.exec(environ.AWS_EXECUTION_ENV);
  return Number(named ? named[1] : process.versions.node.split(".")[0]);
}

module.exports = { begin };
