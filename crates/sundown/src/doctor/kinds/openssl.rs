//! OpenSSL, and LibreSSL, which calls its program so too.

use std::path::Path;

use crate::doctor::kind::{About, Asking, Call, Kind};
use crate::doctor::run::Ended;
use crate::doctor::said::{after, at_least, first_version};

pub(in crate::doctor) const KIND: Kind = Kind {
    id: "openssl",
    name: "OpenSSL",
    family: "openssl",
    programs: &["openssl"],
    about: |program, _| Asking::new(program).args(["version", "-a"]),
    read,
    call,
};

fn read(ended: &Ended) -> Option<About> {
    let said = String::from_utf8_lossy(&ended.stdout);
    let mut words = said.split_whitespace();
    let (name, version) = (words.next()?, words.next()?);
    if !matches!(name, "OpenSSL" | "LibreSSL") {
        return None;
    }
    // The library may be another release than the program.
    let library = after(&said, "(Library: ").and_then(|rest| {
        let mut words = rest.split_whitespace();
        Some((words.next()?, words.next()?))
    });
    let (name, version) = library.unwrap_or((name, version));
    let version = first_version(version)?;
    let directory = after(&said, "OPENSSLDIR: \"").and_then(|rest| Some(rest.split_once('"')?.0));
    Some(About {
        library: Some(format!("{name} {version}")),
        known_as: (name == "LibreSSL").then(|| format!("libressl {version}")),
        config: directory.map(|directory| Path::new(directory).join("openssl.cnf")),
        version,
        mute: None,
    })
}

fn call(call: &Call<'_>) -> Result<Vec<Asking>, &'static str> {
    let relay = format!("127.0.0.1:{}", call.port);
    // -quiet also keeps it from closing when its input ends, before the answer came.
    let mut asking = Asking::new(call.program)
        .args([
            "s_client",
            "-quiet",
            "-connect",
            &relay,
            "-servername",
            call.name,
        ])
        .args(["-verify_return_error"]);
    if at_least(&call.about.version, &[1, 0, 2]) && call.about.known_as.is_none() {
        asking = asking.args(["-verify_hostname", call.name]);
    }
    if let Some(ca) = call.ca {
        asking = asking.args(["-CAfile".as_ref(), ca.as_os_str()]);
    }
    Ok(vec![asking.input(call.request)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_library_and_directory_are_told_apart() {
        let said = "OpenSSL 1.1.1k 25 Mar 2021 (Library: OpenSSL 1.1.1w 11 Sep 2023)\nOPENSSLDIR: \"/usr/lib/ssl\"\n";
        let about = read(&Ended::said(said, "")).unwrap();
        assert_eq!(
            (about.version.as_str(), about.library.as_deref()),
            ("1.1.1w", Some("OpenSSL 1.1.1w"))
        );
        assert_eq!(
            about.config.as_deref(),
            Some(Path::new("/usr/lib/ssl/openssl.cnf"))
        );
        let libressl = read(&Ended::said("LibreSSL 3.3.6\n", "")).unwrap();
        assert_eq!(libressl.known_as.as_deref(), Some("libressl 3.3.6"));
        assert!(
            read(&Ended::said(
                "",
                "openssl: error while loading shared libraries"
            ))
            .is_none()
        );
    }
}
