//! curl, through the relay as its proxy: that way ~/.curlrc applies as it does every day.

use crate::doctor::kind::{About, Asking, Call, Kind};
use crate::doctor::run::Ended;
use crate::doctor::said::{after, first_version};

pub(in crate::doctor) const KIND: Kind = Kind {
    id: "curl",
    name: "curl",
    family: "curl",
    programs: &["curl"],
    about: |program, _| Asking::new(program).args(["--version"]),
    read,
    call,
};

/// What TLS libraries are called in the version line of curl, and in the knowledge base.
const LIBRARIES: [(&str, &str); 9] = [
    (" OpenSSL/", "OpenSSL"),
    (" BoringSSL/", "BoringSSL"),
    (" LibreSSL/", "LibreSSL"),
    (" GnuTLS/", "GnuTLS"),
    (" NSS/", "NSS"),
    (" wolfSSL/", "wolfSSL"),
    (" mbedTLS/", "mbed TLS"),
    (" rustls-ffi/", "rustls"),
    (" Schannel", "Schannel"),
];

/// The TLS library in a version line of curl.
pub(in crate::doctor) fn library(line: &str) -> Option<String> {
    LIBRARIES.iter().find_map(|(theirs, ours)| {
        let version = first_version(after(line, theirs)?);
        Some(match version {
            Some(version) => format!("{ours} {version}"),
            None => (*ours).to_owned(),
        })
    })
}

fn read(ended: &Ended) -> Option<About> {
    let said = String::from_utf8_lossy(&ended.stdout);
    let line = said.lines().next()?;
    let library = library(line);
    Some(About {
        version: first_version(line.strip_prefix("curl ")?)?,
        mute: library
            .is_none()
            .then(|| "this curl was built without TLS".to_owned()),
        library,
        ..About::default()
    })
}

fn call(call: &Call<'_>) -> Result<Vec<Asking>, &'static str> {
    let asking = Asking::new(call.program)
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            &call.seconds.to_string(),
        ])
        .args(["--proxy", &format!("http://127.0.0.1:{}", call.port)])
        // It keeps its own User-Agent.
        .args(["--header", "Accept: application/json"])
        .without("NO_PROXY")
        .without("no_proxy");
    let asking = match call.ca {
        Some(ca) => asking.args(["--cacert".as_ref(), ca.as_os_str()]),
        None => asking,
    };
    Ok(vec![asking.args([call.url])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_in_the_first_line() {
        for (line, expected) in [
            (
                "curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1 OpenSSL/3.0.19 zlib/1.2.13",
                Some("OpenSSL 3.0.19"),
            ),
            (
                "curl 7.19.7 (x86_64-redhat-linux-gnu) libcurl/7.19.7 NSS/3.13.1.0 zlib/1.2.3",
                Some("NSS 3.13.1.0"),
            ),
            (
                "curl 8.7.1 (x86_64-apple-darwin23.0) libcurl/8.7.1 (SecureTransport) LibreSSL/3.3.6",
                Some("LibreSSL 3.3.6"),
            ),
            (
                "curl 8.4.0 (Windows) libcurl/8.4.0 Schannel WinIDN",
                Some("Schannel"),
            ),
            ("curl 8.4.0 (x) libcurl/8.4.0 zlib/1.2", None),
        ] {
            let about = read(&Ended::said(line, "")).unwrap();
            assert_eq!(about.library.as_deref(), expected, "{line}");
            assert_eq!(about.mute.is_some(), expected.is_none());
        }
        assert!(read(&Ended::said("x".repeat(1 << 20).as_str(), "")).is_none());
    }
}
