#!/usr/bin/env node
// Any Node, however old, can read this file: it looks for one that can run the rest.
var findPinnedNode = require("./find-pinned-node.js");

var version = process.versions.node.split(".").map(Number);
var pinned = findPinnedNode();
var isSupported = version[0] === 24 && version[1] >= 6;

if (isSupported || (version[0] > 24 && pinned === undefined)) {
  void require("./run-entry.js")("cli/main");
} else if (pinned === undefined) {
  console.error("millrace needs Node 24.6 or newer, this is " + process.versions.node + ": install Node 24 and try again");
  process.exit(1);
} else {
  require("./run-with.js")(pinned);
}
