# Ruby, Net::HTTP.
require "json"
require "net/http"

VERSIONS = {
  "TLSv1" => OpenSSL::SSL::TLS1_VERSION,
  "TLSv1.1" => OpenSSL::SSL::TLS1_1_VERSION,
  "TLSv1.2" => OpenSSL::SSL::TLS1_2_VERSION,
  "TLSv1.3" => OpenSSL::SSL::TLS1_3_VERSION
}.freeze

KEY = ENV.key?("API_KEY") ? { "X-Api-Key" => ENV["API_KEY"] } : {}

url, ca, held, verb = ARGV
target = URI(url)
http = Net::HTTP.new(target.hostname, target.port)
http.use_ssl = true
http.ca_file = ca
if VERSIONS.key?(held)
  http.min_version = http.max_version = VERSIONS.fetch(held)
  http.ciphers = "DEFAULT@SECLEVEL=0"
end

answer =
  begin
    response = http.start { |session| session.send_request(verb || "GET", target.request_uri, nil, KEY) }
    { ok: true, status: response.code.to_i, reason: response.message,
      headers: response.each_header.to_h, body: response.body.to_s.dup.force_encoding("UTF-8").scrub }
  rescue StandardError => e
    { ok: false, error: "#{e.class}: #{e.message}", code: "" }
  end
puts JSON.generate(answer)
