//! GNU Wget, through the relay as its proxy. BusyBox's is another program and says no version.

use crate::doctor::kind::{About, Asking, Call, Kind};
use crate::doctor::run::Ended;
use crate::doctor::said::{at_least, first_version};

pub(in crate::doctor) const KIND: Kind = Kind {
    id: "wget",
    name: "Wget",
    family: "wget",
    programs: &["wget"],
    about: |program, _| Asking::new(program).args(["--version"]),
    read,
    call,
};

fn read(ended: &Ended) -> Option<About> {
    let said = String::from_utf8_lossy(&ended.stdout);
    let version = first_version(said.lines().next()?.strip_prefix("GNU Wget ")?)?;
    let built = |with: &str| said.split_whitespace().any(|word| word == with);
    let library = if built("+ssl/gnutls") {
        Some("GnuTLS")
    } else if built("+ssl/openssl") {
        Some("OpenSSL")
    } else {
        None
    };
    Some(About {
        version,
        mute: built("-https").then(|| "this Wget was built without TLS".to_owned()),
        library: library.map(str::to_owned),
        ..About::default()
    })
}

fn call(call: &Call<'_>) -> Result<Vec<Asking>, &'static str> {
    let relay = format!("https_proxy=http://127.0.0.1:{}/", call.port);
    let asking = Asking::new(call.program)
        .args(["--quiet", "--tries=1", "--output-document=-"])
        .args([format!("--timeout={}", call.seconds)])
        .args(["-e", "use_proxy=on", "-e", &relay, "-e", "no_proxy="])
        .args(["--header", "Accept: application/json"]);
    // From 1.17 on it keeps a list of servers in the home directory.
    let asking = if at_least(&call.about.version, &[1, 17]) {
        asking.args(["--no-hsts"])
    } else {
        asking
    };
    let asking = match call.ca {
        Some(ca) => asking.args(["--ca-certificate".as_ref(), ca.as_os_str()]),
        None => asking,
    };
    Ok(vec![asking.args([call.url])])
}
