//! Servers that pass TLS through: they read the hello and never end it. One thread each, unless told otherwise.
//!
//! What each does with a hello of TLS 1.0 differs. Sundown sends the alert and closes. HAProxy closes without a word.
//! nginx cannot refuse in this place: the hello is sent where nobody listens, and the client is closed. Envoy's
//! tls_inspector has no rule for versions, so it passes everybody.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Address, Lab, Launch, Server, Worker, after, ask, free_address, write};

/// Ten years after the refusal of the plan below.
const AS_OF: &str = "2026-11-01T00:00:00Z";

/// The servers this tool knows, the yardstick first.
pub(crate) fn passing(sundown: &Path, envoy: Option<&Path>) -> Vec<Box<dyn Server>> {
    let mut servers: Vec<Box<dyn Server>> = vec![
        Box::new(Haproxy { is_tuned: false }),
        Box::new(Haproxy { is_tuned: true }),
        Box::new(Nginx),
    ];
    if let Some(program) = envoy {
        servers.push(Box::new(Envoy(program.to_owned())));
    }
    for shows in [false, true] {
        servers.push(Box::new(Gate {
            program: sundown.to_owned(),
            shows,
        }));
    }
    servers
}

/// TCP mode, the version read from the hello, spliced.
struct Haproxy {
    /// With every option of its manual that can spare it work here.
    is_tuned: bool,
}

impl Server for Haproxy {
    fn name(&self) -> &'static str {
        if self.is_tuned {
            "haproxy-tuned"
        } else {
            "haproxy"
        }
    }

    fn version(&self) -> Result<String> {
        let text = ask(Path::new("haproxy"), "-v")?;
        let version = after(&text, "HAProxy version ");
        Ok(version
            .split_whitespace()
            .next()
            .unwrap_or(version)
            .to_owned())
    }

    fn prepare(&self, lab: &Lab, dir: &Path) -> Result<Launch> {
        let address = free_address()?;
        let (bind, options) = if self.is_tuned {
            (
                "defer-accept",
                "option tcp-smart-accept\n    option tcp-smart-connect",
            )
        } else {
            ("", "")
        };
        let config = dir.join("haproxy.cfg");
        write(
            &config,
            &format!(
                "global
    nbthread {threads}
    maxconn {connections}
    # As many as Sundown has; by default it wants descriptors for a quarter of its connections.
    maxpipes 64

defaults
    mode tcp
    option splice-auto
    {options}
    timeout connect 5s
    timeout client 600s
    timeout server 600s

frontend gate
    bind {address} backlog 4096 {bind}
    tcp-request inspect-delay 10s
    tcp-request content reject if {{ req.ssl_hello_type 1 }} {{ req.ssl_ver lt 3.3 }}
    tcp-request content accept if {{ req.ssl_hello_type 1 }}
    default_backend service

backend service
    server service {upstream}
",
                threads = lab.threads,
                connections = lab.connections,
                upstream = lab.upstream,
            ),
        )?;
        Ok(Launch {
            program: "haproxy".into(),
            arguments: vec!["-db".into(), "-f".into(), config.display().to_string()],
            environment: Vec::new(),
            address: Address::Told(address),
            worker: Worker::Itself,
        })
    }
}

/// `ssl_preread`, the version and the name in a map.
struct Nginx;

impl Server for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn version(&self) -> Result<String> {
        let text = ask(Path::new("nginx"), "-v")?;
        Ok(after(&text, "nginx version: nginx/").to_owned())
    }

    fn prepare(&self, lab: &Lab, dir: &Path) -> Result<Launch> {
        let (address, nobody) = (free_address()?, free_address()?);
        let config = dir.join("nginx.conf");
        let place = dir.display();
        // In RHEL and in nginx's own packages the module is part of the binary.
        let module = Path::new("/usr/lib/nginx/modules/ngx_stream_module.so");
        let load = if module.exists() {
            format!("load_module {};", module.display())
        } else {
            String::new()
        };
        write(
            &config,
            &format!(
                "{load}
daemon off;
worker_processes {threads};
pid {place}/nginx.pid;
error_log {place}/error.log crit;
worker_rlimit_nofile {files};
events {{ worker_connections {files}; }}
stream {{
    map $ssl_preread_protocol $service {{
        default {nobody};
        'TLSv1.2' {upstream};
        'TLSv1.3' {upstream};
    }}
    server {{
        listen {address} backlog=4096{reuseport};
        ssl_preread on;
        proxy_pass $service;
        proxy_timeout 600s;
    }}
}}
",
                threads = lab.threads,
                files = 2 * lab.connections,
                upstream = lab.upstream,
                reuseport = if lab.threads > 1 { " reuseport" } else { "" },
            ),
        )?;
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
            worker: Worker::Itself,
        })
    }
}

