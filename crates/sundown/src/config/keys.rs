//! Which key of a TOML file a place in its text belongs to.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The key at a place: `sunset[0].brownout[1].from`, `listener[0].certificates[0].key`. Empty where no key can
/// be made out. Works on broken files as far as they can be read.
pub(super) fn key_at(text: &str, place: usize) -> String {
    let (root, _) = DeTable::parse_recoverable(text);
    let mut deepest = Deepest {
        place,
        path: String::new(),
        length: usize::MAX,
        above: (0, String::new()),
    };
    deepest.table(root.get_ref(), "");
    if !deepest.path.is_empty() {
        return deepest.path;
    }
    // What is too broken to be a key, or a second of its name, is not in the tree.
    let names = [deepest.above.1.as_str(), word_at(text, place)];
    let names = names.into_iter().filter(|name| !name.is_empty());
    names.collect::<Vec<_>>().join(".")
}

/// The key with the shortest text around a place. Headers of tables, keys and values all count.
struct Deepest {
    place: usize,
    path: String,
    length: usize,
    /// The last table that begins before the place, and where it begins.
    above: (usize, String),
}

impl Deepest {
    fn table(&mut self, table: &DeTable<'_>, path: &str) {
        for (key, value) in table {
            let path = if path.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{path}.{}", key.get_ref())
            };
            self.span(&key.span(), &path);
            self.value(value, &path);
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, path: &str) {
        self.span(&value.span(), path);
        match value.get_ref() {
            DeValue::Table(table) => {
                let start = value.span().start;
                if start <= self.place && start >= self.above.0 {
                    self.above = (start, path.to_owned());
                }
                self.table(table, path);
            }
            DeValue::Array(array) => {
                for (index, value) in array.iter().enumerate() {
                    self.value(value, &format!("{path}[{index}]"));
                }
            }
            _ => {}
        }
    }

    /// Of two that are as near, the later is the deeper.
    fn span(&mut self, span: &Range<usize>, path: &str) {
        if span.contains(&self.place) && span.len() <= self.length {
            self.length = span.len();
            path.clone_into(&mut self.path);
        }
    }
}

/// What stands before the `=` in the line of a place.
fn word_at(text: &str, place: usize) -> &str {
    let start = text
        .get(..place)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |end| end + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next());
    let key = line.and_then(|line| line.split_once('='));
    key.map_or("", |(key, _)| key).trim()
}
