# A program that pins TLSv1 for all of its connections, as programs of 2014 did with ssl_version.
require "openssl"

OpenSSL::SSL::SSLContext::DEFAULT_PARAMS.merge!(max_version: OpenSSL::SSL::TLS1_VERSION, ciphers: "DEFAULT@SECLEVEL=0")
