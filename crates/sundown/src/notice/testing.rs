//! How to test: the check address, the day to come, and the helpers.

use super::content::{Subject, needs};
use super::dates::day;
use super::document::{Block, code};

/// The check helpers: language, and how theirs is called with an address.
const HELPERS: &[(&str, &str)] = &[
    ("Python", "python -m sundown_check"),
    ("Ruby", "sundown-check"),
    ("Node.js", "npx sundown-check"),
    ("PHP", "vendor/bin/sundown-check"),
    ("Java", "java -jar sundown-check.jar"),
    ("C#", "sundown-check.exe"),
    ("Go", "go run ./cmd/sundown-check"),
    ("Perl", "sundown-check"),
    ("Rust", "cargo run --"),
    ("Shell, with curl or openssl", "sh sundown-check.sh"),
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
    for preview in &subject.plan.previews {
        let at = if preview.at > subject.now {
            format!("already runs as it will on {}", day(preview.at))
        } else {
            format!("runs as of {}", day(preview.at))
        };
        blocks.push(Block::Paragraph(format!(
            "https://{}{} {at}: what works there will work on that day. It answers this check only, no API calls.",
            preview.sni, subject.path
        )));
    }
    blocks.push(Block::Paragraph(
        "There is a small helper for each of these languages. It makes the call with that language's own TLS, shows protocol and cipher as both sides saw them, says when something between them re-encrypts, and turns a refusal into the same advice:".to_owned(),
    ));
    blocks.push(Block::List(
        HELPERS
            .iter()
            .map(|(language, command)| {
                format!("{language}: {}", code(&format!("{command} {check}")))
            })
            .collect(),
    ));
    blocks
}
