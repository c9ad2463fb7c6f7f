//! Words from the other side, made safe to show.

/// The most that is kept of one text: an advice is a few sentences.
const LONGEST: usize = 2000;

/// Without what would steer a terminal or reorder a line: control characters and the marks that change the
/// direction of text (Unicode TR 9). Line ends and tabs stay.
pub(crate) fn printable(text: &str) -> String {
    let harmless = |c: &char| match c {
        '\n' | '\t' => true,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        c => !c.is_control(),
    };
    text.chars().filter(harmless).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_left_out() {
        assert_eq!(
            printable("a\u{1b}[31mb\u{9b}2Jc\u{202e}d\r\ne"),
            "a[31mb2Jcd\ne"
        );
        assert_eq!(printable(&"x".repeat(5000)).len(), LONGEST);
    }
}