/// `tls_inspector` and the name.
struct Envoy(PathBuf);

impl Server for Envoy {
    fn name(&self) -> &'static str {
        "envoy"
    }

    fn version(&self) -> Result<String> {
        let text = ask(&self.0, "--version")?;
        let version = after(&text, "version: ");
        Ok(version.split('/').nth(1).unwrap_or(version).to_owned())
    }

    fn prepare(&self, lab: &Lab, dir: &Path) -> Result<Launch> {
        let address = free_address()?;
        let config = dir.join("envoy.yaml");
        write(
            &config,
            &format!(
                "static_resources:
  listeners:
  - name: gate
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
    tcp_backlog_size: 4096
    listener_filters:
    - name: tls_inspector
      typed_config:
        '@type': type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector
    filter_chains:
    - filter_chain_match: {{ server_names: ['{name}'] }}
      filters:
      - name: tcp_proxy
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: service
          cluster: service
  clusters:
  - name: service
    type: STATIC
    connect_timeout: 5s
    circuit_breakers: {{ thresholds: [{{ max_connections: {connections}, max_pending_requests: {connections} }}] }}
    load_assignment:
      cluster_name: service
      endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {upstream} }} }} }} }}] }}]
",
                port = address.port(),
                name = crate::certificates::NAME,
                connections = lab.connections,
                upstream = lab.upstream.port(),
            ),
        )?;
        let arguments = [
            "--config-path",
            &config.display().to_string(),
            "--concurrency",
            &lab.threads.to_string(),
            "--use-dynamic-base-id",
            "--log-level",
            "off",
        ];
        Ok(Launch {
            program: self.0.clone(),
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: Vec::new(),
            address: Address::Told(address),
            worker: Worker::Itself,
        })
    }
}

/// The subject: three sunsets and an exception, every sighting in the ledger.
struct Gate {
    program: PathBuf,
    /// Whether each sighting is written as a line, too; the others write no log.
    shows: bool,
}

impl Server for Gate {
    fn name(&self) -> &'static str {
        if self.shows {
            "sundown-lines"
        } else {
            "sundown"
        }
    }

    fn version(&self) -> Result<String> {
        let text = ask(&self.program, "--version")?;
        Ok(text.trim().trim_start_matches("sundown ").to_owned())
    }

    fn prepare(&self, lab: &Lab, dir: &Path) -> Result<Launch> {
        let address = free_address()?;
        let config = dir.join("sundown.toml");
        write(
            &config,
            &format!(
                "[[listener]]
address = \"{address}\"
mode = \"gate\"
upstream = [\"{upstream}\"]

[limits]
connections = {connections}
connections_per_address = {connections}

[[sunset]]
name = \"TLS 1.0 and 1.1\"
floor = \"tls1.2\"
warn = \"2016-09-15\"
refuse = \"2017-01-15\"

[[sunset]]
name = \"TLS 1.2\"
floor = \"tls1.3\"
observe = \"2026-01-01\"
warn = \"2027-01-01\"

[[sunset]]
name = \"classical key exchange\"
floor = \"pq\"
observe = \"2026-01-01\"

[[exception]]
sni = \"kiosk.example.com\"
sunset = \"TLS 1.0 and 1.1\"
owner = \"operations@example.com\"
reason = \"kiosks are replaced in spring\"
until = \"2027-06-01\"
",
                upstream = lab.upstream,
                connections = lab.connections,
            ),
        )?;
        let arguments = [
            "serve",
            "--workers",
            &lab.threads.to_string(),
            "--config",
            &config.display().to_string(),
            "--data-dir",
            &dir.join("data").display().to_string(),
            "--as-of",
            AS_OF,
            "--output",
            if self.shows { "json" } else { "none" },
        ];
        Ok(Launch {
            program: self.program.clone(),
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: Vec::new(),
            address: Address::Told(address),
            worker: Worker::Itself,
        })
    }
}
