//! Starts, reloads and stops.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ::door::{Divert, Rules, Shared};
use arc_swap::ArcSwap;
use floor::Plan;
use ledger::{Association, Sink};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixListener;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bounds::Bounds;
use crate::clock::Clock;
use crate::core::{Core, Entrance, Live};
use crate::door;
use crate::hand_over::{self, Place, Purpose, Taken};
use crate::http::admin;
use crate::http::fetch::fetch;
use crate::http::proxy::Proxy;
use crate::http::reports::Reports;
use crate::http::upstream::ConnectError;
use crate::levers::Levers;
use crate::passed::{Passed, Wanted};
use crate::settings::Settings;
use crate::standings::{Desk, Standings};
use crate::sweep::Sweep;
use crate::tls::certificates::{CertificateError, Certificates};
use crate::tls::local_ca;
use crate::tls::tickets::{self, Tickets};
use accounts::Secret;
use accounts::Visitors;
use accounts::{Accounts, AccountsError, LONGEST_SET, LinkReader, Memory};

/// How often certificate files are looked at for changes.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(5);
/// How often the tables of accounts are looked at for changes, and whether keys have to be fetched.
const ACCOUNTS_CHECK: Duration = Duration::from_secs(1);
/// How long fetching keys may take.
const FETCH: Duration = Duration::from_secs(10);
/// Connections the kernel may hold for us between two accepts.
const BACKLOG: i32 = 4096;

