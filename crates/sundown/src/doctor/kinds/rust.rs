//! Rust: the curl and OpenSSL in cargo. As a registry it is given the server, so that its own curl shakes hands. Programs
//! carry the TLS that they were built with: often rustls.

use crate::doctor::kind::{About, Asking, Call, Kind};
use crate::doctor::run::Ended;
use crate::doctor::said::{after, first_version};

pub(in crate::doctor) const KIND: Kind = Kind {
    id: "rust",
    name: "cargo",
    family: "curl",
    programs: &["cargo"],
    about: |program, directory| {
        Asking::new(program)
            .args(["--version", "--verbose"])
            .env("CARGO_HOME", directory.join("cargo"))
    },
    read,
    call,
};

fn read(ended: &Ended) -> Option<About> {
    let said = String::from_utf8_lossy(&ended.stdout);
    let version = first_version(after(&said, "cargo ")?)?;
    // `libcurl: 8.15.0-DEV (… ssl:OpenSSL/3.5.4)`
    let library = after(&said, " ssl:").and_then(|rest| {
        let (name, rest) = rest.split_once('/')?;
        Some(format!("{name} {}", first_version(rest)?))
    });
    let curl = after(&said, "libcurl: ").and_then(first_version);
    Some(About {
        version,
        library,
        known_as: Some(format!("curl {}", curl.unwrap_or_default())),
        ..About::default()
    })
}

fn call(call: &Call<'_>) -> Result<Vec<Asking>, &'static str> {
    let place = |name: &str| call.directory.join(name).into_os_string();
    let index = format!("sparse+{}/", call.url.trim_end_matches('/'));
    let asking = Asking::new(call.program)
        .args(["search", "sundown-doctor", "--index", &index])
        .env(
            "CARGO_HTTP_PROXY",
            format!("http://127.0.0.1:{}", call.port),
        )
        .env("CARGO_NET_RETRY", "0")
        .env("CARGO_HOME", place("cargo"))
        .without("NO_PROXY")
        .without("no_proxy");
    Ok(vec![match call.ca {
        Some(ca) => asking.env("CARGO_HTTP_CAINFO", ca),
        None => asking,
    }])
}
