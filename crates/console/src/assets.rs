//! The files that pages need, within the program.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header;
use sha2::{Digest, Sha256};

use crate::fault::Fault;

/// Zero-Clause BSD; its licence lies beside it.
const HTMX: &str = include_str!("../assets/htmx/htmx.min.js");
const SCRIPT: &str = include_str!("../assets/console.js");
const STYLE: &str = include_str!("../assets/console.css");
const ICON: &str = include_str!("../assets/icon.svg");

/// One of them.
pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    let (kind, text) = match name.as_str() {
        "htmx.min.js" => ("text/javascript; charset=utf-8", HTMX),
        "console.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "console.css" => ("text/css; charset=utf-8", STYLE),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Fault::missing("There is no such file.").into_response(),
    };
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// Another text for other files: what a browser keeps is not shown after an update.
pub(crate) fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let mut digest = Sha256::new();
        for text in [HTMX, SCRIPT, STYLE, ICON] {
            digest.update(text);
        }
        let bytes = digest.finalize();
        bytes
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    })
}
