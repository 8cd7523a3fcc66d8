// How one `import` is resolved along NODE_PATH; the same for a hook in the main thread and for one in its own.
"use strict";

const { createRequire } = require("node:module");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

const NOT_FOUND = "ERR_MODULE_NOT_FOUND";
// A package's name, maybe with a scope; not a path, a URL, or a name of package.json's `imports`.
const BARE = /^(?:@[^/:]+\/)?[^./#@:][^:]*$/;

/** Where *specifier* leads by *next*, or else from the first of *folders* that has it. Throws what *next* threw. */
function resolveAlong(folders, specifier, context, next) {
  try {
    return next(specifier, context);
  } catch (error) {
    if (!isMissing(error, specifier)) {
      throw error;
    }
    for (const folder of folders) {
      try {
        return next(...attempt(folder, specifier, context));
      } catch {
        continue;
      }
    }
    throw error;
  }
}

/** The same, for a *next* that promises. */
async function resolveAlongAsync(folders, specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (!isMissing(error, specifier)) {
      throw error;
    }
    for (const folder of folders) {
      try {
        return await next(...attempt(folder, specifier, context));
      } catch {
        continue;
      }
    }
    throw error;
  }
}

function isMissing(error, specifier) {
  return error?.code === NOT_FOUND && BARE.test(specifier);
}

/** What to ask for so that *specifier* is looked for in *folder*. */
function attempt(folder, specifier, context) {
  if (path.basename(folder) === "node_modules") {
    // As a module beside it would find it, by the conditions of `import` and the package's `exports`.
    return [specifier, { ...context, parentURL: pathToFileURL(path.join(path.dirname(folder), "_")).href }];
  }
  const found = createRequire(path.join(folder, "_")).resolve(path.join(folder, specifier));
  return [pathToFileURL(found).href, context];
}

module.exports = { resolveAlong, resolveAlongAsync };
