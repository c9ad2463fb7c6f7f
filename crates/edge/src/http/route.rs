//! One request: the edge's own answers first, then the plan's decision, then the upstream.

use std::sync::Arc;

use floor::{Account, Action, Decision, Moment, Sunset, Who};
use hello::Version;
use hyper::header::{ACCEPT, HeaderName, HeaderValue, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use ledger::Visitor;

use super::body::{self, Body};
use super::peeked::Peeked;
use super::reports::Reports;
use super::respond::{self, Form};
use super::ssl::{SslAnswer, Subject};
use super::{account, explain, headers, health, notice, page, token};
use crate::connection::Session;
use crate::core::Live;
use crate::record::{Decided, Made, Treated};
use accounts::{Asked, Hello, Seen};

/// The longest User-Agent that is kept.
const LONGEST_USER_AGENT: usize = 256;

pub(crate) async fn answer(session: &Arc<Session>, mut request: Request<Peeked>) -> Response<Body> {
    let core = &session.core;
    // Loaded for each request, so that a reload reaches connections that are open.
    let live = core.live.load_full();
    let now = core.clock.now();
    let before = session.record().account();
    let account = match token::client(&live, &mut request, before.as_ref()).await {
        Some(client) => Some(client),
        None => live
            .accounts
            .of_request(request.headers(), session.place(), before.as_ref()),
    };
    if let Some(account) = account
        .as_ref()
        .filter(|account| before.as_ref() != Some(*account))
    {
        session.remember(account);
    }
    let user_agent = user_agent(request.headers());
    let user_agent = user_agent.as_ref().map(UserAgent::as_str);
    let made = Made {
        account: account.as_ref(),
        user_agent,
        visitor: visitor(session, &live, user_agent, request.uri().path()),
        judged: None,
    };

    let who = Who {
        address: Some(session.peer.ip()),
        sni: session.sni.as_deref(),
        account: account.as_deref().map_or(Account::None, Account::Known),
    };
    let host = headers::host(&request);
    // Few requests ask for it.
    let ssl_url = || ssl_url(session, &live, host.as_ref());
    let claimed = claimed(request.headers());
    let subject = || Subject {
        offer: &session.offer,
        negotiated: &session.negotiated,
        who,
        user_agent,
        claimed,
        ssl_url: ssl_url(),
    };
    if let Some(own) = own_answer(session, &live, &request, &subject) {
        session.count(&made, Treated::Answered);
        body::read_away(request, &session.core.stopping);
        return own;
    }

    if let Some(token) = account_token(&live, request.uri().path()) {
        session.count(&made, Treated::Answered);
        let asked = account::Asked {
            method: request.method(),
            token,
            form: form(request.headers(), Form::Json),
            ssl_url: ssl_url(),
        };
        let answer = account::answer(session, &live, asked).await;
        body::read_away(request, &session.core.stopping);
        return answer;
    }

    let decision = live.plan.decide(
        &session.offer,
        &who,
        Moment::Request {
            path: request.uri().path(),
        },
        now,
    );
    let sunset = live.sunset(&decision);
    let made = Made {
        judged: Some(decided(&decision, sunset)),
        ..made
    };
    if decision.preview {
        session.count(&made, Treated::Answered);
        body::read_away(request, &session.core.stopping);
        return preview(&ssl_url());
    }
    match (decision.action, sunset) {
        (Action::Explain | Action::Refuse(_), Some(sunset)) => {
            session.count(&made, Treated::Explained);
            let form = form(request.headers(), Form::Problem);
            let answer = explain::answer(
                live.settings.answers.explain_status,
                &decision,
                sunset,
                &subject(),
                form,
                request.version(),
            );
            body::read_away(request, &session.core.stopping);
            answer
        }
        (action, sunset) => {
            // Counted before it is passed on: a client that does not wait for its answer has asked all the same.
            let warned = sunset.filter(|_| action == Action::Warn);
            session.count(
                &made,
                match warned {
                    Some(_) => Treated::Warned,
                    None => Treated::Served,
                },
            );
            headers::strip_forged(request.headers_mut());
            let meets = decision.verdict.meets();
            let mut response = pass(session, &live, request, host.as_ref(), meets, &subject).await;
            if let Some(sunset) = warned {
                notice::add(
                    response.headers_mut(),
                    &decision,
                    sunset,
                    &session.negotiated,
                    &ssl_url(),
                );
            }
            response
        }
    }
}

fn decided<'a>(decision: &Decision, sunset: Option<&'a Sunset>) -> Decided<'a> {
    Decided {
        sunset: sunset.map(|sunset| sunset.name.as_str()),
        phase: decision.phase,
        action: decision.action.name(),
        window: decision.window.map(|window| window.start),
        preview: decision.preview,
    }
}

