// Like millrace.js, for any Node.
var fs = require("fs");
var path = require("path");

/** The Node that a checkout, or a project, has among its packages; undefined where it has none. */
module.exports = function findPinnedNode() {
  var name = process.platform === "win32" ? "node.exe" : "node";
  var file = path.join(__dirname, "../../../node_modules/.bin", name);
  return fs.existsSync(file) ? file : undefined;
};
