// What this Node.js's tls negotiates. Node.js 0.8 and later.
var fs = require('fs');
var tls = require('tls');
var environment = process.env;

function say(what, said) {
  process.stdout.write('sundown:' + what + ' ' + String(said).replace(/[\r\n]+/g, ' ') + '\n');
}

function authorities(file) {
  return fs.readFileSync(file, 'ascii').split(/(-----BEGIN [^-]+-----[^-]+-----END [^-]+-----)/).filter(function (part) {
    return part.indexOf('-----BEGIN ') === 0;
  });
}

function call() {
  var name = environment.SUNDOWN_NAME;
  var options = { host: '127.0.0.1', port: Number(environment.SUNDOWN_PORT), servername: name };
  if (/^[\d.]+$|:/.test(name)) {
    delete options.servername;
    options.checkServerIdentity = function (host, certificate) { return tls.checkServerIdentity(name, certificate); };
  }
  if (environment.SUNDOWN_CA) { options.ca = authorities(environment.SUNDOWN_CA); }
  var stream = tls.connect(options, function () {
    // Before 5.7 there is no way to ask for the protocol.
    if (stream.getProtocol) { say('protocol', stream.getProtocol()); }
    say('cipher', stream.getCipher().name);
    if (!environment.SUNDOWN_REQUEST) { return stream.destroy(); }
    stream.write(environment.SUNDOWN_REQUEST);
    say('answer', '');
    stream.on('data', function (part) { process.stdout.write(part); });
  });
  stream.on('error', function (error) { say('error', error.message || error); });
}

say('version', process.version.replace('v', ''));
say('library', 'OpenSSL ' + process.versions.openssl);
if (environment.SUNDOWN_PORT) {
  try {
    call();
  } catch (error) {
    say('error', error.message || error);
  }
}