/// Who is visiting, looked at anew only where that can have changed.
fn visitor(session: &Session, live: &Live, user_agent: Option<&str>, path: &str) -> Visitor {
    let record = session.record();
    let before = record
        .sighting()
        .filter(|sighting| sighting.requests.total() > 0);
    let agent_before = before.and_then(|sighting| sighting.user_agent.as_deref());
    if let Some(before) = before
        && !live.visitors.tells_paths_apart()
        && (user_agent.is_none() || user_agent == agent_before)
    {
        return before.visitor;
    }
    live.visitors.who(&Seen {
        address: Some(session.peer.ip()),
        hello: Some(Hello {
            sni: session.sni.as_deref(),
            offer: &session.offer,
        }),
        request: Some(Asked {
            user_agent: user_agent.or(agent_before),
            path,
        }),
    })
}

fn own_answer<'a>(
    session: &Session,
    live: &Live,
    request: &Request<Peeked>,
    subject: &impl Fn() -> Subject<'a>,
) -> Option<Response<Body>> {
    let path = request.uri().path();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let answers = &live.settings.answers;
    if path == answers.health && reads && session.peer.ip().to_canonical().is_loopback() {
        return Some(health::answer(&session.core));
    }
    if path == answers.calendar && reads {
        return Some(respond::calendar(live.calendar()));
    }
    for ssl in &answers.ssl {
        let ssl = ssl.as_str();
        if path == ssl || path == ssl.trim_end_matches('/') {
            return Some(ssl_answer(session, live, request.headers(), &subject()));
        }
        if let Some(id) = path
            .strip_prefix(ssl)
            .and_then(|rest| rest.strip_prefix("r/"))
            && reads
        {
            return Some(report(session, request.headers(), id));
        }
    }
    None
}

/// The token of a private link. Whatever the method, such a request is for nobody behind: its path is a secret.
fn account_token<'a>(live: &Live, path: &'a str) -> Option<&'a str> {
    let mut places = live.settings.answers.ssl.iter();
    places.find_map(|ssl| account::token(path.strip_prefix(ssl.as_str())?))
}

fn ssl_answer(
    session: &Session,
    live: &Live,
    headers: &HeaderMap,
    subject: &Subject<'_>,
) -> Response<Body> {
    let id = Reports::new_id();
    let link = id.as_ref().map(|id| format!("{}r/{id}", subject.ssl_url));
    let answer = Arc::new(SslAnswer::new(
        &live.plan,
        subject,
        session.core.clock.now(),
        link,
    ));
    if let Some(id) = id {
        session.core.reports.keep(id, answer.clone());
    }
    show(&answer, headers)
}

fn report(session: &Session, headers: &HeaderMap, id: &str) -> Response<Body> {
    match session.core.reports.find(id) {
        Some(answer) => show(&answer, headers),
        None => respond::plain(
            StatusCode::NOT_FOUND,
            "This report is not kept any more. Call /ssl/ again from the client under test.\n",
        ),
    }
}

fn show(answer: &SslAnswer, headers: &HeaderMap) -> Response<Body> {
    match form(headers, Form::Json) {
        Form::Html => respond::with(StatusCode::OK, Form::Html, page::ssl(answer).into_string()),
        _ => respond::json(StatusCode::OK, Form::Json, answer),
    }
}

