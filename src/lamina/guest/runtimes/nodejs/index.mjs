// What AWS's wrappers, and users' own, are given to start: the client itself is CommonJS, which Node.js loads faster.
import { createRequire } from "node:module";

createRequire(import.meta.url)("./lamina/client.cjs").begin(process.env);
