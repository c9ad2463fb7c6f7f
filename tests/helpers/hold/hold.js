// A program that pins TLSv1 for all of its connections.
var tls = require('tls');

tls.DEFAULT_MIN_VERSION = tls.DEFAULT_MAX_VERSION = 'TLSv1';
tls.DEFAULT_CIPHERS = 'DEFAULT@SECLEVEL=0';
