//! Formats of which no server can be driven here: lines made after the documentation of those who define them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

use std::fs;

use observe::logs::{Beginning, Progress, Said, Start, Step, Wanted};

/// Format, and of each piece of evidence: first second, address, server name, version, cipher, User-Agent, connections.
fn read(text: &[u8]) -> (&'static str, Vec<String>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let beginning = Beginning::of_file(file.path(), Progress::default()).unwrap();
    let mut log = beginning
        .open(&Said::Nothing, &Wanted::default(), &Start::default())
        .unwrap();
    while log.step().unwrap() != Step::End {}
    let mut shown = Vec::new();
    log.hand_on(|evidence| {
        let negotiated = evidence.negotiated.as_ref();
        shown.push(format!(
            "{} {} {} {} {} {:?} {}",
            evidence.first,
            evidence
                .address
                .map_or("-".to_owned(), |address| address.to_string()),
            evidence.sni.unwrap_or("-"),
            negotiated.map_or("-".to_owned(), |negotiated| negotiated.version.to_string()),
            negotiated.map_or("-", |negotiated| negotiated.cipher),
            evidence.user_agent.unwrap_or_default(),
            evidence.connections
        ));
        Ok::<_, ()>(())
    })
    .unwrap();
    assert_eq!(log.counts().malformed, 0, "{:?}", log.malformed());
    shown.sort();
    (log.format().name(), shown)
}

#[test]
fn application_load_balancer() {
    let line = br#"https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012" 1 2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_123456
"#;
    let expected = "2018-07-02T22:23:00Z 192.168.131.39 www.example.com TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 \"curl/7.46.0\" 1";
    assert_eq!(read(line), ("alb", vec![expected.to_owned()]));
}

#[test]
fn network_load_balancer() {
    let line = b"tls 2.0 2020-04-01T08:51:42 net/my-network-loadbalancer/c6e77e28c25b2234 g3d4b5e8bb8464cd 72.21.218.154:51341 172.100.100.185:443 5 2 98 246 - arn:aws:acm:us-east-2:671290407336:certificate/2a108f19-aded-46b0-8493-c63eb1ef4a99 - ECDHE-RSA-AES128-SHA tlsv12 - my-network-loadbalancer-c6e77e28c25b2234.elb.us-east-2.amazonaws.com h2 h2 \"h2\",\"http/1.1\" 2020-04-01T08:51:20\n";
    let expected = "2020-04-01T08:51:42Z 72.21.218.154 my-network-loadbalancer-c6e77e28c25b2234.elb.us-east-2.amazonaws.com TLSv1.2 ECDHE-RSA-AES128-SHA \"\" 1";
    assert_eq!(read(line), ("nlb", vec![expected.to_owned()]));
}

#[test]
fn cloudfront() {
    let log = b"#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\td111111abcdef8.cloudfront.net\t/index.html\t200\t-\tMozilla/5.0%20(Windows%20NT%2010.0)\t-\t-\tHit\tSOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==\td111111abcdef8.cloudfront.net\thttps\t23\t0.001\t-\tTLSv1.2\tECDHE-RSA-AES128-GCM-SHA256\tHit\tHTTP/2.0\t-\t-\t11040\t0.001\tHit\ttext/html\t78\t-\t-\n";
    let expected = "2019-12-04T21:02:31Z 192.0.2.100 d111111abcdef8.cloudfront.net TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 \"Mozilla/5.0 (Windows NT 10.0)\" 1";
    assert_eq!(read(log), ("cloudfront", vec![expected.to_owned()]));
}