/// Why an edge cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The reason.
        reason: io::Error,
    },
    /// The address of `[admin]` cannot be listened on.
    #[error(
        "cannot listen on {address} for [admin]: {reason}; write another port, or leave the table out"
    )]
    Admin {
        /// The address.
        address: SocketAddr,
        /// The reason.
        reason: io::Error,
    },
    /// The certificates cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The tables of accounts cannot be used.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// The service manager passes sockets that would never be accepted from.
    #[error(
        "the service manager passes sockets that no listener is for: {}; write that name or that address to a [[listener]] (`admin` is [admin]'s)",
        .0.join(", ")
    )]
    Passed(Vec<String>),
    /// An upstream cannot be used.
    #[error("upstream: {0}")]
    Upstream(#[from] ConnectError),
    /// The system gives no random numbers.
    #[error("no random numbers for ticket keys: {0}")]
    Random(#[from] getrandom::Error),
}

/// What an edge is made from.
pub struct Ingredients {
    /// The settings.
    pub settings: Settings,
    /// The plan.
    pub plan: Plan,
    /// Keys of the hashes.
    pub secret: Secret,
    /// Where the local authority is kept, if one is needed.
    pub data_dir: PathBuf,
    /// The plan's clock.
    pub clock: Clock,
    /// Where sightings go.
    pub sink: Sink,
    /// Who writes the pages of accounts; `None` where nothing is kept to write them from.
    pub standings: Option<Arc<dyn Standings>>,
    /// Where accounts were seen by an earlier run, the latest first; [`MOST_ASSOCIATIONS`](crate::MOST_ASSOCIATIONS)
    /// at most are of use.
    pub remembered: Vec<Association>,
    /// What the process gave whose place this one takes.
    pub taken: Option<Taken>,
    /// What the service manager has opened.
    pub passed: Passed,
    /// Listeners of this process that are not the edge's: bound here, so that they are handed over with the edge's own.
    pub others: Vec<Wanted>,
}

/// An edge whose sockets are bound and which serves once [run](Edge::run).
pub struct Edge {
    core: Arc<Core>,
    /// Each with the address that was asked for.
    doors: Vec<(SocketAddr, AsyncFd<TcpListener>, Arc<Entrance>)>,
    /// For whoever asked for them, in that order.
    others: Vec<TcpListener>,
    tasks: TaskTracker,
    admin: Option<tokio::net::TcpListener>,
    local_ca: Option<PathBuf>,
    secret: Secret,
    tickets: Arc<Tickets>,
    data_dir: PathBuf,
    taken: Option<Taken>,
    /// The same sockets, to hand over.
    sockets: Vec<hand_over::Socket>,
    /// Where another process may ask for them. One that takes over itself has none before it serves.
    offering: Option<UnixListener>,
    /// How long a connection may take to its first request when another process takes over.
    first_request: Duration,
    drain: Duration,
}

/// Reaches a running edge.
#[derive(Clone)]
pub struct Handle {
    pub(crate) core: Arc<Core>,
    secret: Secret,
}

impl Edge {
    /// Binds every listener and loads every certificate; nothing is accepted yet.
    ///
    /// # Errors
    ///
    /// When an address or a certificate cannot be used. Must be called inside a tokio runtime.
    pub fn bind(ingredients: Ingredients) -> Result<Self, StartError> {
        let Ingredients {
            settings,
            plan,
            secret,
            data_dir,
            clock,
            sink,
            standings,
            remembered,
            mut taken,
            mut passed,
            others,
        } = ingredients;
        let ticket_keys = taken
            .as_mut()
            .map(|taken| std::mem::take(&mut taken.ticket_keys))
            .unwrap_or_default();
        let previews: Vec<String> = plan
            .previews
            .iter()
            .map(|preview| preview.sni.clone())
            .collect();
        let tickets = Arc::new(Tickets::new(ticket_keys, tickets::now())?);
        let mut local_ca = None;
        let mut doors = Vec::new();
        let mut sockets = Vec::new();
        for listener in &settings.listeners {
            let files = if listener.certificates.is_empty() {
                let mut names = vec![
                    "localhost".to_owned(),
                    "127.0.0.1".to_owned(),
                    "::1".to_owned(),
                ];
                names.extend(previews.iter().cloned());
                let local = local_ca::open(&data_dir.join("local-ca"), &names)?;
                local_ca = Some(local.ca);
                local.files
            } else {
                listener.certificates.clone()
            };
            let tickets = listener.tickets.then(|| tickets.clone());
            let certificates =
                Certificates::load(files, listener.client_certificates.clone(), tickets)?;
            let address = *listener.address.get_ref();
            let wanted = Wanted {
                name: listener.name.clone(),
                address,
            };
            let socket = bound(&wanted, taken.as_mut(), &mut passed, &mut sockets)
                .and_then(watched)
                .map_err(|reason| StartError::Listen { address, reason })?;
            let bound = socket
                .get_ref()
                .local_addr()
                .map_err(|reason| StartError::Listen { address, reason })?;
            let proxy = Proxy::new(
                &listener.upstream,
                listener.upstream_ca.as_deref(),
                &settings.limits,
            )?;
            doors.push((
                address,
                socket,
                Arc::new(Entrance {
                    name: bound.to_string().into(),
                    certificates,
                    proxy,
                    introducers: listener.accept_proxy_protocol.clone(),
                }),
            ));
        }
        let others = others.into_iter().map(|wanted| {
            let address = wanted.address;
            bound(&wanted, taken.as_mut(), &mut passed, &mut sockets)
                .map_err(|reason| StartError::Listen { address, reason })
        });
        let others = others.collect::<Result<_, _>>()?;
        let admin = settings.admin.address;
        let admin = admin
            .map(|address| {
                let place = Place {
                    address,
                    purpose: Purpose::Admin,
                };
                let wanted = Wanted {
                    name: Some("admin".to_owned()),
                    address,
                };
                let given = taken.as_mut().and_then(|taken| taken.socket(place));
                let socket = match given.or_else(|| passed.take(&wanted)) {
                    Some(socket) => Ok(socket),
                    None => TcpListener::bind(address),
                };
                socket
                    .map(|socket| to_hand_over(&mut sockets, place, socket))
                    .and_then(admin::listen)
                    .map_err(|reason| StartError::Admin { address, reason })
            })
            .transpose()?;
        let left = passed.left();
        if !left.is_empty() {
            return Err(StartError::Passed(left));
        }
        let drain = settings.limits.drain;
        let first_request = settings.limits.hello;
        let reports = Reports::new(settings.answers.reports, settings.answers.report_life);
        let live = live(settings, plan, secret, None)?;
        let core = Core {
            rules: Arc::new(ArcSwap::new(live.rules.clone())),
            live: ArcSwap::from_pointee(live),
            clock,
            sink,
            bounds: Arc::new(Bounds::default()),
            memory: Arc::new(Memory::recalling(&remembered)),
            sweep: Sweep::default(),
            reports,
            links: LinkReader::new(data_dir.clone()),
            desk: Desk::new(standings),
            levers: Levers::default(),
            started: Instant::now(),
            leaving: CancellationToken::new(),
            stopping: CancellationToken::new(),
            stopped: CancellationToken::new(),
        };
        Ok(Self {
            core: Arc::new(core),
            doors,
            others,
            tasks: TaskTracker::new(),
            admin,
            local_ca,
            secret,
            tickets,
            offering: match taken {
                Some(_) => None,
                None => hand_over::listen(&data_dir, false),
            },
            sockets,
            data_dir,
            taken,
            first_request,
            drain,
        })
    }

    /// The addresses that were bound.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.doors
            .iter()
            .filter_map(|(_, socket, _)| socket.get_ref().local_addr().ok())
            .collect()
    }

    /// The sockets for [`Ingredients::others`], in that order; the first time.
    pub fn take_others(&mut self) -> Vec<TcpListener> {
        std::mem::take(&mut self.others)
    }

    /// What other listeners of this process share with the edge.
    pub fn shared(&self) -> Shared {
        self.core.shared()
    }

    /// Hands connections to the listener at this address, as it was asked for or as it was bound; by default the first.
    /// `None` where there is none such. Must be called inside a tokio runtime.
    pub fn divert_to(&self, address: Option<SocketAddr>) -> Option<Arc<Divert>> {
        let mut doors = self.doors.iter();
        let (.., entrance) = doors.find(|(asked, socket, _)| {
            address.is_none_or(|address| {
                address == *asked || socket.get_ref().local_addr().is_ok_and(|it| it == address)
            })
        })?;
        Some(Arc::new(door::divert_to(
            entrance.clone(),
            self.core.clone(),
            self.tasks.clone(),
            tokio::runtime::Handle::current(),
        )))
    }

    /// The address of `[admin]`, where there is one.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref()?.local_addr().ok()
    }

    /// The host names that the first listener's certificates are for.
    pub fn names(&self) -> Vec<String> {
        self.doors
            .first()
            .map(|(_, _, entrance)| entrance.certificates.names())
            .unwrap_or_default()
    }

    /// The certificate of the local authority, where one is in use.
    pub fn local_ca(&self) -> Option<&PathBuf> {
        self.local_ca.as_ref()
    }

    /// A handle to reload and stop it by.
    pub fn handle(&self) -> Handle {
        Handle {
            core: self.core.clone(),
            secret: self.secret,
        }
    }

    /// Serves until stopped or taken over from; then lets requests under way finish, for as long as the drain limit
    /// says. Gives the number of connections that were cut off.
    pub async fn run(self) -> usize {
        let tasks = self.tasks;
        let mut entrances = Vec::new();
        for (_, socket, entrance) in self.doors {
            entrances.push(entrance.clone());
            tasks.spawn(door::accept(
                socket,
                entrance,
                self.core.clone(),
                tasks.clone(),
            ));
        }
        if let Some(listener) = self.admin {
            tasks.spawn(admin::accept(listener, self.core.clone()));
        }
        tasks.spawn(watch_certificates(
            entrances,
            self.tickets.clone(),
            self.core.stopping.clone(),
        ));
        tasks.spawn(watch_accounts(self.core.clone()));
        // Apart from the others: requests are handed over while connections drain, and it ends after them.
        let core = self.core.clone();
        let sweeping = tokio::spawn(async move { core.sweep.run().await });
        let offering = match self.taken {
            None => self.offering,
            Some(taken) => {
                if let Err(error) = taken.ready() {
                    tracing::warn!(%error, "the process before this one may go on serving beside it");
                }
                hand_over::listen(&self.data_dir, true)
            }
        };
        if let Some(offering) = offering {
            tasks.spawn(hand_over::offer(
                offering,
                self.sockets,
                self.tickets,
                self.core.leaving.clone(),
            ));
        }
        self.core.leaving.cancelled().await;
        // Taken over from: who was let in is not to be turned away before a first request.
        timeout(self.first_request, self.core.stopping.cancelled())
            .await
            .ok();
        self.core.stopping.cancel();
        tasks.close();
        // A hello that has begun has its time, and a first request behind it as much again.
        let (stopped, patience) = (self.core.stopped.clone(), 2 * self.first_request);
        let stopping = tokio::spawn(async move {
            sleep(patience).await;
            stopped.cancel();
        });
        // Whatever is left then is cut off; the count says so.
        timeout(self.drain, tasks.wait()).await.ok();
        stopping.abort();
        sweeping.abort();
        tasks.len()
    }
}

