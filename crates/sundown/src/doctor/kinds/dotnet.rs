//! .NET: it runs no line of code without a project, so it is judged by its version.

use crate::doctor::kind::{About, Asking, Kind};
use crate::doctor::run::Ended;
use crate::doctor::said::first_version;

pub(in crate::doctor) const KIND: Kind = Kind {
    id: "dotnet",
    name: ".NET",
    family: "dotnet",
    programs: &["dotnet"],
    about: |program, _| {
        Asking::new(program)
            .args(["--list-runtimes"])
            .env("DOTNET_CLI_TELEMETRY_OPTOUT", "1")
            .env("DOTNET_NOLOGO", "1")
            .env("DOTNET_SKIP_FIRST_TIME_EXPERIENCE", "1")
    },
    read,
    call: |_| Err("it runs no line of code without building a project"),
};

/// The newest: programs roll forward to it where their own is gone.
fn read(ended: &Ended) -> Option<About> {
    let said = String::from_utf8_lossy(&ended.stdout);
    let mut core = said
        .lines()
        .filter_map(|line| first_version(line.strip_prefix("Microsoft.NETCore.App ")?));
    Some(About {
        version: core.next_back()?,
        ..About::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_runtime_counts() {
        let said = "Microsoft.AspNetCore.App 8.0.1 [/usr/share/dotnet/shared/Microsoft.AspNetCore.App]\n\
            Microsoft.NETCore.App 6.0.26 [/usr/share/dotnet/shared/Microsoft.NETCore.App]\n\
            Microsoft.NETCore.App 8.0.1 [/usr/share/dotnet/shared/Microsoft.NETCore.App]\n";
        assert_eq!(read(&Ended::said(said, "")).unwrap().version, "8.0.1");
        assert!(read(&Ended::said("", "No frameworks")).is_none());
    }
}
