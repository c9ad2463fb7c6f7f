//! Finds the name that somebody meant.

/// The candidate nearest to a misspelled name, if any is near: at most one edit for every three letters.
pub(super) fn nearest<'a>(
    wanted: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    // A name longer than any candidate is not worth the square of its length.
    const LONGEST: usize = 64;
    if wanted.len() > LONGEST {
        return None;
    }
    let near = candidates
        .map(|candidate| (distance(wanted, candidate), candidate))
        .min()?;
    (near.0 <= wanted.chars().count().div_ceil(3)).then_some(near.1)
}

/// "did you mean …?", or else the fallback.
pub(super) fn did_you_mean<'a>(
    wanted: &str,
    candidates: impl Iterator<Item = &'a str>,
    fallback: &str,
) -> String {
    nearest(wanted, candidates).map_or_else(
        || fallback.to_owned(),
        |name| format!("did you mean `{name}`?"),
    )
}

/// How many letters must be put in, left out or changed, case aside (Levenshtein 1965).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.chars().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, against) in row.iter_mut().skip(1).zip(&other) {
            let changed = diagonal + usize::from(!letter.eq_ignore_ascii_case(against));
            diagonal = *cell;
            left = changed.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (one, other, expected) in [
            ("", "", 0),
            ("kitten", "sitting", 3),
            ("", "abc", 3),
            ("abc", "", 3),
            ("TLS1.2", "tls1.2", 0),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn a_slip_is_found_and_nonsense_is_not() {
        let floors = || ["tls1.1", "tls1.2", "rfc9325"].into_iter();
        assert_eq!(nearest("tls12", floors()), Some("tls1.2"));
        assert_eq!(nearest("rfc9235", floors()), Some("rfc9325"));
        assert_eq!(nearest("something", floors()), None);
    }
}