#[test]
fn cloudtrail_records_and_lines() {
    let event = |version: &str| {
        format!(
            r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/Mary"}},"eventTime":"2023-07-19T21:17:28Z","eventSource":"ec2.amazonaws.com","eventName":"StartInstances","sourceIPAddress":"192.0.2.0","userAgent":"aws-cli/2.13.5","tlsDetails":{{"tlsVersion":"{version}","cipherSuite":"ECDHE-RSA-AES128-GCM-SHA256","clientProvidedHostHeader":"ec2.us-east-1.amazonaws.com"}}}}"#
        )
    };
    let expected = |version: &str| {
        format!(
            "2023-07-19T21:17:28Z 192.0.2.0 ec2.us-east-1.amazonaws.com {version} ECDHE-RSA-AES128-GCM-SHA256 \"aws-cli/2.13.5\" 1"
        )
    };
    let both = vec![expected("TLSv1"), expected("TLSv1.2")];
    let records = format!(
        "{{\"Records\":[{},\n {}]}}",
        event("TLSv1"),
        event("TLSv1.2")
    );
    assert_eq!(read(records.as_bytes()), ("cloudtrail", both.clone()));
    let lines = format!("{}\n{}\n", event("TLSv1"), event("TLSv1.2"));
    assert_eq!(read(lines.as_bytes()), ("cloudtrail", both));
}

#[test]
fn zeek_in_columns_and_in_json() {
    let columns = b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tssl\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tversion\tcipher\tcurve\tserver_name\tresumed\tlast_alert\tnext_protocol\testablished\n#types\ttime\tstring\taddr\tport\taddr\tport\tstring\tstring\tstring\tstring\tbool\tstring\tstring\tbool\n1600000000.100000\tCHhAvVGS1DHFjwGM9\t10.0.0.80\t56637\t68.233.76.12\t443\tTLSv12\tTLS_RSA_WITH_RC4_128_MD5\t-\t-\tF\t-\t-\tT\n#close\t2020-09-13\n";
    let expected = "2020-09-13T12:26:40Z 10.0.0.80 - TLSv1.2 RC4-MD5 \"\" 1";
    assert_eq!(read(columns), ("zeek", vec![expected.to_owned()]));
    let json = br#"{"ts":1600000000.1,"uid":"CHhAvVGS1DHFjwGM9","id.orig_h":"10.0.0.80","id.orig_p":56637,"id.resp_h":"68.233.76.12","id.resp_p":443,"version":"TLSv12","cipher":"TLS_RSA_WITH_RC4_128_MD5","resumed":false,"established":true}
"#;
    assert_eq!(read(json), ("zeek", vec![expected.to_owned()]));
}

#[test]
fn suricata_and_traefik() {
    let eve = br#"{"timestamp":"2009-11-24T21:27:09.534255+0100","flow_id":1,"event_type":"flow","src_ip":"192.168.2.7"}
{"timestamp":"2009-11-24T21:27:09.534255+0100","flow_id":1,"event_type":"tls","src_ip":"192.168.2.7","src_port":1041,"dest_ip":"x.x.250.50","dest_port":443,"proto":"TCP","tls":{"subject":"CN=x","sni":"www.example.com","version":"TLS 1.2","ja3":{"hash":"x","string":"769,47-53-5-10,0-10-11,23-24-25,0"}}}
"#;
    let expected = "2009-11-24T20:27:09Z 192.168.2.7 www.example.com TLSv1.2 unknown \"\" 1";
    assert_eq!(read(eve), ("suricata", vec![expected.to_owned()]));
    let traefik = br#"{"ClientAddr":"192.0.2.1:50000","ClientHost":"192.0.2.1","DownstreamStatus":200,"RequestHost":"api.example.com","RequestPath":"/","StartUTC":"2023-07-19T21:17:28.123456789Z","TLSCipher":"TLS_AES_128_GCM_SHA256","TLSVersion":"1.3","request_User-Agent":"curl/8"}
"#;
    let expected = "2023-07-19T21:17:28Z 192.0.2.1 api.example.com TLSv1.3 TLS_AES_128_GCM_SHA256 \"curl/8\" 1";
    assert_eq!(read(traefik), ("traefik", vec![expected.to_owned()]));
}
