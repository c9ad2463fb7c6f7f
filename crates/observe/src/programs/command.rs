//! What a program is called, without what its arguments may hide.
//!
//! The executable's name, and where that is an interpreter, what it runs. Everything else of the command line is left out:
//! passwords and tokens are arguments often enough, and nobody can tell which.

use std::path::Path;

/// The longest name of a script that is shown; a path has some 50 characters.
const LONGEST: usize = 96;

/// A program that runs another, whose name says more.
struct Interpreter {
    /// What its executable is called, without version.
    names: &'static [&'static str],
    /// Options whose value says what is run; it is shown with the option.
    runs: &'static [&'static str],
    /// Options with a value that says nothing.
    values: &'static [&'static str],
    /// Options after which there is code on the command line and no file.
    code: &'static [&'static str],
    /// Words that stand before what is run.
    words: &'static [&'static str],
}

const INTERPRETERS: [Interpreter; 10] = [
    Interpreter {
        names: &["python", "pypy"],
        runs: &["-m"],
        values: &["-W", "-X", "--check-hash-based-pycs"],
        code: &["-c"],
        words: &[],
    },
    Interpreter {
        names: &["java", "javaw"],
        runs: &["-jar", "-m", "--module"],
        values: &[
            "-cp",
            "-classpath",
            "--class-path",
            "-p",
            "--module-path",
            "--upgrade-module-path",
            "--add-modules",
            "--add-opens",
            "--add-exports",
            "--add-reads",
            "--source",
            "--enable-native-access",
            "--limit-modules",
        ],
        code: &[],
        words: &[],
    },
    Interpreter {
        names: &["node", "nodejs", "bun"],
        runs: &[],
        values: &[
            "-r",
            "--require",
            "--import",
            "--loader",
            "--experimental-loader",
            "-C",
            "--conditions",
            "--env-file",
        ],
        code: &["-e", "--eval", "-p", "--print", "-pe"],
        words: &["run"],
    },
    Interpreter {
        names: &["deno"],
        runs: &[],
        values: &["-c", "--config", "--import-map"],
        code: &["eval"],
        words: &["run", "serve"],
    },
    Interpreter {
        names: &["php", "php-cgi"],
        runs: &["-f"],
        values: &["-c", "-d", "-S", "-t", "-z"],
        code: &["-r", "-B", "-R", "-E"],
        words: &[],
    },
    Interpreter {
        names: &["ruby", "jruby"],
        runs: &["-S"],
        values: &["-I", "-r", "-C"],
        code: &["-e"],
        words: &[],
    },
    Interpreter {
        names: &["perl"],
        runs: &[],
        values: &["-I"],
        code: &["-e", "-E", "-ne", "-pe"],
        words: &[],
    },
    Interpreter {
        names: &["sh", "bash", "dash", "zsh", "ksh", "ash"],
        runs: &[],
        values: &["-o", "-O", "--rcfile", "--init-file"],
        code: &["-c", "-lc", "-ec", "-xc", "-s"],
        words: &[],
    },
    Interpreter {
        names: &["dotnet", "mono"],
        runs: &[],
        values: &[
            "--runtimeconfig",
            "--depsfile",
            "--additionalprobingpath",
            "--fx-version",
        ],
        code: &[],
        words: &["exec", "run"],
    },
    Interpreter {
        names: &["lua", "luajit", "tclsh", "Rscript", "pwsh", "groovy"],
        runs: &["-File"],
        values: &[],
        code: &["-e", "-Command", "-c"],
        words: &[],
    },
];

/// Programs that are many, by the name that they are called by.
const MANY: [&str; 3] = ["busybox", "toybox", "coreutils"];

/// What to call a process: its executable, where that can be seen, its arguments, as `/proc/PID/cmdline` has them, and the
/// name that it gives itself. `None` where there is nothing to call it by.
pub(super) fn shown(exe: Option<&Path>, arguments: &[u8], own_name: &str) -> Option<String> {
    let arguments: Vec<&str> = arguments
        .split(|byte| *byte == 0)
        .map(|argument| std::str::from_utf8(argument).unwrap_or_default())
        .collect();
    let first = arguments.first().copied().unwrap_or_default();
    let of_path = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        // What was updated while it runs.
        let name = name.strip_suffix(" (deleted)").unwrap_or(name);
        // A title has its details behind the name: "nginx: worker process".
        let end = name.find([' ', ':']).unwrap_or(name.len());
        name.get(..end)
            .unwrap_or(name)
            .trim_start_matches('-')
            .to_owned()
    };
    let exe = exe
        .and_then(Path::to_str)
        .map(of_path)
        .filter(|name| !MANY.contains(&name.as_str()));
    let name = [exe, Some(of_path(first)), Some(own_name.to_owned())]
        .into_iter()
        .flatten()
        .find(|name| !name.is_empty())?;
    let bare =
        name.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.');
    let interpreter = INTERPRETERS
        .iter()
        .find(|interpreter| interpreter.names.contains(&bare));
    let script = interpreter.and_then(|interpreter| interpreter.script(&arguments));
    // A worker of an interpreter that gives itself a title: "gunicorn: worker [shop]".
    let title = interpreter
        .filter(|_| script.is_none() && first.contains([' ', ':']))
        .map(|_| of_path(first));
    Some(match script.or(title) {
        Some(script) if script != name => format!("{name} {script}"),
        _ => name,
    })
}

