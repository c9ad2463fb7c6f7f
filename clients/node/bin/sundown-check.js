#!/usr/bin/env node
// The command line. Exit code: 0 survives, 1 will not, 2 could not tell.
'use strict';

var sundown = require('../index.js');

var USAGE = 'usage: sundown-check [--json] [--ca FILE] [--timeout SECONDS] URL\n';
var HELP = USAGE +
  "\nAsks a server's /ssl/ whether this Node.js survives its next change of TLS.\n\n" +
  '  URL                https://host[:port][/path]; the path is /ssl/ unless given\n' +
  '  --json             print the answer as JSON\n' +
  "  --ca FILE          trust the authorities in this PEM file instead of the built-in ones\n" +
  '  --timeout SECONDS  for all of it; default 10\n\n' +
  'Exit code: 0 survives, 1 will not, 2 could not tell.\n';

function misused(why) {
  process.stderr.write(USAGE + 'sundown-check: ' + why + '\n');
  process.exit(2);
}

var url = null;
var json = false;
var options = {};
var words = process.argv.slice(2);
while (words.length) {
  var word = words.shift();
  var value = null;
  if (/^--[a-z]+=/.test(word)) {
    value = word.slice(word.indexOf('=') + 1);
    word = word.slice(0, word.indexOf('='));
  }
  if (word === '--help' || word === '-h') {
    process.stdout.write(HELP);
    process.exit(0);
  } else if (word === '--json' && value === null) {
    json = true;
  } else if (word === '--ca' || word === '--timeout') {
    if (value === null) { value = words.shift(); }
    if (value === undefined) { misused(word + ' takes a value'); }
    options[word.slice(2)] = value;
  } else if (word.charAt(0) === '-') {
    misused('there is no option ' + word);
  } else if (url !== null) {
    misused('one URL at a time');
  } else {
    url = word;
  }
}
if (url === null) { misused('which URL?'); }
if (options.timeout !== undefined) {
  options.timeout = Number(options.timeout);
  if (!(options.timeout > 0 && options.timeout <= 3600)) { misused('--timeout takes seconds, up to 3600'); }
}

sundown.check(url, options, function (answer) {
  var text = json ? JSON.stringify(answer, null, 2) : sundown.render(answer);
  process.stdout.write(text + '\n', function () { process.exit(sundown.EXIT[answer.verdict]); });
});
