//! Java: its JSSE, by a program that it compiles in memory (11 and later, with a compiler), else by the JavaScript engine
//! that 6 to 14 carry. A bare runtime without either cannot be asked.

use std::path::{Path, PathBuf};

use crate::doctor::kind::{About, Asking, Call, Kind};
use crate::doctor::run::Ended;
use crate::doctor::said::{after, first_version};

const SOURCE: &str = include_str!("Ask.java");
const SCRIPT: &str = include_str!("jvm.js");

pub(in crate::doctor) const KIND: Kind = Kind {
    id: "java",
    name: "Java",
    family: "java",
    programs: &["java"],
    about: |program, _| quiet(program).args(["-version"]),
    read,
    call,
};

/// The directory that holds `bin/java`.
pub(in crate::doctor) fn home(program: &Path) -> Option<PathBuf> {
    let real = program.canonicalize().ok()?;
    Some(real.parent()?.parent()?.to_owned())
}

/// Without the file of counters that it leaves in the temporary directory, and quick to start.
fn quiet(program: &Path) -> Asking {
    Asking::new(program).args(["-XX:-UsePerfData", "-Xshare:auto"])
}

fn read(ended: &Ended) -> Option<About> {
    let said = String::from_utf8_lossy(&ended.stderr);
    // `openjdk version "17.0.15" 2025-04-15`, `java version "1.7.0_25"`; JAVA_TOOL_OPTIONS may stand before it.
    let quoted = after(&said, " version \"")?;
    let version = first_version(quoted)?;
    Some(About {
        known_as: said
            .contains("IBM J9")
            .then(|| format!("ibm-jdk {version}")),
        version,
        library: Some("Java JSSE".to_owned()),
        ..About::default()
    })
}

fn call(call: &Call<'_>) -> Result<Vec<Asking>, &'static str> {
    let home = home(call.program).ok_or("its directory cannot be read")?;
    let there = |path: &str| {
        let file = home.join(path);
        file.is_file().then_some(file)
    };
    let series: u32 = {
        let mut parts = call.about.version.split(['.', '_', '-', '+']);
        let first = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        match first {
            1 => parts.next().and_then(|part| part.parse().ok()).unwrap_or(0),
            first => first,
        }
    };
    let compiles = there("bin/javac").is_some()
        || there("lib/modules").is_some() && there("jmods/jdk.compiler.jmod").is_some();
    if series >= 11 && compiles {
        let source = call.directory.join("Ask.java");
        std::fs::write(&source, SOURCE).map_err(|_| "the temporary directory cannot be written")?;
        // The first compiler stage alone halves its start.
        return Ok(vec![
            quiet(call.program)
                .args(["-XX:TieredStopAtLevel=1"])
                .args([source])
                .script(call),
        ]);
    }
    let Some(engine) = there("bin/jjs")
        .or_else(|| there("bin/jrunscript"))
        .or_else(|| there("../bin/jrunscript"))
    else {
        return Err("a runtime without a compiler and a script engine runs no line of code");
    };
    let script = call.directory.join("ask.js");
    std::fs::write(&script, SCRIPT).map_err(|_| "the temporary directory cannot be written")?;
    Ok(vec![Asking::new(&engine).args([script]).script(call)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(said: &str) -> Option<String> {
        let about = read(&Ended::said("", said))?;
        Some(about.known_as.unwrap_or(about.version))
    }

    #[test]
    fn versions_are_read_as_javas_say_them() {
        for (said, expected) in [
            (
                "openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime",
                "17.0.15",
            ),
            ("java version \"1.7.0_25\"\nJava(TM) SE Runtime", "1.7.0_25"),
            (
                "Picked up JAVA_TOOL_OPTIONS: -Dx=\"y\"\nopenjdk version \"11\" 2018-09-25",
                "11",
            ),
            (
                "java version \"1.8.0_391\"\nIBM J9 VM (build 2.9",
                "ibm-jdk 1.8.0_391",
            ),
            ("openjdk version \"25-ea\" 2025-09-16", "25"),
        ] {
            assert_eq!(version(said).as_deref(), Some(expected), "{said}");
        }
        assert!(version("Error: could not find libjava.so").is_none());
    }
}