impl Interpreter {
    /// What it runs, with the option that says so.
    fn script(&self, arguments: &[&str]) -> Option<String> {
        let mut arguments = arguments.iter().skip(1);
        while let Some(argument) = arguments.next() {
            if self.code.contains(argument) {
                return None;
            }
            if self.runs.contains(argument) {
                let runs = name(arguments.next()?)?;
                return Some(format!("{argument} {runs}"));
            }
            if self.values.contains(argument) {
                arguments.next();
            } else if !argument.starts_with(['-', '@']) && !self.words.contains(argument) {
                return name(argument);
            }
        }
        None
    }
}

/// A script's name, if it is one: what has the signs of a URL or of a setting is something else.
fn name(argument: &str) -> Option<String> {
    let plain = |character: char| {
        character.is_alphanumeric() || matches!(character, '/' | '.' | '_' | '-' | '+' | '$')
    };
    let is_plain = !argument.is_empty() && argument.chars().all(plain);
    let length = argument.chars().count();
    if !is_plain {
        return None;
    }
    // The end of a path says more than its beginning.
    let cut: String = argument
        .chars()
        .skip(length.saturating_sub(LONGEST))
        .collect();
    Some(if length > LONGEST {
        format!("…{cut}")
    } else {
        cut
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_and_what_may_be_secret_is_not() {
        for (exe, arguments, expected) in [
            (
                "/usr/bin/curl",
                "curl -u user:S3CRET https://a/?token=S3CRET",
                "curl",
            ),
            ("/usr/bin/curl (deleted)", "curl", "curl"),
            (
                "/usr/bin/python3.11",
                "python3 /srv/sync.py --token S3CRET",
                "python3.11 /srv/sync.py",
            ),
            (
                "/usr/bin/python3.11",
                "python3 -W ignore -m shop.worker --password=S3CRET",
                "python3.11 -m shop.worker",
            ),
            ("/usr/bin/python3.11", "python3 -c S3CRET()", "python3.11"),
            (
                "/usr/bin/python3.11",
                "gunicorn: worker [S3CRET]",
                "python3.11 gunicorn",
            ),
            (
                "/usr/lib/jvm/bin/java",
                "java -Dkey=S3CRET -cp a.jar:S3CRET.jar -Xmx1g shop.Main S3CRET",
                "java shop.Main",
            ),
            (
                "/usr/lib/jvm/bin/java",
                "java -jar /opt/billing.jar --key S3CRET",
                "java -jar /opt/billing.jar",
            ),
            (
                "/usr/bin/node",
                "node --require ./S3CRET app.js S3CRET",
                "node app.js",
            ),
            ("/usr/bin/node", "node -e S3CRET", "node"),
            (
                "/usr/bin/deno",
                "deno run --allow-net https://user:S3CRET@host/a.ts",
                "deno",
            ),
            ("/usr/bin/dash", "/bin/sh -c S3CRET", "dash"),
            (
                "/usr/bin/dotnet",
                "dotnet exec Shop.dll S3CRET",
                "dotnet Shop.dll",
            ),
            ("/bin/busybox", "wget https://S3CRET", "wget"),
            ("/usr/sbin/nginx", "nginx: worker process", "nginx"),
            ("", "/opt/app/server --key=S3CRET", "server"),
            ("", "", "kworker"),
        ] {
            let exe = Some(Path::new(exe)).filter(|exe| !exe.as_os_str().is_empty());
            let separated = match arguments.contains(": ") {
                true => arguments.to_owned(),
                false => arguments.replace(' ', "\0") + "\0",
            };
            let shown = shown(exe, separated.as_bytes(), "kworker").unwrap();
            assert_eq!(shown, expected, "{arguments}");
            assert!(!shown.contains("S3CRET"));
        }
    }

    #[test]
    fn hostile_arguments_are_cut_or_left_out() {
        let long = format!("python3\0/{}/end.py\0", "a".repeat(4_000));
        let shown_long = shown(Some(Path::new("/usr/bin/python3")), long.as_bytes(), "").unwrap();
        assert!(shown_long.chars().count() < 120 && shown_long.ends_with("a/end.py"));
        for script in [
            "a\u{1b}[2Jb",
            "\u{202e}cod",
            "a b",
            "https://host/",
            "key=value",
        ] {
            let arguments = format!("python3\0{script}\0");
            let shown = shown(
                Some(Path::new("/usr/bin/python3")),
                arguments.as_bytes(),
                "",
            );
            assert_eq!(shown.as_deref(), Some("python3"));
        }
        assert_eq!(shown(None, b"\xff\xfe\0", "x").as_deref(), Some("x"));
        assert_eq!(shown(None, b"", ""), None);
    }
}
