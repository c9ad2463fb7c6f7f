//! How to test: the check address, the day to come, and the helpers.

use super::content::{Subject, needs};
use super::dates::day;
use super::document::{Block, code};

/// The check helpers: folder in `clients/`, language, and how theirs is called with an address once it is installed.
const HELPERS: [(&str, &str, &str); 10] = [
    ("python", "Python", "python -m sundown_check"),
    ("ruby", "Ruby", "sundown-check"),
    ("node", "Node.js", "sundown-check"),
    ("php", "PHP", "sundown-check"),
    ("java", "Java", "java -jar sundown-check.jar"),
    ("csharp", "C#", "sundown-check.exe"),
    ("go", "Go", "sundown-check"),
    ("perl", "Perl", "sundown-check"),
    ("rust", "Rust", "sundown-check"),
    ("shell", "Shell, with curl or openssl", "./sundown-check.sh"),
];

pub(super) fn blocks(subject: &Subject<'_>) -> Vec<Block> {
    let check = subject.check_url();
    let wanted: Vec<String> = subject
        .plan
        .sunsets
        .iter()
        .map(|sunset| needs(&sunset.floor))
        .collect();
    let mut blocks = vec![
        Block::Paragraph(format!(
            "Let the program itself call {check}, from the machine it runs on. The answer is JSON, or a page in a browser: `protocol` and `cipher` are what was negotiated, and `verdict` is `ok` when that has {}. Anything else comes with `advice` for that very runtime.",
            wanted.join(", and ")
        )),
        Block::Code(format!("curl {check}")),
        Block::Paragraph(
            "A test with another program proves nothing: curl on the same machine can be newer or older than what your code is linked with.".to_owned(),
        ),
    ];
    blocks.extend(previews(subject));
    blocks.push(Block::Paragraph(
        "There is a small helper for each of these languages. It makes the call with that language's own TLS, shows protocol and cipher as both sides saw them, says when something between them re-encrypts, and turns a refusal into the same advice:".to_owned(),
    ));
    blocks.push(Block::List(
        HELPERS
            .iter()
            .map(|(_, language, command)| {
                format!("{language}: {}", code(&format!("{command} {check}")))
            })
            .collect(),
    ));
    blocks
}

/// The names under which the days to come already run.
pub(crate) fn previews(subject: &Subject<'_>) -> impl Iterator<Item = Block> {
    subject.plan.previews.iter().map(|preview| {
        let at = if preview.at > subject.now {
            format!("already runs as it will on {}", day(preview.at))
        } else {
            format!("runs as of {}", day(preview.at))
        };
        Block::Paragraph(format!(
            "https://{}{} {at}: what works there will work on that day. It answers this check only, no API calls.",
            preview.sni, subject.path
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The folder of the helpers, which are no part of this crate.
    fn clients() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients")
    }

    #[test]
    fn every_helper_is_named_as_its_folder_is() {
        let folders: BTreeSet<String> = fs::read_dir(clients())
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        let named: BTreeSet<String> = HELPERS
            .iter()
            .map(|(folder, ..)| (*folder).to_owned())
            .collect();
        assert_eq!(named, folders);
    }

    #[test]
    fn every_command_is_one_that_the_readmes_give() {
        let overview = fs::read_to_string(clients().join("README.md")).unwrap();
        for (folder, language, command) in HELPERS {
            let row = overview
                .lines()
                .find(|line| line.contains(&format!("]({folder}) |")));
            let row = row.unwrap_or_else(|| panic!("clients/README.md has no row for {folder}"));
            let bare = command.trim_start_matches("./");
            assert!(row.contains(&format!("`{bare} URL`")), "{language}: {row}");
            let readme = fs::read_to_string(clients().join(folder).join("README.md")).unwrap();
            let called = readme.lines().any(|line| {
                let line = line.trim_start_matches("$ ");
                let line = line.strip_prefix("verify").map_or(line, str::trim_start);
                line.starts_with(&format!("{command} https://"))
            });
            assert!(
                called,
                "clients/{folder}/README.md does not call `{command} https://…`"
            );
        }
    }
}
