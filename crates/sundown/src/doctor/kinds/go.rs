//! Go: the `go` command is itself a Go program, built by the same release. As a proxy for modules it is given the server,
//! so that its own crypto/tls shakes hands; what it asks for there (a list of versions) nobody has. Programs carry the
//! crypto/tls of the release that built them.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::doctor::kind::{About, Asking, Call, Kind};
use crate::doctor::run::Ended;
use crate::doctor::said::{after, first_version};

pub(in crate::doctor) const KIND: Kind = Kind {
    id: "go",
    name: "Go",
    family: "go",
    programs: &["go"],
    about: |program, directory| quiet(program, directory).args(["version"]),
    read,
    call,
};

fn read(ended: &Ended) -> Option<About> {
    let said = String::from_utf8_lossy(&ended.stdout);
    Some(About {
        version: first_version(after(&said, "go version go")?)?,
        library: Some("Go crypto/tls".to_owned()),
        ..About::default()
    })
}

/// All that it would leave behind is left in `directory`; its telemetry (<https://go.dev/doc/telemetry>) is off there.
fn quiet(program: &Path, directory: &Path) -> Asking {
    let config = directory.join("config");
    let telemetry = config.join("go/telemetry");
    // Where it cannot be written, nor can the telemetry.
    let _ = fs::create_dir_all(&telemetry).and_then(|()| fs::write(telemetry.join("mode"), "off"));
    Asking::new(program)
        .env("GOTOOLCHAIN", "local")
        .env("GOPATH", directory.join("go"))
        .env("GOMODCACHE", directory.join("go-modules"))
        .env("GOCACHE", directory.join("go-cache"))
        .env("XDG_CONFIG_HOME", config)
}

fn call(call: &Call<'_>) -> Result<Vec<Asking>, &'static str> {
    let asking = quiet(call.program, call.directory)
        .args(["list", "-m", "sundown.invalid/doctor@latest"])
        .env("GO111MODULE", "on")
        .env("GOFLAGS", "")
        .env("GONOSUMDB", "*")
        .env("GONOPROXY", "none")
        .env("GOPRIVATE", "");
    let asking = match call.ca {
        Some(ca) => asking.env("SSL_CERT_FILE", ca),
        None => asking,
    };
    // It goes through no proxy to a name of this machine; there the relay stands under the same name.
    let asking = if matches!(call.name, "localhost" | "127.0.0.1") {
        asking.env("GOPROXY", format!("https://{}:{}", call.name, call.port))
    } else {
        let server = call
            .url
            .splitn(4, '/')
            .take(3)
            .collect::<Vec<_>>()
            .join("/");
        let relay = OsString::from(format!("http://127.0.0.1:{}", call.port));
        asking
            .env("GOPROXY", server)
            .env("HTTPS_PROXY", relay.clone())
            .env("https_proxy", relay)
            .without("NO_PROXY")
            .without("no_proxy")
    };
    Ok(vec![asking])
}
