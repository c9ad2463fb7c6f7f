//! Tables as they are written: a plan with every key, and what is wrong with one.

use floor::Problem;
use floor::config::PlanTables;

pub(crate) fn problems(toml: &str) -> Vec<Problem> {
    let tables: PlanTables = toml::from_str(toml).unwrap_or_else(|error| panic!("{error}\n{toml}"));
    tables
        .build([0; 16])
        .map(|_| ())
        .expect_err("a plan with something wrong")
}

/// The text that a problem points at.
pub(crate) fn pointed<'a>(toml: &'a str, problem: &Problem) -> &'a str {
    &toml[problem.span.clone()]
}

/// A plan in order, with every table and every key.
pub(crate) const WHOLE: &str = r#"
[[sunset]]
name = "TLS 1.0 and 1.1"
floor = { min = "TLSv1.2", suites = ["ECDHE-RSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"], groups = ["x25519"] }
observe = 2016-06-01
warn = "2016-09-15T00:00:00+02:00"
explain = 2016-12-15T00:00:00Z
refuse = "2017-01-15T00:00:00-05:00[America/New_York]"
contact = "https://example.com/help"
card_data_paths = ["/v1/payments"]

[[sunset.brownout]]
from = "2016-11-15T09:00Z"
to = "2016-11-15T17:00Z"
length = "10m"
every = "1h"
offset = "7m"
share = 0.25
exempt = ["/ssl/"]
as = "explain"

[[exception]]
account = "acme"
address = "2001:db8::/32"
sni = "old.example.com"
sunset = "TLS 1.0 and 1.1"
floor = "tls1.1"
until = "2017-03-01"
owner = "jo@example.com"
reason = "kiosk firmware ships in February"

[[preview]]
sni = "next.api.example.com"
at = "2017-01-16"
"#;
