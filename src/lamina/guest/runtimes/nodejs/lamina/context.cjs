// The second argument of a handler.
"use strict";

/** What *environ* and the *headers* of one invocation tell a handler; AWS's names. Throws when a header is no JSON. */
function context(headers, environ) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  return {
    functionVersion: environ.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: environ.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: environ.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: environ.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environ.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed(headers["lambda-runtime-client-context"], "ClientContext"),
    identity: parsed(headers["lambda-runtime-cognito-identity"], "CognitoIdentity"),
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    tenantId: headers["lambda-runtime-aws-tenant-id"],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

/** Set the variable that X-Ray's SDK reads to what *headers* say, as long as the invocation lasts. */
function followTrace(headers, environ) {
  const trace = headers["lambda-runtime-trace-id"];
  if (trace) {
    environ._X_AMZN_TRACE_ID = trace;
  } else {
    delete environ._X_AMZN_TRACE_ID;
  }
}

function parsed(json, name) {
  if (!json) {
    return undefined;
  }
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`);
  }
}

module.exports = { context, followTrace };
