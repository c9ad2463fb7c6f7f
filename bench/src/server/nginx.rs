//! nginx: one worker, no resumption, no access log.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::{Address, Lab, Launch, Server, Worker, after, ask, free_address, write};

/// The yardstick.
pub(crate) struct Nginx;

impl Server for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn version(&self) -> Result<String> {
        let text = ask(Path::new("nginx"), "-V")?;
        let library = match text.split_once("running with ") {
            Some((_, rest)) => rest.split(')').next().unwrap_or("unknown"),
            None => after(&text, "built with "),
        };
        Ok(format!(
            "{}, {library}",
            after(&text, "nginx version: nginx/")
        ))
    }

    fn prepare(&self, lab: &Lab, dir: &Path) -> Result<Launch> {
        ensure!(
            !lab.answer.contains('$'),
            "the /ssl/ answer has a $, which nginx would read as a variable"
        );
        let address = free_address()?;
        let config = dir.join("nginx.conf");
        write(&config, &configuration(lab, dir, &address.to_string()))?;
        let argument = |path: PathBuf| path.display().to_string();
        Ok(Launch {
            program: "nginx".into(),
            arguments: vec![
                "-e".into(),
                argument(dir.join("error.log")),
                "-p".into(),
                argument(dir.to_owned()),
                "-c".into(),
                argument(config),
            ],
            environment: Vec::new(),
            address: Address::Told(address),
            worker: Worker::FirstChild,
        })
    }
}

fn configuration(lab: &Lab, dir: &Path, address: &str) -> String {
    let dir = dir.display();
    let answer = lab.answer.replace('\\', "\\\\").replace('\'', "\\'");
    let mut leaves = String::new();
    for leaf in [&lab.certificates.ecdsa, &lab.certificates.rsa] {
        let _ = writeln!(leaves, "    ssl_certificate {};", leaf.cert.display());
        let _ = writeln!(leaves, "    ssl_certificate_key {};", leaf.key.display());
    }
    let (upstream, connections) = (lab.upstream, lab.connections);
    format!(
        "daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log error;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    default_type application/json;
    client_header_timeout 120s;
    keepalive_timeout 120s;
    keepalive_requests 1000000000;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache off;
    ssl_session_tickets off;
    # Without this OpenSSL still sends two tickets after a TLS 1.3 handshake.
    ssl_conf_command NumTickets 0;
{leaves}    upstream application {{
        server {upstream};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {address} ssl http2 backlog=4096;
        location /ssl/ {{ return 200 '{answer}'; }}
        location / {{
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_set_header Connection '';
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header X-Client-TLS '$ssl_protocol $ssl_cipher';
        }}
    }}
}}
"
    )
}
