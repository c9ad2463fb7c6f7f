//! `sundown watch` reads what real servers log of real clients: what it counts is what those clients negotiated.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/installed.rs"]
mod installed;

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use installed::skipped;
use serde_json::Value;

/// Longer than any server takes to start or to stop.
const LIMIT: Duration = Duration::from_secs(20);

/// What a client and a server agreed on, as curl says it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Agreed {
    agent: String,
    version: String,
    cipher: String,
}

/// A directory with a certificate, a free port, and a server that is stopped at the end.
struct Lab {
    directory: tempfile::TempDir,
    port: u16,
    server: Option<Child>,
}

impl Lab {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ])
            .args(["-addext", "subjectAltName=DNS:localhost", "-keyout"])
            .arg(at("key.pem"))
            .arg("-out")
            .arg(at("cert.pem"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let both = [
            fs::read(at("cert.pem")).unwrap(),
            fs::read(at("key.pem")).unwrap(),
        ]
        .concat();
        fs::write(at("both.pem"), both).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        Self {
            directory,
            port,
            server: None,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a configuration; `DIR` and `PORT` stand for ours.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let text = text
            .replace("DIR", &self.directory.path().display().to_string())
            .replace("PORT", &self.port.to_string());
        fs::write(self.at(name), text).unwrap();
        self.at(name)
    }

    fn start(&mut self, command: &mut Command) {
        let out = File::create(self.at("stdout.log")).unwrap();
        let errors = File::create(self.at("stderr.log")).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(errors)
            .spawn()
            .unwrap();
        self.server = Some(child);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let said = fs::read_to_string(self.at("stderr.log")).unwrap_or_default();
            assert!(
                begun.elapsed() < LIMIT,
                "the server does not listen: {said}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Requests with curl, one for each version; gives what was agreed as curl says it.
    fn ask(&self, versions: &[&str]) -> Vec<Agreed> {
        let mut all = Vec::new();
        for version in versions {
            let agent = format!("lab/{version} \"quoted\"");
            let output = Command::new("curl")
                .args([
                    "-s",
                    "-v",
                    "-o",
                    "/dev/null",
                    "--http1.1",
                    "--ciphers",
                    "DEFAULT@SECLEVEL=0",
                ])
                .args([
                    &format!("--tlsv{version}"),
                    "--tls-max",
                    version,
                    "-A",
                    &agent,
                    "--cacert",
                ])
                .arg(self.at("cert.pem"))
                .arg(format!("https://localhost:{}/orders?page=2", self.port))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let line = said
                .lines()
                .find_map(|line| line.split_once("SSL connection using "));
            let (_, agreed) = line.unwrap_or_else(|| panic!("curl --tls-max {version}: {said}"));
            let mut words = agreed.split(" / ");
            let (version, cipher) = (words.next().unwrap(), words.next().unwrap());
            all.push(Agreed {
                agent,
                version: version.replace("TLSv1.0", "TLSv1"),
                cipher: cipher.trim().to_owned(),
            });
        }
        all.sort();
        all
    }

    /// Ends the server, which then has written all it has to say.
    fn stop(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        let id = rustix::process::Pid::from_child(&server);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).ok();
        let begun = Instant::now();
        while server.try_wait().unwrap().is_none() {
            if begun.elapsed() > LIMIT {
                server.kill().unwrap();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn watch(&self, arguments: &[&str]) -> (Value, Output) {
        let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
            .current_dir(self.directory.path())
            .args(["watch", "--json"])
            .args(arguments)
            .output()
            .unwrap();
        let said = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (said, output)
    }

    /// What the ledger holds, as curl would say it.
    fn ledger(&self) -> Vec<Agreed> {
        let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
            .current_dir(self.directory.path())
            .args(["ledger", "export", "--format", "jsonl"])
            .output()
            .unwrap();
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let mut rows: Vec<Agreed> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| {
                let row: Value = serde_json::from_str(line).unwrap();
                Agreed {
                    agent: text(&row, "user_agent"),
                    version: text(&row, "version"),
                    cipher: text(&row, "cipher"),
                }
            })
            .collect();
        rows.sort();
        rows
    }

    /// Watches a log and holds what was counted against what curl says; twice, to see that it counts once.
    fn judge(&self, arguments: &[&str], agreed: &[Agreed]) {
        let (said, output) = self.watch(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(said["malformed"], 0, "{said}");
        assert_eq!(said["requests"], agreed.len(), "{said}");
        assert_eq!(self.ledger(), agreed);
        let (again, _) = self.watch(arguments);
        assert_eq!(again["lines"], 0, "it was counted before: {again}");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_here(program: &str) -> bool {
    let found = ["/usr/sbin", "/usr/bin", "/usr/local/bin"]
        .iter()
        .any(|place| Path::new(place).join(program).exists());
    if !found {
        skipped(
            program,
            &format!("not installed; on Debian `apt-get install {program}`"),
        );
    }
    found
}

const ALL: [&str; 4] = ["1.0", "1.1", "1.2", "1.3"];

#[test]
fn nginx_by_its_configuration() {
    if !is_here("nginx") {
        return;
    }
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
        Command::new("nginx")
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
    if !is_here("haproxy") {
        return;
    }
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
        lab.start(
            Command::new("haproxy")
                .arg("-db")
                .arg("-f")
                .arg(configuration),
        );
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
    if !is_here("apache2") {
        return;
    }
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
        Command::new("apache2")
            .args(["-D", "FOREGROUND", "-f"])
            .arg(configuration),
    );
    let agreed = lab.ask(&ALL);
    lab.stop();
    lab.judge(&["--format", format, "access.log"], &agreed);
}

#[test]
fn caddy_by_what_it_looks_like() {
    if !is_here("caddy") {
        return;
    }
    let mut lab = Lab::new();
    let configuration = lab.write(
        "Caddyfile",
        "{\n admin off\n auto_https off\n}\nhttps://localhost:PORT {\n bind 127.0.0.1\n \
         tls DIR/cert.pem DIR/key.pem\n log {\n output file DIR/access.log\n format json\n }\n respond ok\n}\n",
    );
    let home = lab.directory.path().to_owned();
    lab.start(
        Command::new("caddy")
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
