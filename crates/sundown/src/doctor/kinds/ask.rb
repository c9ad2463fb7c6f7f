# What this Ruby's openssl negotiates. Ruby 1.9 and later.
require "openssl"
require "socket"

def say(what, said)
  $stdout.write("sundown:#{what} #{said.to_s.tr("\n", " ")}\n")
  $stdout.flush
end

def tell
  say("version", RUBY_VERSION)
  say("library", defined?(OpenSSL::OPENSSL_LIBRARY_VERSION) ? OpenSSL::OPENSSL_LIBRARY_VERSION : OpenSSL::OPENSSL_VERSION)
  say("config", OpenSSL::Config::DEFAULT_CONFIG_FILE) if defined?(OpenSSL::Config::DEFAULT_CONFIG_FILE)
end

def call
  name, ca = ENV["SUNDOWN_NAME"], ENV["SUNDOWN_CA"]
  # As Net::HTTP does it: what DEFAULT_PARAMS holds applies.
  context = OpenSSL::SSL::SSLContext.new
  context.set_params(ca.empty? ? {} : { :ca_file => ca })
  stream = OpenSSL::SSL::SSLSocket.new(TCPSocket.new("127.0.0.1", ENV["SUNDOWN_PORT"].to_i), context)
  stream.hostname = name if stream.respond_to?(:hostname=) && name !~ /\A[\d.]+\z|:/
  stream.connect
  stream.post_connection_check(name)
  say("protocol", stream.ssl_version) if stream.respond_to?(:ssl_version)
  say("cipher", Array(stream.cipher)[0])
  return if ENV["SUNDOWN_REQUEST"].empty?
  stream.write(ENV["SUNDOWN_REQUEST"])
  say("answer", "")
  begin
    loop { $stdout.write(stream.readpartial(16_384)) }
  rescue EOFError
    $stdout.flush
  end
end

tell
if ENV["SUNDOWN_PORT"]
  begin
    call
  rescue StandardError => error
    say("error", error.message)
  end
end
