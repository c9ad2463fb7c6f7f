Gem::Specification.new do |spec|
  spec.name = "sundown_check"
  spec.version = "0.1.0"
  spec.summary = "Will this Ruby survive the server's next change of TLS?"
  spec.authors = ["Sundown"]
  spec.licenses = ["MIT", "Apache-2.0"]
  spec.required_ruby_version = ">= 1.9.3"
  spec.files = ["lib/sundown_check.rb", "exe/sundown-check", "README.md"]
  spec.bindir = "exe"
  spec.executables = ["sundown-check"]
end