impl Handle {
    /// Puts a new plan and new settings in force for every request from now on. What is bound at the start
    /// (addresses, certificates' paths, upstreams, the size of the report store) stays as it was; so do holds, and what
    /// is known of accounts.
    ///
    /// # Errors
    ///
    /// When a table of accounts cannot be used; everything stays as it was.
    pub fn reload(&self, settings: Settings, mut plan: Plan) -> Result<(), AccountsError> {
        let _one_at_a_time = self.core.levers.change();
        let before = self.core.live.load();
        plan.hold(before.plan.holds().to_vec());
        plan.take_roster(before.plan.roster().clone());
        let live = live(settings, plan, self.secret, Some(&*before.accounts))?;
        self.core.put_in_force(live);
        Ok(())
    }

    /// Whether these settings have other listeners than those that were bound.
    pub fn differs_in_listeners(&self, settings: &Settings) -> bool {
        let live = self.core.live.load();
        live.settings.listeners != settings.listeners || live.settings.admin != settings.admin
    }

    /// Until no more connections are to be taken: another process does, or this one stops.
    pub async fn left(&self) {
        self.core.leaving.cancelled().await;
    }

    /// Until everything is to end.
    pub async fn stopped(&self) {
        self.core.stopping.cancelled().await;
    }

    /// Begins the stop: no new connections, no new requests.
    pub fn stop(&self) {
        self.core.stopping.cancel();
        self.core.leaving.cancel();
    }
}

