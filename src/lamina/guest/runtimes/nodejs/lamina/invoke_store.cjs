// What AWS's runtimes from nodejs24.x on keep of the invocation under way, for libraries that cannot be handed its
// context: `awslambda.InvokeStore`, in the shape of the package @aws/lambda-invoke-store, which looks for it there.
"use strict";

const REQUEST_ID = Symbol.for("_AWS_LAMBDA_REQUEST_ID");
const TRACE_ID = Symbol.for("_AWS_LAMBDA_X_RAY_TRACE_ID");
const TENANT_ID = Symbol.for("_AWS_LAMBDA_TENANT_ID");
const PROTECTED = [REQUEST_ID, TRACE_ID, TENANT_ID];

class InvokeStore {
  #context;

  /** Have *headers* of an invocation be the present one's, and forget what was kept for the one before. */
  enter(headers) {
    this.run(
      {
        [REQUEST_ID]: headers["lambda-runtime-aws-request-id"],
        [TRACE_ID]: headers["lambda-runtime-trace-id"],
        [TENANT_ID]: headers["lambda-runtime-aws-tenant-id"],
      },
      () => {},
    );
  }

  run(context, action) {
    this.#context = context;
    return action();
  }

  getContext() {
    return this.#context;
  }

  hasContext() {
    return this.#context !== undefined;
  }

  get(key) {
    return this.#context?.[key];
  }

  set(key, value) {
    if (PROTECTED.includes(key)) {
      throw new Error(`Cannot modify protected Lambda context field: ${String(key)}`);
    }
    this.#context ??= {};
    this.#context[key] = value;
  }

  getRequestId() {
    return this.get(REQUEST_ID) ?? "-";
  }

  getXRayTraceId() {
    return this.get(TRACE_ID);
  }

  getTenantId() {
    return this.get(TENANT_ID);
  }
}

module.exports = { store: new InvokeStore() };
