// From a function's setting "folder/file.name" to the function it names, loaded as AWS's runtimes load it.
"use strict";

const fs = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");
const awslambda = require("./awslambda.cjs");
const errors = require("./errors.cjs");
const importPaths = require("./import_paths.cjs");

// The first module that asks for another is named in what Node.js says of one that is missing.
const requireOfUser = createRequire("/var/runtime/index.mjs");
const CALLBACKS_GONE =
  "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to " +
  "modify this function to use a supported handler signature to use Node.js 24 or later. For more information see " +
  "https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.";

/** The handler that *environ* names: {call, streams, highWaterMark}. Throws what a caller is to be told. */
async function load(environ, release) {
  const setting = environ._HANDLER;
  const { folder, file, names } = parse(setting);
  awslambda.provide(environ, release < 24 ? {} : { InvokeStore: require("./invoke_store.cjs").store });
  let module;
  try {
    module = await loadModule(environ.LAMBDA_TASK_ROOT, folder, file, release);
  } catch (error) {
    throw explained(error, release);
  }
  const call = find(module, names) ?? (release < 24 ? undefined : find(module.default, names));
  if (!call) {
    throw new errors.HandlerNotFound(`${setting} is undefined or not exported`);
  }
  if (typeof call !== "function") {
    throw new errors.HandlerNotFound(`${setting} is not a function`);
  }
  const handler = { call, ...awslambda.streaming(call) };
  if (release >= 24 && !handler.streams && call.length >= 3) {
    throw new errors.CallbackHandlerDeprecated(CALLBACKS_GONE);
  }
  return handler;
}

/** The parts of *setting*: its folder ("" or ending in a slash), the file without its extension, names after dots. */
function parse(setting) {
  if (setting.includes("..")) {
    throw new errors.MalformedHandlerName(
      `'${setting}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const base = path.basename(setting);
  const dot = base.indexOf(".");
  if (dot < 0) {
    throw new errors.MalformedHandlerName("Bad handler");
  }
  return {
    folder: setting.slice(0, setting.indexOf(base)),
    file: base.slice(0, dot),
    names: base.slice(dot + 1).split("."),
  };
}

async function loadModule(root, folder, file, release) {
  const base = path.resolve(root, folder, file);
  if (fs.existsSync(base)) {
    const loaded = await loadCommonJs(base, release);
    if (loaded) {
      return loaded;
    }
  }
  for (const extension of [".js", ".mjs", ".cjs"]) {
    const name = base + extension;
    if (fs.existsSync(name)) {
      const isModule = extension === ".mjs" || (extension === ".js" && isInModulePackage(path.dirname(base)));
      return isModule ? loadEsModule(name) : loadCommonJs(name, release);
    }
  }
  return loadCommonJs(requireOfUser.resolve(file, { paths: [root, path.resolve(root, folder)] }), release);
}

async function loadCommonJs(name, release) {
  importPaths.useOnceImported(release);
  try {
    // AWS's client imports from 24 on. To require takes less time, and is what tools watch to wrap a handler.
    return requireOfUser(name);
  } catch (error) {
    // From 24 on a file may turn out to be an ES module, and to await something as it loads.
    if (release >= 24 && error.code === "ERR_REQUIRE_ASYNC_MODULE") {
      return loadEsModule(name);
    }
    throw error;
  }
}

function loadEsModule(name) {
  importPaths.use();
  return import(name);
}

/** Whether the nearest package.json at or above *folder* says that its .js files are ES modules. */
function isInModulePackage(folder) {
  for (let at = folder; !at.endsWith("/node_modules"); at = path.dirname(at)) {
    const manifest = path.join(at, "package.json");
    if (fs.existsSync(manifest)) {
      try {
        return JSON.parse(fs.readFileSync(manifest, "utf8")).type === "module";
      } catch (error) {
        console.warn(`${manifest} cannot be read, it will be ignored for ES module detection purposes.`, error);
        return false;
      }
    }
    if (at === "/") {
      break;
    }
  }
  return false;
}

function explained(error, release) {
  if (error instanceof SyntaxError) {
    const syntax = new errors.UserCodeSyntaxError(error);
    if (release >= 24) {
      syntax.stack = error.stack;
    }
    return syntax;
  }
  if (error?.code !== "MODULE_NOT_FOUND") {
    return error;
  }
  // Who imports a file is not among those who require what it misses.
  const hidden = release >= 24 && error.requireStack?.length > 1 ? `\n- ${error.requireStack.at(-1)}` : "";
  return new errors.ImportModuleError(String(error).replace(hidden, ""));
}

function find(module, names) {
  return names.reduce((at, name) => at?.[name], module);
}

module.exports = { load };