fn live(
    settings: Settings,
    plan: Plan,
    secret: Secret,
    before: Option<&Accounts>,
) -> Result<Live, AccountsError> {
    let accounts = Accounts::new(
        &settings.account,
        secret.account,
        settings.privacy.addresses,
    )?;
    if let Some(before) = before {
        accounts.go_on_from(before);
    }
    let visitors = Visitors::new(&settings.visitors).map_err(AccountsError::Visitors)?;
    Ok(Live {
        rules: Arc::new(Rules {
            names: Rules::names(&plan),
            plan,
            accounts: Arc::new(accounts),
            visitors: Arc::new(visitors),
            addresses: settings.privacy.addresses,
            limits: settings.limits.clone(),
        }),
        settings,
        calendar: OnceLock::new(),
    })
}

/// The socket of a listener for clients: one that was handed over, one that was passed, or a new one.
fn bound(
    wanted: &Wanted,
    taken: Option<&mut Taken>,
    passed: &mut Passed,
    sockets: &mut Vec<hand_over::Socket>,
) -> io::Result<TcpListener> {
    let place = Place {
        address: wanted.address,
        purpose: Purpose::Clients,
    };
    let given = taken.and_then(|taken| taken.socket(place));
    let socket = match given.or_else(|| passed.take(wanted)) {
        Some(socket) => Ok(socket),
        None => listen(wanted.address),
    };
    socket.map(|socket| to_hand_over(sockets, place, socket))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        None,
    )?;
    // A restart must not wait for connections of the one before to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    // Accepted sockets inherit it. Without it an answer can wait 40 ms for the client's delayed ACK.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Keeps a second descriptor of a socket for the process that may take this one's place.
fn to_hand_over(
    sockets: &mut Vec<hand_over::Socket>,
    place: Place,
    socket: TcpListener,
) -> TcpListener {
    match socket.try_clone() {
        Ok(socket) => sockets.push((place, socket)),
        Err(error) => {
            tracing::warn!(%error, address = %place.address, "cannot be handed over");
        }
    }
    socket
}

fn watched(socket: TcpListener) -> io::Result<AsyncFd<TcpListener>> {
    #[expect(
        deprecated,
        reason = "unsound only for a type whose descriptor can change; its successor is unsafe to call"
    )]
    AsyncFd::with_interest(socket, Interest::READABLE)
}

async fn watch_certificates(
    entrances: Vec<Arc<Entrance>>,
    tickets: Arc<Tickets>,
    stopping: CancellationToken,
) {
    let mut ticks = interval(CERTIFICATE_CHECK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stopping.cancelled() => return,
        }
        if let Err(error) = tickets.turn(tickets::now()) {
            tracing::error!(%error, "no new ticket key; the old one stays");
        }
        for entrance in &entrances {
            if let Err(error) = entrance.certificates.use_newest_ticket_key() {
                tracing::error!(%error, listener = %entrance.name, "the new ticket key cannot be used; the old one stays");
            }
            match entrance.certificates.reload_if_changed() {
                Ok(true) => tracing::info!(listener = %entrance.name, "certificates reloaded"),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, listener = %entrance.name, "new certificates cannot be used; the old ones stay")
                }
            }
        }
    }
}

/// Reads tables of accounts that have changed, and fetches keys when it is time to.
async fn watch_accounts(core: Arc<Core>) {
    let mut ticks = interval(ACCOUNTS_CHECK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = core.stopping.cancelled() => return,
        }
        let live = core.live.load_full();
        match live.accounts.reload_if_changed() {
            Ok(Some(what)) => tracing::info!("{what} reloaded"),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "a changed table of accounts cannot be used; the old one stays")
            }
        }
        let verifier = live.accounts.verifier();
        let due = verifier.and_then(|verifier| Some((verifier, verifier.due(Instant::now())?)));
        let Some((verifier, url)) = due else {
            continue;
        };
        let answer = tokio::select! {
            answer = fetch(url, LONGEST_SET, FETCH) => answer,
            () = core.stopping.cancelled() => return,
        };
        let answer = answer.as_deref().map_err(Clone::clone);
        match verifier.answered(Instant::now(), url, answer) {
            Ok(()) => tracing::info!(%url, "token keys fetched"),
            Err(error) => {
                tracing::error!(%error, "token keys cannot be fetched; those that were fetched before stay")
            }
        }
    }
}