fn preview(ssl_url: &str) -> Response<Body> {
    respond::plain(
        StatusCode::NOT_FOUND,
        &format!(
            "This name shows how clients will fare on a later date and serves no API. A client that reads this has connected; what it negotiated: {ssl_url}\n"
        ),
    )
}

/// Passes the request on; where there is nowhere to pass it, shows the visitor what `/ssl/` says.
///
/// `meets`: whether the client meets the floor.
async fn pass<'a>(
    session: &Arc<Session>,
    live: &Live,
    request: Request<Peeked>,
    host: Option<&HeaderValue>,
    meets: bool,
    subject: &impl Fn() -> Subject<'a>,
) -> Response<Body> {
    if session.entrance.proxy.is_configured() {
        let fallback = HeaderValue::from_static("localhost");
        let response = session
            .entrance
            .proxy
            .pass(
                request,
                host.unwrap_or(&fallback),
                |headers| session.told.add(headers, host, meets),
                &live.settings.limits,
                session,
            )
            .await;
        return response;
    }
    let answer = ssl_answer(session, live, request.headers(), &subject());
    body::read_away(request, &session.core.stopping);
    answer
}

/// What the client says it negotiated itself: where that is another version, TLS ends somewhere in between.
fn claimed(headers: &HeaderMap) -> Option<Version> {
    Version::from_name(headers.get(NEGOTIATED)?.to_str().ok()?)
}

/// In which a client says that.
const NEGOTIATED: HeaderName = HeaderName::from_static("sundown-negotiated");

fn user_agent(headers: &HeaderMap) -> Option<UserAgent> {
    let value = headers.get(USER_AGENT)?;
    value.to_str().ok()?;
    Some(UserAgent(value.clone()))
}

/// A User-Agent that outlives its request. Its room is the header's.
struct UserAgent(HeaderValue);

impl UserAgent {
    fn as_str(&self) -> &str {
        // ASCII, or it would not be one: a cut falls between letters.
        let text = self.0.to_str().unwrap_or_default();
        text.get(..LONGEST_USER_AGENT).unwrap_or(text)
    }
}

/// The URL of `/ssl/` as this client reaches it. A host that is no host name is not repeated to anyone.
fn ssl_url(session: &Session, live: &Live, host: Option<&HeaderValue>) -> String {
    let path = live
        .settings
        .answers
        .ssl
        .first()
        .map_or("/ssl/", |path| path.as_str());
    let plausible = |host: &&str| {
        !host.is_empty()
            && host.len() <= 255
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
    };
    let host = host
        .and_then(|host| host.to_str().ok())
        .or(session.sni.as_deref())
        .filter(plausible)
        .unwrap_or("localhost");
    format!("https://{host}{path}")
}

/// The form to answer in (RFC 9110 section 12.5.1, as far as clients differ): HTML for browsers, `data` for
/// clients that take data or anything, text for those that take neither.
fn form(headers: &HeaderMap, data: Form) -> Form {
    let accept = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or("*/*");
    let takes = |kind: &str| {
        accept.split(',').any(|range| {
            range
                .split(';')
                .next()
                .is_some_and(|range| range.trim().eq_ignore_ascii_case(kind))
        })
    };
    let browser = headers
        .get(USER_AGENT)
        .is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    // What HttpURLConnection sends for every Java program that does not set Accept itself; JDK 17 ends it with
    // `*/*; q=0.2`, earlier ones with `*; q=.2, */*; q=.2`.
    let java = accept.starts_with("text/html, image/gif, image/jpeg, *");
    if takes("application/json") || takes("application/problem+json") || java {
        data
    } else if takes("text/html") || (browser && takes("*/*")) {
        // Internet Explorer up to 8 lists images and */*, and means HTML.
        Form::Html
    } else if takes("*/*") || takes("application/*") {
        data
    } else if data == Form::Json {
        Form::Json
    } else {
        Form::Text
    }
}
