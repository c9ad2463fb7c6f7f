//! GnuTLS, by its own client.

use crate::doctor::kind::{About, Asking, Call, Kind};
use crate::doctor::run::Ended;
use crate::doctor::said::first_version;

pub(in crate::doctor) const KIND: Kind = Kind {
    id: "gnutls",
    name: "GnuTLS",
    family: "gnutls",
    programs: &["gnutls-cli"],
    about: |program, _| Asking::new(program).args(["--version"]),
    read,
    call,
};

fn read(ended: &Ended) -> Option<About> {
    let said = String::from_utf8_lossy(&ended.stdout);
    let version = first_version(said.lines().next()?.strip_prefix("gnutls-cli ")?)?;
    Some(About {
        library: Some(format!("GnuTLS {version}")),
        version,
        ..About::default()
    })
}

fn call(call: &Call<'_>) -> Result<Vec<Asking>, &'static str> {
    let asking = Asking::new(call.program)
        .args(["--port", &call.port.to_string()])
        .args([
            format!("--sni-hostname={}", call.name),
            format!("--verify-hostname={}", call.name),
        ]);
    let asking = match call.ca {
        Some(ca) => asking.args(["--x509cafile".as_ref(), ca.as_os_str()]),
        None => asking,
    };
    Ok(vec![asking.args(["127.0.0.1"]).input(call.request)])
}
