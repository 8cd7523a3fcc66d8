// A process that was started ahead of its assignment waits here for what it could not know: its variables and folder.
"use strict";

const fs = require("node:fs");

const ORDER = "_LAMINA_ORDER_FD";

/** Returns once this process is the function's: at once, unless it was started to wait; never, where nobody needs it. */
function wait() {
  const descriptor = Number.parseInt(process.env[ORDER], 10);
  delete process.env[ORDER];
  if (Number.isNaN(descriptor)) {
    return;
  }
  // Not by the event loop: nothing else is to happen here, and what is read so costs no idle process a wake-up.
  const order = fs.readFileSync(descriptor, "utf8");
  fs.closeSync(descriptor);
  if (order === "") {
    process.exit();
  }
  const { environ, working_folder: folder } = JSON.parse(order);
  takeVariables(environ);
  process.chdir(folder);
}

/** Make *environ* the variables of this process; those that it had keep their place among them. */
function takeVariables(environ) {
  for (const name of Object.keys(process.env)) {
    if (!Object.hasOwn(environ, name)) {
      delete process.env[name];
    }
  }
  for (const [name, value] of Object.entries(environ)) {
    // Some are heard of when they are set, as TZ is.
    if (process.env[name] !== value) {
      process.env[name] = value;
    }
  }
}

module.exports = { wait };
