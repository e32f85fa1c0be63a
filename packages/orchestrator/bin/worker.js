// What the executor starts; see src/worker/main.ts.
void require("./run-entry.js")("worker/main");
