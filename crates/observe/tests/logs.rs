//! Formats of which no server can be driven here: lines as those who define them document them, the page beside each.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

use std::fs;

use observe::logs::{Beginning, Progress, Said, Start, Step, Wanted};

/// Format, and of each piece of evidence: first second, address, server name, version and group, cipher, User-Agent,
/// connections.
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
            negotiated.map_or("-".to_owned(), |negotiated| {
                let group = negotiated.group.map(|group| format!(" {group}"));
                format!("{}{}", negotiated.version, group.unwrap_or_default())
            }),
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

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html>, the entry for
/// HTTPS.
#[test]
fn application_load_balancer() {
    let line = br#"https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012" 1 2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_123456
"#;
    let expected = "2018-07-02T22:23:00Z 192.168.131.39 www.example.com TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 \"curl/7.46.0\" 1";
    assert_eq!(read(line), ("alb", vec![expected.to_owned()]));
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-access-logs.html>, the entry with an
/// ALPN policy.
#[test]
fn network_load_balancer() {
    let line = b"tls 2.0 2020-04-01T08:51:42 net/my-network-loadbalancer/c6e77e28c25b2234 g3d4b5e8bb8464cd 72.21.218.154:51341 172.100.100.185:443 5 2 98 246 - arn:aws:acm:us-east-2:671290407336:certificate/2a108f19-aded-46b0-8493-c63eb1ef4a99 - ECDHE-RSA-AES128-SHA tlsv12 - my-network-loadbalancer-c6e77e28c25b2234.elb.us-east-2.amazonaws.com h2 h2 \"h2\",\"http/1.1\" 2020-04-01T08:51:20\n";
    let expected = "2020-04-01T08:51:42Z 72.21.218.154 my-network-loadbalancer-c6e77e28c25b2234.elb.us-east-2.amazonaws.com TLSv1.2 ECDHE-RSA-AES128-SHA \"\" 1";
    assert_eq!(read(line), ("nlb", vec![expected.to_owned()]));
}

/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/AccessLogs.html>: the heading of all fields.
#[test]
fn cloudfront() {
    let log = b"#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\td111111abcdef8.cloudfront.net\t/index.html\t200\t-\tMozilla/5.0%20(Windows%20NT%2010.0)\t-\t-\tHit\tSOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==\td111111abcdef8.cloudfront.net\thttps\t23\t0.001\t-\tTLSv1.2\tECDHE-RSA-AES128-GCM-SHA256\tHit\tHTTP/2.0\t-\t-\t11040\t0.001\tHit\ttext/html\t78\t-\t-\n";
    let expected = "2019-12-04T21:02:31Z 192.0.2.100 d111111abcdef8.cloudfront.net TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 \"Mozilla/5.0 (Windows NT 10.0)\" 1";
    assert_eq!(read(log), ("cloudfront", vec![expected.to_owned()]));
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html>; `tlsDetails` by
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>.
#[test]
fn cloudtrail_records_and_lines() {
    let event = |version: &str, more: &str| {
        format!(
            r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","principalId":"EXAMPLE6E4XEGITWATV6R","arn":"arn:aws:iam::123456789012:user/Mateo","accountId":"123456789012","accessKeyId":"AKIAIOSFODNN7EXAMPLE","userName":"Mateo","sessionContext":{{"sessionIssuer":{{}},"webIdFederationData":{{}},"attributes":{{"creationDate":"2023-07-19T21:11:57Z","mfaAuthenticated":"false"}}}}}},"eventTime":"2023-07-19T21:17:28Z","eventSource":"ec2.amazonaws.com","eventName":"StartInstances","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.0","userAgent":"aws-cli/2.13.5 Python/3.11.4 Linux/4.14.255-314-253.539.amzn2.x86_64 exec-env/CloudShell exe/x86_64.amzn.2 prompt/off command/ec2.start-instances","requestParameters":{{"instancesSet":{{"items":[{{"instanceId":"i-EXAMPLE56126103cb"}}]}}}},"responseElements":{{"requestId":"e4336db0-149f-4a6b-844d-EXAMPLEb9d16","instancesSet":{{"items":[{{"instanceId":"i-EXAMPLEaff4840c22","currentState":{{"code":0,"name":"pending"}},"previousState":{{"code":80,"name":"stopped"}}}}]}}}},"requestID":"e4336db0-149f-4a6b-844d-EXAMPLEb9d16","eventID":"e755e09c-42f9-4c5c-9064-EXAMPLE228c7","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"123456789012","eventCategory":"Management","tlsDetails":{{"tlsVersion":"{version}","cipherSuite":"ECDHE-RSA-AES128-GCM-SHA256","clientProvidedHostHeader":"ec2.us-east-1.amazonaws.com"{more}}},"sessionCredentialFromConsole":"true"}}"#
        )
    };
    let expected = |version: &str| {
        format!(
            "2023-07-19T21:17:28Z 192.0.2.0 ec2.us-east-1.amazonaws.com {version} ECDHE-RSA-AES128-GCM-SHA256 \"aws-cli/2.13.5 Python/3.11.4 Linux/4.14.255-314-253.539.amzn2.x86_64 exec-env/CloudShell exe/x86_64.amzn.2 prompt/off command/ec2.start-instances\" 1"
        )
    };
    let group = r#","keyExchange":"X25519MLKEM768""#;
    let both = vec![expected("TLSv1.2"), expected("TLSv1.3 X25519MLKEM768")];
    let (old, new) = (event("TLSv1.2", ""), event("TLSv1.3", group));
    let records = format!("{{\"Records\":[{old},\n {new}]}}");
    assert_eq!(read(records.as_bytes()), ("cloudtrail", both.clone()));
    let lines = format!("{old}\n{new}\n");
    assert_eq!(read(lines.as_bytes()), ("cloudtrail", both));
}

