// The life of a runtime: ask for an invocation, have the handler answer it, ask again.
"use strict";

const { followTrace } = require("./context.cjs");
const log = require("./log.cjs");

class Invocations {
  #api;
  #release;
  // The request id of the invocation that the function's code runs for, until it is answered.
  #current = null;
  #serving = false;
  #answering = Promise.resolve();

  /** *giveUp* ends the process: what a handler awaits can never happen. */
  constructor(api, release, giveUp) {
    this.#api = api;
    this.#release = release;
    this.giveUp = giveUp;
  }

  /** Answer invocations with *handler*, for ever. Throws when the Runtime API is gone. */
  async serve(handler) {
    const answer = this.#style(handler);
    this.#serving = true;
    for (;;) {
      const { requestId, headers, payload } = await this.#api.next();
      this.#current = requestId;
      log.enterInvocation(requestId, headers["lambda-runtime-aws-tenant-id"]);
      followTrace(headers, process.env);
      if (this.#release >= 24) {
        require("./invoke_store.cjs").store.enter(headers);
      }
      await answer({ requestId, headers, payload });
      // What the function left to be done in this turn of the event loop still belongs to the invocation.
      await new Promise(setImmediate);
    }
  }

  /** Report *error*, which ends the process: for the invocation under way, or for the initialisation. */
  async fail(error) {
    const requestId = this.#current;
    if (!this.#serving) {
      await this.#api.initError(error);
    } else if (requestId !== null) {
      await this.respondError(requestId, error);
    } else {
      await this.#answering;
    }
  }

  /** Answer *requestId* with *json*, unless it has its answer. */
  respond(requestId, json) {
    return this.#answerOnce(requestId, () => this.#api.respond(requestId, json));
  }

  /** Say that *requestId* failed with *error*, unless it has its answer. */
  respondError(requestId, error) {
    return this.#answerOnce(requestId, () => this.#api.respondError(requestId, error));
  }

  /** Begin to answer *requestId* in pieces; see RuntimeApi.openResponse. */
  openResponse(requestId, contentType, onAnswer, onError) {
    this.#current = null;
    return this.#api.openResponse(requestId, contentType, onAnswer, onError);
  }

  #answerOnce(requestId, post) {
    if (this.#current === requestId) {
      this.#current = null;
      this.#answering = post();
    }
    return this.#answering;
  }

  #style(handler) {
    if (handler.streams) {
      return require("./streaming.cjs").answers(this, handler, this.#release);
    }
    return require(this.#release < 24 ? "./callbacks.cjs" : "./promises.cjs").answers(this, handler);
  }
}

module.exports = { Invocations };
