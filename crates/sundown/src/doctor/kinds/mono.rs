//! Mono: its SslStream, by a program that the compiler beside it makes.

use crate::doctor::kind::{About, Asking, Call, Kind};
use crate::doctor::run::Ended;
use crate::doctor::said::{after, first_version};

const SOURCE: &str = include_str!("Ask.cs");

pub(in crate::doctor) const KIND: Kind = Kind {
    id: "mono",
    name: "Mono",
    family: "mono",
    programs: &["mono"],
    about: |program, _| quiet(Asking::new(program)).args(["--version"]),
    read,
    call,
};

/// Without the segment of counters that it leaves in shared memory.
fn quiet(asking: Asking) -> Asking {
    asking.env("MONO_DISABLE_SHARED_AREA", "1")
}

fn read(ended: &Ended) -> Option<About> {
    let said = String::from_utf8_lossy(&ended.stdout);
    Some(About {
        version: first_version(after(&said, "Mono JIT compiler version ")?)?,
        ..About::default()
    })
}

fn call(call: &Call<'_>) -> Result<Vec<Asking>, &'static str> {
    let compiler = call.program.with_file_name("mcs");
    if !compiler.is_file() {
        return Err("no compiler (mcs) stands beside it");
    }
    let (source, built) = (
        call.directory.join("Ask.cs"),
        call.directory.join("ask.exe"),
    );
    std::fs::write(&source, SOURCE).map_err(|_| "the temporary directory cannot be written")?;
    let mut out = std::ffi::OsString::from("-out:");
    out.push(&built);
    Ok(vec![
        quiet(Asking::new(&compiler)).args([out, source.into_os_string()]),
        quiet(Asking::new(call.program)).args([built]).script(call),
    ])
}
