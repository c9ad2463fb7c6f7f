//! `sundown watch` reads what real servers log of real clients: what it counts is what those clients negotiated.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/installed.rs"]
mod installed;
#[path = "support/lab.rs"]
mod lab;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use installed::installed;
use lab::Lab;
use serde_json::Value;

const ALL: [&str; 4] = ["1.0", "1.1", "1.2", "1.3"];

#[test]
fn nginx_by_its_configuration() {
    let Some(server) = installed("nginx") else {
        return;
    };
    let mut lab = Lab::new();
    let configuration = lab.write(
        "nginx.conf",
        "daemon off; worker_processes 1; pid DIR/pid; error_log DIR/error.log; events {}\n\
         http { client_body_temp_path DIR/a; proxy_temp_path DIR/b; fastcgi_temp_path DIR/c; uwsgi_temp_path DIR/d; \
         scgi_temp_path DIR/e;\n\
         log_format tls '$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
         \"$http_user_agent\" $connection_requests $ssl_server_name $ssl_protocol $ssl_cipher $ssl_curves $ssl_ciphers';\n\
         access_log DIR/access.log tls; ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;\n\
         server { listen 127.0.0.1:PORT ssl; ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem; return 200 ok; } }",
    );
    let error_log = lab.at("error.log");
    lab.start(
        server
            .command()
            .arg("-e")
            .arg(error_log)
            .arg("-c")
            .arg(configuration),
    );
    let agreed = lab.ask(&ALL);
    lab.stop();
    // What does not speak TLS to this port is in the log too, and counts apart.
    lab.judge(&["--format", "nginx.conf", "access.log"], &agreed);
    // Rotated and packed it is still the same log.
    fs::rename(lab.at("access.log"), lab.at("access.log.1")).unwrap();
    assert!(
        Command::new("gzip")
            .arg(lab.at("access.log.1"))
            .status()
            .unwrap()
            .success()
    );
    let (said, _) = lab.watch(&["--format", "nginx.conf", "access.log.*"]);
    assert_eq!(said["lines"], 0, "{said}");
    assert_eq!(lab.ledger(), agreed);
    // The floors that its evidence can judge: all offered lists are there.
    let (said, _) = lab.watch(&["--dry-run", "--format", "nginx.conf", "access.log.*"]);
    let tls12 = said["floors"]
        .as_array()
        .unwrap()
        .iter()
        .find(|floor| floor["floor"] == "tls1.2")
        .unwrap();
    assert_eq!(
        (&tls12["meets"], &tls12["misses"], &tls12["cannot_tell"]),
        (&2.into(), &2.into(), &0.into()),
        "{said}"
    );
}

#[test]
fn haproxy_by_option_httpslog_and_by_its_log_format() {
    let Some(server) = installed("haproxy") else {
        return;
    };
    let own = "%ci:%cp [%trg] %ST %{+Q}r %[ssl_fc_sni] %sslv %sslc %{+Q}[capture.req.hdr(0)]";
    for (line, format) in [("option httpslog", None), ("", Some(own))] {
        let mut lab = Lab::new();
        let line = format.map_or(line.to_owned(), |own| {
            format!("log-format \"{}\"", own.replace(' ', "\\ "))
        });
        let line = line
            .replace("log-format \"", "log-format ")
            .trim_end_matches('"')
            .to_owned();
        let configuration = lab.write(
            "haproxy.cfg",
            &format!(
                "global\n log stdout format raw local0\n ssl-default-bind-options ssl-min-ver TLSv1.0\n\
                 defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n log global\n\
                 frontend f\n bind 127.0.0.1:PORT ssl crt DIR/both.pem ciphers ALL:@SECLEVEL=0\n\
                 capture request header User-Agent len 256\n {line}\n http-request return status 200\n"
            ),
        );
        lab.start(server.command().arg("-db").arg("-f").arg(configuration));
        let agreed = lab.ask(&ALL);
        lab.stop();
        match format {
            None => lab.judge(&["stdout.log"], &agreed),
            Some(own) => lab.judge(&["--format", own, "stdout.log"], &agreed),
        }
    }
}

#[test]
fn apache_by_its_log_format() {
    let Some(server) = installed("apache2") else {
        return;
    };
    let mut lab = Lab::new();
    let format = r#"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %{SSL_PROTOCOL}x %{SSL_CIPHER}x"#;
    let modules: String = ["mpm_event", "authz_core", "ssl", "socache_shmcb"]
        .iter()
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .collect();
    let configuration = lab.write(
        "apache.conf",
        &format!(
            "{modules}ServerName localhost\nListen 127.0.0.1:PORT\nPidFile DIR/pid\nErrorLog DIR/error.log\n\
             DefaultRuntimeDir DIR\nMutex file:DIR\n\
             LogFormat \"{format}\" tls\nCustomLog DIR/access.log tls\nSSLEngine on\nSSLProtocol all\n\
             SSLCipherSuite ALL:@SECLEVEL=0\nSSLCertificateFile DIR/cert.pem\nSSLCertificateKeyFile DIR/key.pem\n"
        ),
    );
    lab.start(
        server
            .command()
            .args(["-D", "FOREGROUND", "-f"])
            .arg(configuration),
    );
    let agreed = lab.ask(&ALL);
    lab.stop();
    lab.judge(&["--format", format, "access.log"], &agreed);
}

