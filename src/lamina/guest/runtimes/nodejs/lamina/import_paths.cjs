// `import` of what lies along NODE_PATH, in layers above all, which AWS's build of Node.js can and others cannot.
//
// Where a plain resolution finds no package, the folders of NODE_PATH are tried in their order. Node.js 22.15 and later
// take a hook in the same thread; older ones run hooks in a thread of their own, which takes 20 ms to start. So there is
// none before code that could import something is about to run, and none where NODE_PATH leads to nothing.
"use strict";

const fs = require("node:fs");
const nodeModule = require("node:module");

// On every NODE_PATH of AWS; what is imported from there by its bare name is no package.
const NO_PACKAGES = new Set(["/var/runtime", "/var/task"]);
const DYNAMIC_IMPORT = /\bimport\s*\(/;

let inUse = false;
let watching = false;

/** Have `import` look along NODE_PATH from now on. */
function use() {
  const folders = packageFolders();
  if (inUse || folders.length === 0) {
    return;
  }
  inUse = true;
  if (nodeModule.registerHooks) {
    const { resolveAlong } = require("./node_path.cjs");
    nodeModule.registerHooks({
      resolve: (specifier, context, next) => resolveAlong(folders, specifier, context, next),
    });
  } else {
    const { pathToFileURL } = require("node:url");
    nodeModule.register(pathToFileURL(require.resolve("./node_path_thread.mjs")), { data: { folders } });
  }
}

/** Have `import` look along NODE_PATH as soon as a CommonJS file is loaded that could import something. */
function useOnceImported(release) {
  if (release >= 24 || process.features.require_module) {
    // What is required may be an ES module, and import as it pleases.
    use();
    return;
  }
  if (watching || packageFolders().length === 0) {
    return;
  }
  watching = true;
  const compile = nodeModule.prototype._compile;
  nodeModule.prototype._compile = function (content, ...rest) {
    if (!inUse && DYNAMIC_IMPORT.test(content)) {
      use();
    }
    return compile.call(this, content, ...rest);
  };
}

function packageFolders() {
  const folders = (process.env.NODE_PATH ?? "").split(":");
  return folders.filter((folder) => folder !== "" && !NO_PACKAGES.has(folder) && fs.existsSync(folder));
}

module.exports = { use, useOnceImported };