/// <https://docs.zeek.org/en/master/logs/ssl.html>: the columns of `ssl.log`.
#[test]
fn zeek_in_columns_and_in_json() {
    let columns = b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tssl\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tversion\tcipher\tcurve\tserver_name\tresumed\tlast_alert\tnext_protocol\testablished\n#types\ttime\tstring\taddr\tport\taddr\tport\tstring\tstring\tstring\tstring\tbool\tstring\tstring\tbool\n1600000000.100000\tCHhAvVGS1DHFjwGM9\t10.0.0.80\t56637\t68.233.76.12\t443\tTLSv12\tTLS_RSA_WITH_RC4_128_MD5\t-\t-\tF\t-\t-\tT\n#close\t2020-09-13\n";
    let expected = "2020-09-13T12:26:40Z 10.0.0.80 - TLSv1.2 RC4-MD5 \"\" 1";
    assert_eq!(read(columns), ("zeek", vec![expected.to_owned()]));
    let json = br#"{"ts":1600000000.1,"uid":"CHhAvVGS1DHFjwGM9","id.orig_h":"10.0.0.80","id.orig_p":56637,"id.resp_h":"68.233.76.12","id.resp_p":443,"version":"TLSv12","cipher":"TLS_RSA_WITH_RC4_128_MD5","resumed":false,"established":true}
"#;
    assert_eq!(read(json), ("zeek", vec![expected.to_owned()]));
}

/// <https://docs.suricata.io/en/latest/output/eve/eve-json-format.html#event-type-tls>, with `ja3` as it is logged where
/// that is on; a line of another type beside it.
#[test]
fn suricata() {
    let eve = br#"{"timestamp":"2017-04-07T22:24:37.251547+0100","flow_id":586497171462735,"pcap_cnt":53381,"event_type":"alert","src_ip":"192.168.2.14","src_port":50096,"dest_ip":"209.53.113.5","dest_port":80,"proto":"TCP","metadata":{"flowbits":["http.dottedquadhost"]},"tx_id":4,"alert":{"action":"allowed","gid":1,"signature_id":2018358,"rev":10,"signature":"ET HUNTING GENERIC SUSPICIOUS POST to Dotted Quad with Fake Browser 1","category":"Potentially Bad Traffic","severity":2},"app_proto":"http"}
{"timestamp":"2019-01-22T11:18:13.156816+0000","flow_id":738588278199041,"in_iface":"enp0s3","event_type":"tls","src_ip":"10.0.2.15","src_port":42756,"dest_ip":"192.0.2.36","dest_port":443,"proto":"TCP","tls":{"subject":"C=US, ST=California, L=Menlo Park, O=Example, CN=*.example.com","issuerdn":"C=US, O=Example, CN=Example High Assurance Server CA","serial":"0B:3C:3B:60:1A:18:F5:9E:E2:B6:BB:05:60:5E:F2:C0","fingerprint":"bd:25:8c:1f:62:a4:a6:d9:cf:7d:98:12:d2:2e:2f:f5:7e:84:fb:36","sni":"www.example.com","version":"TLS 1.2","notbefore":"2017-12-15T00:00:00","notafter":"2019-03-22T12:00:00","ja3":{"hash":"e35df3e00ca4ef31d42b34bebaa2f86e","string":"769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0"},"ja3s":{"hash":"7c02dbae662670040c7af9bd15fb7e2f","string":"771,49199,65281-0-11-35"}}}
"#;
    let expected = "2019-01-22T11:18:13Z 10.0.2.15 www.example.com TLSv1.2 unknown \"\" 1";
    assert_eq!(read(eve), ("suricata", vec![expected.to_owned()]));
}

/// <https://doc.traefik.io/traefik/observability/access-logs/>: the fields of a line in JSON, in the order in which Traefik 2
/// writes them; User-Agents are kept where the configuration says so.
#[test]
fn traefik() {
    let line = br#"{"ClientAddr":"172.31.0.1:41076","ClientHost":"172.31.0.1","ClientPort":"41076","ClientUsername":"alex","DownstreamContentSize":3124,"DownstreamStatus":200,"Duration":559593,"OriginContentSize":3124,"OriginDuration":424108,"OriginStatus":200,"Overhead":135485,"RequestAddr":"api.example.com","RequestContentSize":0,"RequestCount":451,"RequestHost":"api.example.com","RequestMethod":"GET","RequestPath":"/dashboard/","RequestPort":"-","RequestProtocol":"HTTP/1.1","RequestScheme":"https","RetryAttempts":0,"RouterName":"api@docker","StartLocal":"2022-09-30T21:53:55.835455253+03:00","StartUTC":"2022-09-30T18:53:55.835455253Z","TLSCipher":"TLS_CHACHA20_POLY1305_SHA256","TLSVersion":"1.3","entryPointName":"https","level":"info","msg":"","request_User-Agent":"curl/8.4.0","time":"2022-09-30T21:53:55+03:00"}
"#;
    let expected = "2022-09-30T18:53:55Z 172.31.0.1 api.example.com TLSv1.3 TLS_CHACHA20_POLY1305_SHA256 \"curl/8.4.0\" 1";
    assert_eq!(read(line), ("traefik", vec![expected.to_owned()]));
}