#[test]
fn caddy_by_what_it_looks_like() {
    let Some(server) = installed("caddy") else {
        return;
    };
    let mut lab = Lab::new();
    let configuration = lab.write(
        "Caddyfile",
        "{\n admin off\n auto_https off\n}\nhttps://localhost:PORT {\n bind 127.0.0.1\n \
         tls DIR/cert.pem DIR/key.pem\n log {\n output file DIR/access.log\n format json\n }\n respond ok\n}\n",
    );
    let home = lab.directory.path().to_owned();
    lab.start(
        server
            .command()
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(configuration)
            .env("HOME", home),
    );
    let agreed = lab.ask(&["1.2", "1.3"]);
    lab.stop();
    lab.judge(&["access.log"], &agreed);
}

#[test]
fn what_cannot_be_read_is_counted_and_said() {
    let lab = Lab::new();
    let good = "192.0.2.1 - - [25/Nov/2026:13:31:33 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"curl\" TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256\n";
    let broken = [
        good.as_bytes(),
        &good.as_bytes()[..60],
        b"\n\0\xff\n",
        &vec![b'x'; 3 << 20],
        b"\n",
        good.as_bytes(),
    ]
    .concat();
    fs::write(lab.at("access.log"), &broken).unwrap();
    let format = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\" $ssl_protocol $ssl_cipher";
    let (said, output) = lab.watch(&["--format", format, "access.log"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(
        (&said["lines"], &said["malformed"], &said["requests"]),
        (&5.into(), &3.into(), &2.into()),
        "{said}"
    );
    assert_eq!(said["sources"][0]["examples"][0]["line"], 2, "{said}");

    // A packed file that ends too early: what is there counts.
    let packed = lab.at("cut.log");
    fs::write(&packed, good.repeat(10_000)).unwrap();
    assert!(
        Command::new("gzip")
            .arg(&packed)
            .status()
            .unwrap()
            .success()
    );
    let whole = fs::read(lab.at("cut.log.gz")).unwrap();
    fs::write(lab.at("cut.log.gz"), &whole[..whole.len() - 20]).unwrap();
    let (said, output) = lab.watch(&["--dry-run", "--format", format, "cut.log.gz"]);
    assert!(matches!(output.status.code(), Some(1 | 2)), "{output:?}");
    assert!(said["sources"][0]["error"].is_string(), "{said}");

    let (_, output) = lab.watch(&[
        "--format",
        "$remote_addr [$time_local] $ssl_protocl",
        "access.log",
    ]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("column 28") && said.contains("did you mean `ssl_protocol`"),
        "{said}"
    );
}

/// Envoy with these access logs (YAML of `log_format`), and what curl said.
fn envoy(log_format: &str) -> Option<(Lab, Vec<lab::Agreed>)> {
    const TYPES: &str = "type.googleapis.com/envoy.extensions";
    let server = installed("envoy")?;
    let mut lab = Lab::new();
    let configuration = lab.write(
        "envoy.yaml",
        &format!(
            r#"
static_resources:
  listeners:
  - address: {{ socket_address: {{ address: 127.0.0.1, port_value: PORT }} }}
    filter_chains:
    - transport_socket:
        name: tls
        typed_config:
          "@type": {TYPES}.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_params:
              tls_minimum_protocol_version: TLSv1_0
              tls_maximum_protocol_version: TLSv1_3
              cipher_suites: [ECDHE-RSA-AES128-GCM-SHA256, ECDHE-RSA-AES256-SHA, AES128-SHA]
            tls_certificates: [{{ certificate_chain: {{ filename: DIR/cert.pem }}, private_key: {{ filename: DIR/key.pem }} }}]
      filters:
      - name: http
        typed_config:
          "@type": {TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: lab
          access_log:
          - name: file
            typed_config:
              "@type": {TYPES}.access_loggers.file.v3.FileAccessLog
              path: DIR/access.log
              log_format: {log_format}
          http_filters: [{{ name: router, typed_config: {{ "@type": {TYPES}.filters.http.router.v3.Router }} }}]
          route_config:
            virtual_hosts: [{{ name: all, domains: ["*"], routes: [{{ match: {{ prefix: / }}, direct_response: {{ status: 200, body: {{ inline_string: ok }} }} }}] }}]
"#
        ),
    );
    lab.start(
        server
            .command()
            .args([
                "--concurrency",
                "1",
                "--disable-hot-restart",
                "--log-level",
                "error",
                "-c",
            ])
            .arg(configuration),
    );
    let agreed = lab.ask(&ALL);
    // It writes its logs every second, and at its end not those of a worker that has ended.
    lab.wait_for_lines("access.log", ALL.len());
    lab.stop();
    Some((lab, agreed))
}

#[test]
fn envoy_by_its_text_format() {
    let format = "[%START_TIME%] %DOWNSTREAM_REMOTE_ADDRESS% %RESPONSE_CODE% %REQUESTED_SERVER_NAME% \
                  %DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER% \"%REQ(:PATH)%\" \"%REQ(USER-AGENT)%\"\\n";
    let yaml = format.replace('"', "\\\"");
    let yaml = format!("{{ text_format_source: {{ inline_string: \"{yaml}\" }} }}");
    if let Some((lab, agreed)) = envoy(&yaml) {
        lab.judge(&["--format", format, "access.log"], &agreed);
    }
}

#[test]
fn envoy_by_its_json_format_and_by_the_names_of_its_keys() {
    let format = r#"{"start_time": "%START_TIME%", "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%", "response_code": "%RESPONSE_CODE%", "requested_server_name": "%REQUESTED_SERVER_NAME%", "downstream_tls_version": "%DOWNSTREAM_TLS_VERSION%", "downstream_tls_cipher": "%DOWNSTREAM_TLS_CIPHER%", "user_agent": "%REQ(USER-AGENT)%"}"#;
    if let Some((lab, agreed)) = envoy(&format!("{{ json_format: {format} }}")) {
        lab.judge(&["--format", format, "access.log"], &agreed);
        fs::remove_dir_all(lab.at("sundown-data")).unwrap();
        lab.judge(&["access.log"], &agreed);
    }
}

/// Client programs, the oldest version that they are held to, and how that is called where it is not them who say it.
const OLD: [(&str, &str); 12] = [
    ("node-0.8", "-"),
    ("node-0.10", "-"),
    ("node-0.10", "TLSv1"),
    ("node", "TLSv1.2"),
    ("node", "-"),
    ("java", "TLSv1"),
    ("java", "TLSv1.1"),
    ("python", "TLSv1"),
    ("ruby", "TLSv1.1"),
    ("perl", "TLSv1"),
    ("php-curl", "TLSv1"),
    ("go", "TLSv1"),
];

/// What old programs got, as the server told them in its answer, and what was counted of it.
fn old_programs(lab: &mut Lab, arguments: &[&str]) {
    let mut told: BTreeMap<(String, String), u64> = BTreeMap::new();
    for (id, version) in OLD {
        let Some(client) = installed(id) else {
            continue;
        };
        let output = client
            .command()
            .arg(format!("https://localhost:{}/", lab.port))
            .arg(lab.at("cert.pem"))
            .arg(version)
            .output()
            .unwrap();
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let body = said["body"].as_str().unwrap_or_default().trim().to_owned();
        let (version, cipher) = body
            .split_once(' ')
            .unwrap_or_else(|| panic!("{id} {version}: {output:?}"));
        *told
            .entry((version.to_owned(), cipher.to_owned()))
            .or_default() += 1;
    }
    lab.stop();
    let (said, output) = lab.watch(arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut counted: BTreeMap<(String, String), u64> = BTreeMap::new();
    for row in lab.rows() {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        *counted
            .entry((text("version"), text("cipher")))
            .or_default() += row["served"].as_u64().unwrap();
    }
    assert_eq!(counted, told, "{said}");
    assert!(told.keys().any(|(version, _)| version == "TLSv1"));
}

#[test]
fn old_programs_at_nginx() {
    let Some(server) = installed("nginx") else {
        return;
    };
    let mut lab = Lab::new();
    let configuration = lab.write(
        "nginx.conf",
        "daemon off; worker_processes 1; pid DIR/pid; error_log DIR/error.log; events {}\n\
         http { client_body_temp_path DIR/a; proxy_temp_path DIR/b; fastcgi_temp_path DIR/c; uwsgi_temp_path DIR/d; \
         scgi_temp_path DIR/e; default_type text/plain;\n\
         log_format tls '$remote_addr [$time_local] \"$request\" $status \"$http_user_agent\" $ssl_protocol $ssl_cipher \
         $ssl_curves $ssl_ciphers';\n\
         access_log DIR/access.log tls; ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;\n\
         server { listen 127.0.0.1:PORT ssl; ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem; \
         return 200 \"$ssl_protocol $ssl_cipher\"; } }",
    );
    let error_log = lab.at("error.log");
    lab.start(
        server
            .command()
            .arg("-e")
            .arg(error_log)
            .arg("-c")
            .arg(configuration),
    );
    old_programs(&mut lab, &["--format", "nginx.conf", "access.log"]);
}

#[test]
fn old_programs_at_haproxy() {
    let Some(server) = installed("haproxy") else {
        return;
    };
    let mut lab = Lab::new();
    let configuration = lab.write(
        "haproxy.cfg",
        "global\n log stdout format raw local0\n ssl-default-bind-options ssl-min-ver TLSv1.0\n\
         defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n log global\n\
         frontend f\n bind 127.0.0.1:PORT ssl crt DIR/both.pem ciphers ALL:@SECLEVEL=0\n option httpslog\n \
         http-request return status 200 content-type text/plain lf-string \"%[ssl_fc_protocol] %[ssl_fc_cipher]\"\n",
    );
    lab.start(server.command().arg("-db").arg("-f").arg(configuration));
    old_programs(&mut lab, &["stdout.log"]);
}
