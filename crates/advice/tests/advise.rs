//! The advice for the clients that a platform's notice names, and for those it is wrong about.

use advice::{Advice, Clues, Knowledge};
use hello::Version;

const CHECK_URL: &str = "https://api.example.com/ssl/";

fn advise(user_agent: &str, ja4: Option<&str>, needed: Version) -> Advice {
    let knowledge = Knowledge::embedded();
    let offered = Version::TLSV1;
    let clues = Clues {
        user_agent: Some(user_agent),
        ja4,
        ja3: None,
        max_protocol: offered,
    };
    knowledge.advise(
        knowledge.recognise(&clues).as_ref(),
        offered,
        needed,
        CHECK_URL,
    )
}

/// User-Agent; a word the summary must hold; a word the snippet must hold ("" for no snippet).
const NOTICE: [(&str, &str, &str); 15] = [
    ("sdk node/0.8.28", "OpenSSL 1.0.0", "nvm"),
    ("sdk node/0.10.48", "secureProtocol", "secureProtocol"),
    ("Python-urllib/2.7", "OpenSSL 1.0.1", ""),
    (
        "rest-client/2.1.0 (linux x86_64) ruby/2.0.0p648",
        "OpenSSL 1.0.1",
        "",
    ),
    (
        "PHP-SOAP/5.3.3",
        "OpenSSL under libcurl: 1.0.1",
        "CURLOPT_SSLVERSION",
    ),
    ("libwww-perl/6.05", "1.0.1", ""),
    (
        "MS Web Services Client Protocol 2.0.50727.8009",
        "KB3154518",
        "v2.0.50727",
    ),
    (
        "MS Web Services Client Protocol 4.0.30319.1",
        "Install 4.5",
        "3072",
    ),
    (
        "MS Web Services Client Protocol 4.0.30319.34209",
        "does not offer it",
        "Tls12",
    ),
    (
        "MS Web Services Client Protocol 4.0.30319.42000",
        "retarget it",
        "3072",
    ),
    ("Java/1.6.0_45", "Move to Java 8", ""),
    (
        "Java/1.6.0_181",
        "leaves it off",
        "jdk.tls.client.protocols=TLSv1.2",
    ),
    ("Java/1.7.0_25", "leaves it off", "https.protocols=TLSv1.2"),
    (
        "Dalvik/1.6.0 (Linux; U; Android 4.3; Nexus 7 Build/JSS15Q)",
        "does not offer it",
        "ProviderInstaller",
    ),
    (
        "Dalvik/1.4.0 (Linux; U; Android 2.3.6; GT-S5570)",
        "Replace the device",
        "",
    ),
];

#[test]
fn the_rows_of_the_notice_get_the_exact_change() {
    for (user_agent, says, changes) in NOTICE {
        let advice = advise(user_agent, None, Version::TLSV1_2);
        assert!(
            advice.summary.contains(says),
            "{user_agent}: {}",
            advice.summary
        );
        match &advice.snippet {
            None => assert_eq!(changes, "", "{user_agent} has no snippet"),
            Some(snippet) => {
                assert!(
                    !changes.is_empty() && snippet.contains(changes),
                    "{user_agent}: {snippet}"
                );
            }
        }
        assert!(
            advice.verify.contains("api.example.com"),
            "{user_agent}: {}",
            advice.verify
        );
    }
}

#[test]
fn a_stack_that_could_is_told_what_holds_it_down() {
    // Ruby sends no version; the handshake shows an OpenSSL that has TLSv1.2.
    let advice = advise(
        "Ruby",
        Some("t10d090600_c491f621fb4c_195413a0cc0f"),
        Version::TLSV1_2,
    );
    assert!(advice.summary.contains("limits it"), "{}", advice.summary);
    assert!(advice.summary.contains("MaxProtocol"), "{}", advice.summary);
}

#[test]
fn an_unknown_version_is_told_how_to_find_it() {
    let advice = advise("Apache-HttpClient/4.2.1 (java 1.5)", None, Version::TLSV1_2);
    assert!(
        advice
            .summary
            .contains("version unknown: to see it, run `java -version`"),
        "{}",
        advice.summary
    );
}

#[test]
fn an_unknown_client_gets_the_advice_of_its_stack_or_of_all() {
    let stack = advise(
        "",
        Some("t10d360400_f6eb58f1a81a_a875e5012fde"),
        Version::TLSV1_2,
    );
    assert!(
        stack.summary.starts_with("Node.js 0.8 "),
        "{}",
        stack.summary
    );
    let shared = advise(
        "",
        Some("t10d090600_c491f621fb4c_195413a0cc0f"),
        Version::TLSV1_2,
    );
    assert!(
        shared
            .summary
            .starts_with("OpenSSL 1.1 and later can offer TLSv1.2"),
        "{}",
        shared.summary
    );
    assert!(
        shared
            .summary
            .contains("Seen with this handshake: curl, Node.js"),
        "{}",
        shared.summary
    );
    let nobody = advise("x", None, Version::TLSV1_2);
    assert!(
        nobody.summary.contains("OpenSSL 1.0.1, Java 8"),
        "{}",
        nobody.summary
    );
    assert_eq!(
        nobody.verify,
        "openssl s_client -connect api.example.com:443 </dev/null"
    );
}

#[test]
fn tls13_is_promised_only_where_it_is_known() {
    let node = advise("sdk node/10.24.1", None, Version::TLSV1_3);
    assert!(
        node.summary
            .starts_with("Node.js 10.24.1 cannot offer TLSv1.3. Node.js 12 and later"),
        "{}",
        node.summary
    );
    let python = advise("Python-urllib/3.3", None, Version::TLSV1_3);
    assert!(
        python
            .summary
            .starts_with("Python 3.3 cannot offer TLSv1.3."),
        "{}",
        python.summary
    );
    let explorer = advise(
        "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko",
        None,
        Version::TLSV1_3,
    );
    assert!(
        explorer.summary.contains("No release of Internet Explorer"),
        "{}",
        explorer.summary
    );
    let java = advise("Java/1.8.0_300", None, Version::TLSV1_3);
    assert_eq!(
        java.snippet.as_deref(),
        Some("-Djdk.tls.client.protocols=TLSv1.3,TLSv1.2")
    );
}

#[test]
fn clues_that_disagree_point_at_what_stands_between() {
    let chrome =
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";
    let advice = advise(chrome, None, Version::TLSV1_2);
    assert!(
        advice.summary.starts_with("The clues disagree: "),
        "{}",
        advice.summary
    );
    assert!(advice.summary.contains("proxy"), "{}", advice.summary);
}

#[test]
fn whoever_offers_enough_changes_nothing() {
    let knowledge = Knowledge::embedded();
    for offered in [Version::TLSV1_2, Version::TLSV1_3] {
        let advice = knowledge.advise(None, offered, Version::TLSV1_2, CHECK_URL);
        assert!(
            advice.summary.starts_with("Nothing needs changing"),
            "{}",
            advice.summary
        );
        assert_eq!(advice.snippet, None);
    }
}

#[test]
fn a_forged_address_stays_inside_the_command() {
    let knowledge = Knowledge::embedded();
    let hostile = "https://evil'; rm -rf / #/ssl/";
    let advice = knowledge.advise(None, Version::TLSV1_3, Version::TLSV1_2, hostile);
    assert_eq!(
        advice.verify,
        "curl -sS 'https://evil%27%3B%20rm%20-rf%20/%20%23/ssl/'"
    );
}
