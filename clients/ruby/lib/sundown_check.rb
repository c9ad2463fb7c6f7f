# encoding: utf-8

require "json"
require "openssl"
require "socket"

# Will this Ruby survive the server's next change of TLS?
#
# Asks a server's /ssl/ what it thinks of this client, says the same of this Ruby's own TLS library, and names the fix.
# One file, the standard library alone, Ruby 1.9.3 and later.
#
#   answer = SundownCheck.check("https://api.example.com")
#   answer["verdict"]  # ok, at-risk, blocked, refused or unknown
module SundownCheck
  VERSION = "0.1.0"
  EXIT = { "ok" => 0, "at-risk" => 1, "blocked" => 1, "refused" => 1, "unknown" => 2 }.freeze
  SURVIVES = { 0 => true, 1 => false, 2 => nil }.freeze

  RUNTIME = "#{{ "ruby" => "Ruby", "jruby" => "JRuby" }.fetch(RUBY_ENGINE, RUBY_ENGINE)} #{RUBY_VERSION}".freeze
  LIBRARY = (defined?(OpenSSL::OPENSSL_LIBRARY_VERSION) ? OpenSSL::OPENSSL_LIBRARY_VERSION : OpenSSL::OPENSSL_VERSION)

  # An answer of /ssl/ has a few KiB.
  LONGEST_ANSWER = 1 << 20
  # An advice is a few sentences, a plan has a few sunsets.
  LONGEST_TEXT = 2000
  LONGEST_LIST = 32

  URL = %r{\Ahttps://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?((?:[/?][!-~]*)?)\z}i
  # What steers a terminal or reorders a line (Unicode TR 9).
  STEERING = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/
  EXPLANATION = "urn:sundown:problem:tls-floor"

  # OpenSSL's names for alerts 70, 71 and 40 (RFC 8446 section 6.2).
  ALERTS = {
    "protocol_version" => /alert[ _]protocol[ _]version/i,
    "insufficient_security" => /alert[ _]insufficient[ _]security/i,
    "handshake_failure" => /alert[ _]handshake[ _]failure/i
  }.freeze
  UNTRUSTED = /certificate verify failed|hostname .*match/i
  OWN_REFUSAL = /no protocols available|no ciphers available/i

  SUMMARIES = {
    "ok" => "this client meets every floor of the server",
    "at-risk" => "this client is served today and misses a floor",
    "blocked" => "the server turns this client's requests away"
  }.freeze

  # Why the answer is `unknown`, and what the library said.
  class Unable < StandardError
    attr_reader :said

    def initialize(summary, said = nil)
      super(summary)
      @said = said
    end
  end

  class << self
    # Asks `url` (its /ssl/ where it names no path) and returns the answer, a Hash. Never raises.
    #
    # `:ca` is a PEM file of the authorities to trust instead of the system's, `:timeout` the seconds that all of it may
    # take.
    def check(url, options = {})
      timeout = options[:timeout] || 10
      answer = {
        "url" => line(url)[0, 200], "verdict" => "unknown", "survives" => nil, "summary" => nil,
        "own" => { "runtime" => RUNTIME, "library" => LIBRARY, "protocol" => nil, "cipher" => nil },
        "server" => nil, "differs" => nil, "floors" => [], "alert" => nil, "fix" => nil, "contact" => nil, "error" => nil
      }
      # A thread of its own: the look-up of a name, too, ends with the time.
      worker = Thread.new { attempt(answer, url, options[:ca]) }
      unless worker.join(timeout)
        worker.kill
        answer = answer.merge("verdict" => "unknown", "summary" => format("no complete answer within %g s", timeout))
      end
      answer["error"] = line(answer["error"]) if answer["error"]
      answer["survives"] = SURVIVES[EXIT[answer["verdict"]]]
      answer
    end

    # The answer as lines for people.
    def render(answer)
      own, server, fix = answer["own"], answer["server"], answer["fix"]
      lines = [["url", answer["url"]], ["runtime", "#{own["runtime"]}, #{own["library"]}"]]
      here = [own["protocol"], own["cipher"]].compact
      lines << ["here", here.join(", ")] unless here.empty?
      lines << ["server", server.values_at("protocol", "cipher", "group").compact.join(", ")] if server
      if answer["differs"]
        lines << ["between", "something between this client and the server re-encrypts; the fix is due there"]
      end
      answer["floors"].each { |floor| lines << ["floor", floor_line(floor)] }
      lines << ["verdict", "#{answer["verdict"]}: #{answer["summary"]}"]
      lines << ["error", answer["error"]] if answer["error"]
      if fix
        lines << ["fix", fix["summary"]]
        fix["snippet"].to_s.split("\n").each { |snippet| lines << ["", snippet] unless snippet.empty? }
        lines << ["verify", fix["verify"]] if fix["verify"]
      end
      lines << ["help", answer["contact"]] if answer["contact"]
      lines << ["report", server["report"]] if server && server["report"]
      lines.map { |name, value| format("%-8s %s", name, value) }.join("\n")
    end

    private

    def attempt(answer, url, ca)
      ask(answer, url, ca)
    rescue Unable => unable
      answer["summary"], answer["error"] = unable.message, unable.said
    rescue StandardError => error
      answer["summary"], answer["error"] = "the check itself failed", words(error)
    end

    def ask(answer, url, ca)
      host, port, path = target(url)
      place = port == 443 ? host : "#{host}:#{port}"
      answer["url"] = "https://#{place}#{path}"
      context = context(ca)
      tcp = connect(host.delete("[]"), port, place)
      begin
        ssl = OpenSSL::SSL::SSLSocket.new(tcp, context)
        ssl.hostname = host if ssl.respond_to?(:hostname=) && host !~ /\A[\d.]+\z|\[/
        return unless shake(ssl, host.delete("[]"), answer)
        head, body = exchange(ssl, place, path)
        read(answer, head, body)
      ensure
        tcp.close
      end
    end

    def target(url)
      raise Unable, "the URL is plain HTTP; write https:// to check TLS" if url =~ %r{\Ahttp://}i
      match = URL.match(url)
      port = match ? (match[2] || 443).to_i : 0
      raise Unable, "the URL is not one to check; write https://host[:port][/path]" unless port.between?(1, 65_535)
      path = match[3].split("#", 2)[0].to_s.sub(/\A\?/, "/?")
      [match[1].downcase, port, ["", "/"].include?(path) ? "/ssl/" : path]
    end

    def context(ca)
      context = OpenSSL::SSL::SSLContext.new
      parameters = { verify_mode: OpenSSL::SSL::VERIFY_PEER }
      if ca
        store = OpenSSL::X509::Store.new
        store.add_file(ca)
        parameters[:cert_store] = store
      end
      context.set_params(parameters)
      context
    rescue OpenSSL::X509::StoreError, SystemCallError => error
      raise Unable.new("the file of authorities cannot be read", words(error))
    end

    def connect(host, port, place)
      TCPSocket.new(host, port)
    rescue SocketError, SystemCallError => error
      raise Unable.new("cannot reach #{place}", words(error))
    end

    # The library's words for a handshake that failed, turned into the answer they stand for.
    def shake(ssl, host, answer)
      ssl.connect
      ssl.post_connection_check(host)
      answer["own"]["protocol"] = ssl.ssl_version if ssl.respond_to?(:ssl_version)
      # JRuby gives the name alone.
      answer["own"]["cipher"] = Array(ssl.cipher)[0]
      true
    rescue OpenSSL::SSL::SSLError, SystemCallError, EOFError => error
      said = words(error)
      if said =~ UNTRUSTED
        raise Unable.new("the server's certificate is not trusted; --ca FILE names an authority to trust", said)
      end
      if said =~ OWN_REFUSAL
        answer["fix"] = fix("protocol_version", answer["url"])
        raise Unable.new("this runtime refuses by itself, before the server can", said)
      end
      alert, _ = ALERTS.find { |_, pattern| said =~ pattern }
      raise Unable.new("the handshake failed", said) unless alert
      answer.merge!("alert" => alert, "verdict" => "refused", "error" => said, "fix" => fix(alert, answer["url"]))
      answer["summary"] = "#{refusal(alert)}; this runtime's library is #{LIBRARY}"
      false
    end

    def refusal(alert)
      if alert == "protocol_version"
        "the server needs a later TLS version than this client offers"
      else
        "the server accepts no cipher suite or group that this client offers"
      end
    end

    def fix(alert, url)
      summary, snippet =
        if alert != "protocol_version"
          "Remove ciphers from code and CipherString from the file that OPENSSL_CONF names, or move to a current Ruby on a " \
            "current OpenSSL."
        elsif LIBRARY =~ /\AOpenSSL (0\.|1\.0\.0)/
          "#{RUNTIME} runs on #{LIBRARY}, which ends at TLSv1, and no setting changes that: install a current Ruby on a " \
            "current OpenSSL."
        else
          ["#{LIBRARY} offers TLSv1.2 and later unless something holds it to less: search code and gems for ssl_version, " \
            "max_version and DEFAULT_PARAMS, then RUBYOPT and the file that OPENSSL_CONF names, and remove the line. For " \
            "TLSv1.3 it takes OpenSSL 1.1.1 or later.",
           "grep -rnE 'ssl_version|max_version|DEFAULT_PARAMS|TLSv1(_1)?\\b' . --include='*.rb'"]
        end
      { "summary" => summary, "snippet" => snippet, "verify" => "sundown-check #{url}" }
    end

    # HTTP/1.0, so that the answer is never chunked.
    def exchange(ssl, place, path)
      ssl.write("GET #{path} HTTP/1.0\r\nHost: #{place}\r\nAccept: application/json\r\nConnection: close\r\n" \
        "User-Agent: sundown-check/#{VERSION} #{RUNTIME.sub(" ", "/")}\r\n\r\n")
      all = "".force_encoding("BINARY")
      until complete?(all)
        raise Unable, "the answer is longer than 1 MiB" if all.bytesize > LONGEST_ANSWER
        begin
          all << ssl.readpartial(16_384)
        rescue EOFError
          break
        rescue OpenSSL::SSL::SSLError, SystemCallError => error
          raise Unable.new("the connection ended before the answer was complete", words(error))
        end
      end
      split(all)
    end

    def split(all)
      raise Unable, "the connection ended before the answer was complete" if all.empty?
      head, body = all.split("\r\n\r\n", 2)
      raise Unable, "the answer is not HTTP" unless head =~ %r{\AHTTP/1\.[01] [0-9]{3}\b}
      raise Unable, "the connection ended before the answer was complete" if body.nil?
      raise Unable, "the answer is longer than 1 MiB" if body.bytesize > LONGEST_ANSWER
      length = field(head, "content-length")
      if length =~ /\A[0-9]+\z/ && body.bytesize < length.to_i
        raise Unable, "the connection ended before the answer was complete"
      end
      [head, body]
    end

    def complete?(all)
      ends = all.index("\r\n\r\n")
      length = ends && field(all[0, ends], "content-length")
      length =~ /\A[0-9]+\z/ && all.bytesize >= ends + 4 + length.to_i
    end

    def field(head, name)
      found = head.split("\r\n").find { |one| one.downcase.start_with?("#{name}:") }
      found && found.split(":", 2)[1].strip
    end

    # What the server says of this connection: an answer of /ssl/, an explanation, or the header that warns.
    def read(answer, head, body)
      told = begin
        JSON.parse(text_of(body))
      rescue StandardError
        nil # not JSON, which the last branch says
      end
      told = {} unless told.is_a?(Hash)
      status = head[9, 3].to_i
      notice = field(head, "sundown-notice")
      if told["type"] == EXPLANATION
        explained(answer, told)
      elsif text(told, "protocol")
        answered(answer, told)
      elsif notice
        noticed(answer, status, line(notice))
      else
        kind = line((field(head, "content-type") || "no content type").split(";")[0].to_s)
        raise Unable, "the server does not say how it sees this client (HTTP #{status}, #{kind})"
      end
      compare(answer, told["cipher_iana"])
    end

    def answered(answer, told)
      client = told["client"].is_a?(Hash) ? told["client"] : {}
      names = %w[runtime version library].map { |name| text(client, name) }.compact
      floors = list(told, "floors").select { |floor| floor.is_a?(Hash) }
      missed = floors.select { |floor| floor["verdict"] == "misses" }
      answer["server"] = seen(told).merge("client" => names.empty? ? nil : names.join(", "), "report" => text(told, "report"))
      answer["floors"] = floors.map { |floor| floor(floor) }
      answer["contact"] = missed.map { |floor| text(floor, "contact") }.compact.first
      answer["fix"] = advice(told)
      if SUMMARIES.key?(told["verdict"])
        conclude(answer, told["verdict"])
      else
        answer["summary"] = "the server gives no verdict"
      end
    end

    def explained(answer, told)
      answer["server"] = seen(told["seen"].is_a?(Hash) ? told["seen"] : {})
      answer["floors"] = [floor("sunset" => told["sunset"], "verdict" => "misses", "needed" => told["needed"])]
      answer["contact"] = text(told, "contact")
      answer["fix"] = advice(told)
      conclude(answer, "blocked")
    end

    def noticed(answer, status, notice)
      fields = Hash[notice.scan(/([a-z-]+)="([^"]*)"/)]
      answer["server"] = seen(
        "protocol" => fields["seen"], "cipher" => fields["seen-cipher"], "group" => fields["seen-group"]
      )
      needed = fields.values_at("needed", "needed-cipher", "needed-group").compact
      answer["floors"] = [floor("verdict" => "misses", "needed" => needed)]
      conclude(answer, status >= 400 ? "blocked" : "at-risk")
    end

    def conclude(answer, verdict)
      answer["verdict"], answer["summary"] = verdict, SUMMARIES[verdict]
    end

    def seen(told)
      { "protocol" => text(told, "protocol"), "cipher" => text(told, "cipher"), "group" => text(told, "group"),
        "client" => nil, "report" => nil }
    end

    def floor(told)
      following = told["next"].is_a?(Hash) ? told["next"] : {}
      following = { "phase" => text(following, "phase"), "at" => text(following, "at") }
      texts = lambda { |name| list(told, name).select { |one| one.is_a?(String) }.map { |one| line(one) } }
      { "name" => text(told, "name"), "sunset" => text(told, "sunset"), "phase" => text(told, "phase"),
        "verdict" => text(told, "verdict"), "because" => texts.call("because"), "needed" => texts.call("needed"),
        "next" => following.values.all? ? following : nil, "exception_until" => text(told, "exception_until") }
    end

    def advice(told)
      advice = told["advice"]
      return nil unless advice.is_a?(Hash) && text(advice, "summary")
      snippet = advice["snippet"]
      snippet = snippet.is_a?(String) ? snippet[0, LONGEST_TEXT].split("\n").map { |one| line(one) }.join("\n") : nil
      { "summary" => text(advice, "summary"), "snippet" => snippet, "verify" => text(advice, "verify") }
    end

    # Whether the server saw another connection than the one that was made here.
    def compare(answer, iana)
      own, server = answer["own"], answer["server"]
      differs = []
      differs << (own["protocol"] != server["protocol"]) if own["protocol"] && server["protocol"]
      if own["cipher"] && server["cipher"]
        same = [server["cipher"].sub(/\AEDH-/, "DHE-"), iana].include?(own["cipher"].sub(/\AEDH-/, "DHE-"))
        differs << !same
      end
      answer["differs"] = differs.any? unless differs.empty?
    end

    def text(told, name)
      value = told[name]
      value = value.is_a?(String) ? line(value) : ""
      value.empty? ? nil : value
    end

    def list(told, name)
      told[name].is_a?(Array) ? told[name].first(LONGEST_LIST) : []
    end

    def line(value)
      text_of(value.to_s)[0, LONGEST_TEXT].gsub(STEERING, " ").strip
    end

    # UTF-8, with what is not replaced.
    def text_of(bytes)
      text = bytes.dup.force_encoding("UTF-8")
      text.valid_encoding? ? text : text.encode("UTF-16", invalid: :replace, undef: :replace).encode("UTF-8")
    end

    def words(error)
      "#{error.class}: #{error.message}"
    end

    def floor_line(floor)
      name = floor["name"] || floor["sunset"] || "the server's"
      name = "#{floor["name"]} (#{floor["sunset"]})" if floor["name"] && floor["sunset"]
      return "#{name}: meets" if floor["verdict"] == "meets"
      parts = [floor["verdict"] || "unknown"] + floor["because"]
      parts << "needs #{floor["needed"].join(", ")}" unless floor["needed"].empty?
      if floor["exception_until"]
        parts << "excepted until #{floor["exception_until"]}"
      elsif floor["next"]
        parts << "#{floor["next"]["phase"]} from #{floor["next"]["at"]}"
      end
      "#{name}: #{parts.join("; ")}"
    end
  end
end
