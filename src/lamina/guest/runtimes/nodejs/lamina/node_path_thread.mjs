// The hook of Node.js 20, which runs it in a thread of its own.
import nodePath from "./node_path.cjs";

let folders = [];

export function initialize(data) {
  folders = data.folders;
}

export function resolve(specifier, context, next) {
  return nodePath.resolveAlongAsync(folders, specifier, context, next);
}
