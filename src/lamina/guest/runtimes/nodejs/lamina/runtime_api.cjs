// The Runtime API, version 2018-06-01, as calls.
"use strict";

const errors = require("./errors.cjs");

const RUNTIME = "/2018-06-01/runtime";
const AGENT = `lamina-nodejs/${process.versions.node}`;
const ERROR_TYPE = "Lambda-Runtime-Function-Error-Type";
const ERROR_BODY = "Lambda-Runtime-Function-Error-Body";
const JSON_TYPE = "application/json";
const ACCEPTED = 202;
const TOO_LARGE = 413;

class RuntimeApi {
  #connection;

  constructor(connection) {
    this.#connection = connection;
  }

  /** The next invocation, {requestId, headers, payload}: headers by name in lower case, the payload as text. */
  async next() {
    const { status, headers, body } = await this.#connection.exchange("GET", `${RUNTIME}/invocation/next`, {
      "User-Agent": AGENT,
    });
    if (status !== 200) {
      throw new Error(`The Runtime API gave no invocation: HTTP ${status} ${body}`);
    }
    return { requestId: headers["lambda-runtime-aws-request-id"], headers, payload: body.utf8Slice() };
  }

  /** Answer *requestId* with *json*. An answer that is too large is the platform's to report. */
  respond(requestId, json) {
    return this.#post(invocationPath(requestId, "response"), { "Content-Type": JSON_TYPE }, json);
  }

  /** Say that *requestId* failed with *error*. */
  respondError(requestId, error) {
    return this.#postError(invocationPath(requestId, "error"), error);
  }

  /** Say that there will be no invocations, because of *error*. */
  initError(error) {
    return this.#postError(`${RUNTIME}/init/error`, error);
  }

  /** Begin to answer *requestId* in pieces of *contentType*; see Connection.openUpload. */
  openResponse(requestId, contentType, onAnswer, onError) {
    const headers = {
      "User-Agent": AGENT,
      "Content-Type": contentType,
      "Lambda-Runtime-Function-Response-Mode": "streaming",
      Trailer: `${ERROR_TYPE}, ${ERROR_BODY}`,
    };
    return this.#connection.openUpload(invocationPath(requestId, "response"), headers, onAnswer, onError);
  }

  async #postError(path, error) {
    const report = errors.report(error);
    const headers = { "Content-Type": JSON_TYPE, [ERROR_TYPE]: headerSafe(report.errorType) };
    await this.#post(path, headers, JSON.stringify(report));
  }

  async #post(path, headers, body) {
    const { status, body: answer } = await this.#connection.exchange("POST", path, { "User-Agent": AGENT, ...headers }, body);
    if (status !== ACCEPTED && status !== TOO_LARGE) {
      throw new Error(`The Runtime API refused ${path}: HTTP ${status} ${answer}`);
    }
  }
}

/** The trailers that end a response in pieces when *error* stopped it. */
function errorTrailers(error) {
  const report = errors.report(error);
  return {
    [ERROR_TYPE]: headerSafe(report.errorType),
    [ERROR_BODY]: Buffer.from(JSON.stringify(report)).toString("base64"),
  };
}

function invocationPath(requestId, what) {
  return `${RUNTIME}/invocation/${encodeURIComponent(requestId)}/${what}`;
}

function headerSafe(text) {
  return String(text).replace(/[^\x20-\x7e]/g, " ");
}

module.exports = { RuntimeApi, errorTrailers };
