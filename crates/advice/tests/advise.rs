//! The advice for the clients that a platform's notice names, and for those it is wrong about.

use advice::{Advice, Clues, Goal, Knowledge, Trust};
use floor::Floor;
use hello::{Facts, Offer, Version};

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

/// The advice for an offer that misses a floor.
fn for_floor(floor: &str, user_agent: Option<&str>, facts: Facts) -> Advice {
    let offer = Offer::from(&facts);
    let verdict = Floor::named(floor).expect("a named floor").judge(&offer);
    let knowledge = Knowledge::embedded();
    let clues = Clues {
        user_agent,
        ja4: None,
        ja3: None,
        max_protocol: offer.max_version(),
    };
    let runtime = knowledge.recognise(&clues);
    knowledge
        .advise_verdict(runtime.as_ref(), &verdict, CHECK_URL)
        .expect("it misses")
}

/// TLSv1.2 with what a floor allows and what it does not.
fn tls12(suites: &[u16], groups: &[u16]) -> Facts {
    Facts {
        legacy_version: Version::TLSV1_2,
        suites: suites.to_vec(),
        groups: groups.to_vec(),
        extensions: vec![10, 11],
        ..Facts::default()
    }
}

#[test]
fn suites_and_groups_that_fall_short_get_advice_too() {
    // AES-CBC with RSA key exchange alone.
    let old = tls12(&[0x002f, 0x0035], &[0x0017]);
    let nobody = for_floor("rfc9325", None, old.clone());
    assert!(
        nobody.summary.starts_with(
            "None of this client's cipher suites will do; it needs one such as ECDHE-"
        ),
        "{}",
        nobody.summary
    );
    let java = for_floor("rfc9325", Some("Java/1.8.0_212"), old.clone());
    assert!(
        java.summary.contains("jdk.tls.client.cipherSuites"),
        "{}",
        java.summary
    );
    assert!(java.verify.contains("jrunscript") || java.verify.contains("jshell"));

    let tls13 = |groups: &[u16]| Facts {
        supported_versions: vec![Version::TLSV1_3],
        ..tls12(&[0x1301], groups)
    };
    let node = for_floor("pq", Some("sdk node/20.1.0"), tls13(&[0x001d]));
    assert!(
        node.summary
            .starts_with("Node.js 20.1.0 cannot offer X25519MLKEM768."),
        "{}",
        node.summary
    );
    let node = for_floor("pq", Some("sdk node/24.9.0"), tls13(&[0x001d]));
    assert!(
        node.summary.starts_with(
            "Node.js 24.9.0 can offer X25519MLKEM768 but offered no post-quantum group"
        ),
        "{}",
        node.summary
    );
    let nobody = for_floor("pq", None, tls13(&[0x001d]));
    assert!(
        nobody.summary.contains("one such as X25519MLKEM768"),
        "{}",
        nobody.summary
    );
}

#[test]
fn every_floor_has_advice_for_every_family() {
    let knowledge = Knowledge::embedded();
    for name in Floor::NAMES {
        let floor = Floor::named(name).unwrap();
        for entry in knowledge.entries() {
            let runtime = knowledge.look_up(&entry.name).unwrap();
            let prospects = knowledge.prospects(&runtime, floor, CHECK_URL);
            assert!(!prospects.is_empty(), "{name} {}", entry.name);
            for (goal, prospect) in prospects {
                let advice = prospect.advice;
                assert!(
                    advice.summary.len() > 20 && !advice.summary.contains('{'),
                    "{goal} {}: {}",
                    entry.name,
                    advice.summary
                );
                assert!(!advice.verify.is_empty() && advice.find.is_some());
            }
        }
    }
}

#[test]
fn what_has_no_source_says_so() {
    let knowledge = Knowledge::embedded();
    let runtime = knowledge.look_up("unity").unwrap();
    let prospect = knowledge
        .prospect(&runtime, Goal::Tls12, CHECK_URL)
        .unwrap();
    assert!(
        prospect
            .advice
            .summary
            .ends_with("No published source confirms this: prove it with the command below."),
        "{}",
        prospect.advice.summary
    );
    assert_eq!(prospect.advice.confidence, Trust::Unsourced);
}

#[test]
fn the_library_in_a_user_agent_decides() {
    let old = "curl/7.19.7 (x86_64-redhat-linux-gnu) libcurl/7.19.7 NSS/3.13.1.0 zlib/1.2.3";
    let advice = advise(old, None, Version::TLSV1_2);
    assert!(
        advice.summary.starts_with(
            "curl 7.19.7 runs on NSS 3.13.1.0, which has no TLSv1.2: it takes NSS 3.15.1 or later."
        ),
        "{}",
        advice.summary
    );
}

#[test]
fn what_re_encrypts_is_what_gets_the_advice() {
    let knowledge = Knowledge::embedded();
    let advice = knowledge.advise_intermediary(Version::TLSV1_3, Version::TLSV1, CHECK_URL);
    assert!(
        advice
            .summary
            .starts_with("The client negotiated TLSv1.3, the server TLSv1: something between"),
        "{}",
        advice.summary
    );
    let behind = advise(
        "curl/8.5.0",
        Some("t13i281000_a01be8c064b6_ef4b9b248d72"),
        Version::TLSV1_2,
    );
    assert!(
        behind.summary.starts_with(
            "The clues disagree: the User-Agent names curl, the handshake is that of mitmproxy."
        ) && behind.summary.contains("tls_version_server_max"),
        "{}",
        behind.summary
    );
}

/// On a library that the rule for its release does not name, that library's own words count.
#[test]
fn wget_on_gnutls_is_told_of_gnutls() {
    let knowledge = Knowledge::embedded();
    let mut wget = knowledge.look_up("wget 1.21").expect("it is known");
    for (library, words) in [
        ("GnuTLS 3", "GnuTLS 3.8.8 and later can be told to offer"),
        ("GnuTLS 3.8.9", "leancrypto"),
        (
            "GnuTLS 3.6.16",
            "GnuTLS 3.6.16, which has no X25519MLKEM768",
        ),
    ] {
        wget.library = Some(library.to_owned());
        let prospects = knowledge.prospects(&wget, Floor::named("pq").expect("a floor"), CHECK_URL);
        let said: Vec<String> = prospects
            .into_iter()
            .filter(|(goal, _)| *goal == Goal::Pq)
            .map(|(_, prospect)| format!("{:?}", prospect.advice))
            .collect();
        let said = said.concat();
        assert!(said.contains(words), "{library}: {said}");
        assert!(!said.contains("OpenSSL"), "{library}: {said}");
    }
}
