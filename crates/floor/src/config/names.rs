//! Finds the name that somebody meant.

/// The candidate nearest to a misspelled name, if any is near: at most one letter put in, left out, changed or
/// swapped with its neighbour for every three, case aside.
pub(super) fn nearest<'a>(
    wanted: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    // A name longer than any candidate is not worth the square of its length.
    const LONGEST: usize = 64;
    if wanted.len() > LONGEST {
        return None;
    }
    let lower = wanted.to_ascii_lowercase();
    let near = candidates
        .map(|candidate| {
            let distance = strsim::osa_distance(&lower, &candidate.to_ascii_lowercase());
            (distance, candidate)
        })
        .min()?;
    (near.0 <= wanted.chars().count().div_ceil(3)).then_some(near.1)
}

/// "did you mean …?", or else the fallback.
pub fn did_you_mean<'a>(
    wanted: &str,
    candidates: impl Iterator<Item = &'a str>,
    fallback: &str,
) -> String {
    nearest(wanted, candidates).map_or_else(
        || fallback.to_owned(),
        |name| format!("did you mean `{name}`?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_nonsense_is_not() {
        let floors = || ["tls1.1", "tls1.2", "rfc9325"].into_iter();
        assert_eq!(nearest("tls12", floors()), Some("tls1.2"));
        assert_eq!(nearest("TLS1.2", floors()), Some("tls1.2"));
        assert_eq!(nearest("tls1.", floors()), Some("tls1.1"));
        assert_eq!(nearest("rfc9235", floors()), Some("rfc9325"));
        assert_eq!(nearest("something", floors()), None);
    }
}
