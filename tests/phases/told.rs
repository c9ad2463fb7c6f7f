//! What a client was told, held against what the plan says.
//!
//! Comes in: a run and its day. Goes out: nothing, or the first thing that is not as it should be.

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::clients::Served;
use crate::{Asks, Day, Run, Treatment, ja4};

impl Run {
    pub(crate) fn check(&self, day: &Day) -> anyhow::Result<()> {
        let treatment = self.treatment(day);
        if treatment == Treatment::Refused {
            self.case.assert_names_the_protocol(&self.outcome);
            return Ok(());
        }
        let served = self.outcome.served.as_ref().context("got no answer")?;
        if treatment == Treatment::Explained && self.begins_with_the_api() {
            return self.check_explained(served);
        }
        ensure!(self.outcome.error.is_none(), "reports an error");
        ensure!(served.status == 200, "status {}", served.status);
        match self.asks {
            Asks::Ssl => self.check_ssl(served, day),
            Asks::Api => self.check_api(served, treatment),
        }
    }

    fn check_ssl(&self, served: &Served, day: &Day) -> anyhow::Result<()> {
        let offers = self.case.offers;
        ensure!(
            !says_anything_of_the_sunset(served),
            "/ssl/ itself carries warning headers"
        );
        if self.case.client == "chromium" {
            ensure!(
                served.body.contains("<html") && served.body.contains(offers),
                "not a page that says {offers}"
            );
            return Ok(());
        }
        let answer: Value = serde_json::from_str(&served.body).context("not JSON")?;
        ensure!(
            answer["protocol"] == offers,
            "protocol is {}",
            answer["protocol"]
        );
        ensure!(
            answer["offered"]["max_protocol"] == offers,
            "offered is {}",
            answer["offered"]
        );
        let (verdict, standing) = if self.case_meets() {
            ("ok", "meets")
        } else {
            (day.verdict, "misses")
        };
        ensure!(
            answer["verdict"] == verdict,
            "verdict is {}",
            answer["verdict"]
        );
        let floor = &answer["floors"][0];
        ensure!(
            floor["verdict"] == standing && floor["phase"] == day.phase,
            "floor is {floor}"
        );
        ensure!(
            answer["advice"].is_null() == self.case_meets(),
            "advice is {}",
            answer["advice"]
        );
        if !self.case_meets() {
            ensure!(
                floor["because"] == json!([format!("offers {offers} at most")]),
                "because is {}",
                floor["because"]
            );
            ensure!(
                answer["advice"]["summary"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "advice is empty"
            );
        }
        let ja4 = &answer["fingerprint"]["ja4"];
        if let Some(recorded) = ja4::recorded(self.case.client, self.case.held, self.case.version())
        {
            ensure!(ja4 == recorded, "JA4 is {ja4}, recorded was {recorded}");
        }
        Ok(())
    }

    fn check_api(&self, served: &Served, treatment: Treatment) -> anyhow::Result<()> {
        // The upstream answers with what it was sent; Chromium shows JSON in a page of its own making.
        let echoed: Value =
            serde_json::from_str(&served.body).context("not the upstream's answer")?;
        ensure!(
            echoed["path"] == self.asks.path(),
            "path is {}",
            echoed["path"]
        );
        if treatment != Treatment::Warned {
            ensure!(!says_anything_of_the_sunset(served), "is warned");
            return Ok(());
        }
        let header = |name: &str| served.headers.get(name).map_or("", String::as_str);
        // 2016-09-15, the start of the warnings, and 2016-12-15, the first day without service.
        ensure!(
            header("deprecation") == "@1473897600",
            "Deprecation: {}",
            header("deprecation")
        );
        ensure!(
            header("sunset") == "Thu, 15 Dec 2016 00:00:00 GMT",
            "Sunset: {}",
            header("sunset")
        );
        ensure!(
            header("link").contains("/ssl/>; rel=\"deprecation\""),
            "Link: {}",
            header("link")
        );
        ensure!(
            header("sundown-notice") == self.notice(),
            "Sundown-Notice: {}",
            header("sundown-notice")
        );
        Ok(())
    }

    /// Reason phrase, header and body each name the version; the client that hides two of them shows the third.
    fn check_explained(&self, served: &Served) -> anyhow::Result<()> {
        let offers = self.case.offers;
        let message = format!("TLSv1.2 needed; client offers {offers} at most");
        ensure!(served.status == 403, "status {}", served.status);
        if self.case.sees_reason {
            ensure!(served.reason == message, "reason is {:?}", served.reason);
        }
        let notice = served
            .headers
            .get("sundown-notice")
            .context("no Sundown-Notice")?;
        ensure!(*notice == self.notice(), "Sundown-Notice: {notice}");
        let problem: Value = serde_json::from_str(&served.body).context("not JSON")?;
        ensure!(
            problem["type"] == "urn:sundown:problem:tls-floor",
            "type is {}",
            problem["type"]
        );
        ensure!(
            problem["title"] == message.as_str(),
            "title is {}",
            problem["title"]
        );
        ensure!(
            problem["seen"]["protocol"] == offers,
            "seen is {}",
            problem["seen"]
        );
        ensure!(
            problem["needed"] == json!(["TLSv1.2"]),
            "needed is {}",
            problem["needed"]
        );
        ensure!(problem["advice"]["summary"].is_string(), "no advice");
        Ok(())
    }

    fn notice(&self) -> String {
        format!(
            "seen=\"{}\", needed=\"TLSv1.2\", from=\"2016-12-15T00:00:00Z\"",
            self.case.offers
        )
    }
}

fn says_anything_of_the_sunset(served: &Served) -> bool {
    ["deprecation", "sunset", "link", "sundown-notice"]
        .iter()
        .any(|name| served.headers.contains_key(*name))
}
