// The stream that a handler writes its answer to; its bytes go to the Runtime API as they come.
"use strict";

const { Writable } = require("node:stream");
const errors = require("./errors.cjs");
const { errorTrailers } = require("./runtime_api.cjs");

const DEFAULT_TYPE = "application/octet-stream";

class ResponseStream extends Writable {
  #open;
  #upload = null;
  #contentType = DEFAULT_TYPE;
  #written = false;
  #trailers = {};
  #answer;
  /** Settles when the platform has the whole answer. */
  answered;

  /** *open* begins the response: (contentType, onAnswer, onError) to an Upload. */
  constructor(open, highWaterMark) {
    super({ highWaterMark });
    this.#open = open;
    this.answered = new Promise((resolve, reject) => {
      this.#answer = { resolve, reject };
    });
    // Whoever awaits it hears of it; it must not count as a rejection of the function's.
    this.answered.catch(() => {});
  }

  /** Say what the bytes are; before the first of them. */
  setContentType(contentType) {
    if (this.#written) {
      throw new errors.InvalidStreamingOperation("Cannot set content-type, too late.");
    }
    this.#contentType = contentType;
  }

  write(chunk, ...rest) {
    if (!this.#written) {
      this.#written = true;
      // Only here: an answer that is given to `end` alone has no metadata on AWS either.
      this._onBeforeFirstWrite?.((data) => super.write(data));
    }
    return super.write(sendable(chunk), ...rest);
  }

  end(chunk, ...rest) {
    const isData = chunk !== undefined && chunk !== null && typeof chunk !== "function";
    return super.end(isData ? sendable(chunk) : chunk, ...rest);
  }

  /** End the answer in the middle, because of *error*, and tell the platform; promises the moment when it knows. */
  async fail(error) {
    if (this.writableEnded || this.destroyed) {
      await this.answered.catch(() => {});
      return;
    }
    this.#trailers = errorTrailers(error);
    this.end();
    await this.answered;
  }

  _write(chunk, _encoding, taken) {
    this.#begun().write(chunk, taken);
  }

  _final(taken) {
    this.#begun().end(this.#trailers, taken);
  }

  _destroy(error, destroyed) {
    if (!this.writableFinished) {
      // Half an answer is none: the platform sees the connection end before the body does.
      this.#upload?.abort();
      this.#answer.reject(error ?? new Error("The response stream was destroyed."));
    }
    destroyed(error);
  }

  #begun() {
    if (this.#upload === null) {
      this.#upload = this.#open(this.#contentType, this.#answer.resolve, (error) => this.destroy(error));
    }
    return this.#upload;
  }
}

function sendable(chunk) {
  return typeof chunk === "string" || chunk instanceof Uint8Array ? chunk : JSON.stringify(chunk);
}

module.exports = { ResponseStream };
