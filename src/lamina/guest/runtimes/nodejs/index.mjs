// What AWS's wrappers, and users' own, are given to start: the client itself is CommonJS, which Node.js loads faster.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const client = require("./lamina/client.cjs");
require("./lamina/order.cjs").wait();
client.begin(process.env);
