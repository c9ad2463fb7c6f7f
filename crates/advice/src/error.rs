//! What can be wrong with the data.

/// A data file of the knowledge base that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file is not TOML, lacks a key, has an unknown one, or a value of the wrong form.
    #[error("{file}: {problem}")]
    Form {
        /// The file's name below `data/`.
        file: &'static str,
        /// The parser's own account: line, column, key and what was expected.
        problem: toml::de::Error,
    },
    /// The file reads well but does not hold together.
    #[error("{file}: `{row}`: {problem}")]
    Sense {
        /// The file's name below `data/`.
        file: &'static str,
        /// The id of the row.
        row: String,
        /// What is wrong, and what to write instead.
        problem: String,
    },
}
