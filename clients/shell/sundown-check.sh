#!/bin/sh
# Will this curl, or this OpenSSL, survive the server's next change of TLS?
#
# Asks a server's /ssl/ what it thinks of this client, says the same of curl's own TLS library, and names the fix.
# One file, POSIX sh and awk, and any curl that programs on this machine use; where there is none, or with
# SUNDOWN_CHECK_WITH=openssl, openssl's s_client. Sourced, it defines `sundown_check`:
#
#   SUNDOWN_CHECK_SOURCED=1 . ./sundown-check.sh
#   sundown_check --json https://api.example.com
#
# Exit code: 0 survives, 1 will not, 2 could not tell.

sundown_check_usage() {
    echo 'usage: sundown-check.sh [--json] [--ca FILE] [--timeout SECONDS] URL'
}

sundown_check_misused() {
    sundown_check_usage >&2
    echo "sundown-check: $1" >&2
    return 2
}

# In a subshell: a caller that sources this keeps its own variables, directory and traps.
sundown_check() (
    LC_ALL=C
    export LC_ALL
    url="" json="" ca="" timeout=10
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help)
            sundown_check_usage
            echo
            echo "Asks a server's /ssl/ whether this curl, or this OpenSSL, survives its next change of TLS."
            echo
            echo '  URL                https://host[:port][/path]; the path is /ssl/ unless given'
            echo '  --json             print the answer as JSON'
            echo "  --ca FILE          trust the authorities in this PEM file instead of curl's"
            echo '  --timeout SECONDS  for all of it; default 10'
            echo
            echo 'Exit code: 0 survives, 1 will not, 2 could not tell.'
            return 0
            ;;
        --json) json=1 ;;
        --ca=*) ca=${1#*=} ;;
        --timeout=*) timeout=${1#*=} ;;
        --ca | --timeout)
            [ $# -gt 1 ] || { sundown_check_misused "$1 takes a value"; return; }
            case $1 in --ca) ca=$2 ;; *) timeout=$2 ;; esac
            shift
            ;;
        -*) sundown_check_misused "there is no option $1"; return ;;
        *)
            [ -z "$url" ] || { sundown_check_misused 'one URL at a time'; return; }
            url=$1
            ;;
        esac
        shift
    done
    [ -n "$url" ] || { sundown_check_misused 'which URL?'; return; }
    echo "$timeout" | awk '{ exit !($0 ~ /^[0-9]*\.?[0-9]+$/ && $0 > 0 && $0 <= 3600) }' ||
        { sundown_check_misused '--timeout takes seconds, up to 3600'; return; }

    work=$(mktemp -d "${TMPDIR:-/tmp}/sundown-check.XXXXXX") || return 2
    trap 'rm -rf "$work"' EXIT
    trap 'exit 2' HUP INT TERM
    : >"$work/body" && : >"$work/head" && : >"$work/log"
    SUNDOWN_URL=$url SUNDOWN_SUMMARY="" SUNDOWN_SAID="" SUNDOWN_CODE="" SUNDOWN_PLACE=""
    SUNDOWN_VERSION=""
    [ "${SUNDOWN_CHECK_WITH-}" = openssl ] || SUNDOWN_VERSION=$(curl -q --version 2>/dev/null | head -n 1)
    [ -n "$SUNDOWN_VERSION" ] || SUNDOWN_VERSION=$(openssl version 2>/dev/null)
    if [ -z "$SUNDOWN_VERSION" ]; then
        SUNDOWN_SUMMARY='this check needs curl or openssl, and neither is on the PATH'
    elif sundown_check_target && sundown_check_trust; then
        case $SUNDOWN_VERSION in
        curl*) sundown_check_curl ;;
        *) sundown_check_openssl ;;
        esac
        [ "$(wc -c <"$work/body")" -le 1048576 ] || SUNDOWN_SUMMARY='the answer is longer than 1 MiB'
    fi
    export SUNDOWN_URL SUNDOWN_SUMMARY SUNDOWN_SAID SUNDOWN_CODE SUNDOWN_PLACE SUNDOWN_VERSION
    export SUNDOWN_TIMEOUT="$timeout" SUNDOWN_JSON="$json"
    # One line each: awk then never puts a long text together from a million short ones.
    tr -d '\000\001' <"$work/body" | tr '\n\r\t' '   ' >"$work/line"
    awk "$sundown_check_awk" "$work/log" "$work/head" "$work/line"
)

# Sets host, port, path and the URL as it is asked; or says what is wrong with it.
sundown_check_target() {
    case $url in
    [Hh][Tt][Tt][Pp]://*)
        SUNDOWN_SUMMARY='the URL is plain HTTP; write https:// to check TLS'
        return 1
        ;;
    esac
    # shellcheck disable=SC2016 # awk's own $0
    parts=$(printf '%s\n' "$url" | awk 'NR > 1 { exit 1 }
        {
            if (tolower(substr($0, 1, 8)) != "https://") exit 1
            rest = substr($0, 9)
            if (!match(rest, /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])/)) exit 1
            host = tolower(substr(rest, 1, RLENGTH)); rest = substr(rest, RLENGTH + 1); port = 443
            if (match(rest, /^:[0-9]+/)) {
                if (RLENGTH > 6) exit 1
                port = substr(rest, 2, RLENGTH - 1) + 0; rest = substr(rest, RLENGTH + 1)
            }
            if (port < 1 || port > 65535 || rest !~ /^([\/?][!-~]*)?$/) exit 1
            sub(/#.*/, "", rest); sub(/^\?/, "/?", rest)
            if (rest == "" || rest == "/") rest = "/ssl/"
            place = port == 443 ? host : host ":" port
            print place " " rest
        }') || parts=
    if [ -z "$parts" ]; then
        SUNDOWN_SUMMARY='the URL is not one to check; write https://host[:port][/path]'
        return 1
    fi
    SUNDOWN_PLACE=${parts%% *}
    SUNDOWN_URL=https://$SUNDOWN_PLACE${parts#* }
}

sundown_check_trust() {
    if [ -n "$ca" ] && ! grep -q -e '-----BEGIN ' "$ca" 2>/dev/null; then
        SUNDOWN_SUMMARY='the file of authorities cannot be read' SUNDOWN_SAID="no certificate in $ca"
        return 1
    fi
    # An empty directory, or the system's own would be trusted beside the file.
    mkdir "$work/none"
}

sundown_check_curl() {
    version=$(echo "$SUNDOWN_VERSION" | cut -d ' ' -f 2)
    # The user's .curlrc counts, as it does for programs; what would hide the certificate or the answer does not.
    set -- --silent --show-error --verbose --globoff --no-insecure --no-location --no-fail --no-include \
        --max-time "$timeout" --header 'Accept: application/json' --user-agent "curl/$version sundown-check/0.1.0" \
        --dump-header "$work/head" --output -
    [ -z "$ca" ] || set -- "$@" --cacert "$ca" --capath "$work/none"
    { curl "$@" "$SUNDOWN_URL" 2>"$work/log"; echo $? >"$work/code"; } | head -c 1048577 >"$work/body"
    SUNDOWN_CODE=$(cat "$work/code")
    SUNDOWN_SAID=$(sed -n 's/^\(curl: ([0-9]*) .*\)/\1/p' "$work/log" | tail -n 1)
}

# The same by OpenSSL alone. What it says is put in curl's numbers, which the rest is read by.
sundown_check_openssl() {
    bare=$(echo "${SUNDOWN_PLACE%:*}" | tr -d '[]')
    case $SUNDOWN_PLACE in
    *]) bare=$(echo "$SUNDOWN_PLACE" | tr -d '[]') place=$SUNDOWN_PLACE:443 ;;
    *:*) place=$SUNDOWN_PLACE ;;
    *) bare=$SUNDOWN_PLACE place=$SUNDOWN_PLACE:443 ;;
    esac
    case $bare in
    *[!0-9.]*) set -- -verify_hostname "$bare" -servername "$bare" ;;
    *) set -- -verify_ip "$bare" ;;
    esac
    case $bare in *:*) set -- -verify_ip "$bare" ;; esac
    [ -z "$ca" ] || set -- "$@" -CAfile "$ca" -CApath "$work/none"
    path=${SUNDOWN_URL#https://"$SUNDOWN_PLACE"}
    # HTTP/1.0, so that the answer is never chunked.
    {
        printf 'GET %s HTTP/1.0\r\nHost: %s\r\nAccept: application/json\r\nConnection: close\r\n' "$path" "$SUNDOWN_PLACE"
        printf 'User-Agent: sundown-check/0.1.0 %s\r\n\r\n' "$(echo "$SUNDOWN_VERSION" | sed 's/ /\//; s/ .*//')"
    } >"$work/request"
    : >"$work/message"
    # openssl has no deadline of its own, and POSIX no timeout(1).
    (
        openssl s_client -connect "$place" -brief -ign_eof -verify_return_error "$@" <"$work/request" 2>"$work/log" &
        echo $! >"$work/pid"
        wait $!
        echo $? >"$work/code"
    ) | head -c 1048577 >"$work/message" &
    client=$!
    (
        sleep "$timeout" &
        nap=$!
        trap 'kill "$nap"; exit' TERM
        wait "$nap"
        : >"$work/late"
        kill "$(cat "$work/pid")"
    ) >/dev/null 2>&1 &
    watch=$!
    wait "$client"
    kill "$watch" 2>/dev/null
    sed '/^\r*$/q' "$work/message" >"$work/head"
    # Behind the first empty line; nothing where there is none.
    sed '1,/^\r*$/d' "$work/message" >"$work/body"
    [ "$(wc -c <"$work/message")" -le 1048576 ] || cp "$work/message" "$work/body"
    # shellcheck disable=SC2016 # awk's own $0
    SUNDOWN_CODE=$(SUNDOWN_ENDED=$(cat "$work/code") SUNDOWN_LATE=$([ -e "$work/late" ] && echo 1) \
        SUNDOWN_BODY=$(wc -c <"$work/body") awk '
        FILENAME ~ /\/log$/ { words = words " " tolower($0); next }
        {
            sub(/\r$/, "")
            if (FNR == 1 && $0 !~ /^HTTP\/1\.[01] [0-9][0-9][0-9]/) odd = 1
            if (tolower($0) ~ /^content-length:/) { wanted = $0; sub(/^[^:]*:[ \t]*/, "", wanted) }
            lines = FNR; last = $0
        }
        END {
            if (ENVIRON["SUNDOWN_LATE"]) print 28
            else if (words ~ /ciphersuite:|cipher is/ && words !~ /verify error:|certificate verify failed/) {
                if (odd) print 1
                else if (!lines || last != "" || wanted + 0 > ENVIRON["SUNDOWN_BODY"] + 0) print 18
                else print 0
            }
            else if (words ~ /verify error:|certificate verify failed/) print 60
            else if (words ~ /connect:errno|getaddrinfo|bio_lookup|connection refused|no route to host/ && words !~ /alert/) print 7
            else print 35
        }' "$work/log" "$work/head")
    SUNDOWN_SAID=$(grep -E 'error|errno' "$work/log" | head -n 1)
}

# All the reading and the writing. In: curl's own words, the head of the answer, its body as one line.
# shellcheck disable=SC2016 # awk's own variables
sundown_check_awk='
BEGIN {
    longest_text = 2000; longest_list = 32; deepest = 64
    split(ENVIRON["SUNDOWN_VERSION"], words, " ")
    runtime = words[1] " " words[2]
    if (runtime !~ /^curl/) runtime = "openssl " words[2]
    library = words[4] == "" ? words[3] : words[5]
    if (library !~ /\//) library = words[4]
    if (runtime !~ /^curl/) library = words[1] " " words[2]
    for (i = 3; i in words && runtime ~ /^curl/; i++) {
        if (words[i] ~ /^\(?[A-Za-z]*(SSL|TLS|NSS|Schannel|SecureTransport)[^\/]*(\/|$)/) { library = words[i]; break }
    }
    gsub(/[()]/, "", library); sub(/\//, " ", library)
    summaries["ok"] = "this client meets every floor of the server"
    summaries["at-risk"] = "this client is served today and misses a floor"
    summaries["blocked"] = "the server turns this client\047s requests away"
    exits["ok"] = 0; exits["at-risk"] = exits["blocked"] = exits["refused"] = 1; exits["unknown"] = 2
    verdict = "unknown"
}
FILENAME ~ /\/log$/ {
    # OpenSSL, GnuTLS and others: "SSL connection using TLSv1.3 / NAME"; newer ones go on with the group.
    if (own_protocol == "" && match($0, /SSL connection using [^ ]+ \/ [^ ]+/)) {
        split(substr($0, RSTART + 21, RLENGTH - 21), pair, " / ")
        own_protocol = pair[1]; own_cipher = pair[2]
        if (own_protocol ~ /^TLS1/) sub(/^TLS/, "TLSv", own_protocol)
        sub(/^TLSv1\.0$/, "TLSv1", own_protocol)
    }
    if (sub(/^Protocol version: */, "")) own_protocol = $1
    if (sub(/^Ciphersuite: */, "")) own_cipher = $1
    # In the words of curl itself; what the server said begins with "<".
    if ($0 !~ /^[<>{}]/) said_all = substr(said_all, 1, 20000) " " substr($0, 1, 2000)
    next
}
FILENAME ~ /\/head$/ {
    sub(/\r$/, "")
    if ($0 ~ /^HTTP\//) { status = substr($2, 1, 3) + 0; kind = notice = "" }
    if (tolower($0) ~ /^content-type:/) { kind = $0; sub(/^[^:]*:[ \t]*/, "", kind); sub(/;.*/, "", kind) }
    if (tolower($0) ~ /^sundown-notice:/) { notice = $0; sub(/^[^:]*:[ \t]*/, "", notice) }
    next
}
{ body = $0 }
END {
    judge()
    if (ENVIRON["SUNDOWN_JSON"] != "") print_json(); else print_lines()
    exit exits[verdict]
}

function judge() {
    if (ENVIRON["SUNDOWN_SUMMARY"] != "") { unable(ENVIRON["SUNDOWN_SUMMARY"]); return }
    if (ENVIRON["SUNDOWN_CODE"] != 0) { failed(ENVIRON["SUNDOWN_CODE"] + 0); return }
    valid = parse(body)
    if (!valid) { split("", value); split("", type) }
    if (value["/type"] == "urn:sundown:problem:tls-floor" && type["/type"] == "s") explained()
    else if (told("/protocol") != "") answered()
    else if (notice != "") noticed()
    else unable("the server does not say how it sees this client (HTTP " status ", " (kind == "" ? "no content type" : clean(kind)) ")")
    if (server) compare()
}
function unable(why) { summary = why; error = ENVIRON["SUNDOWN_SAID"] }
function conclude(word) { verdict = word; summary = summaries[word] }

# The exit codes of curl; for a handshake that failed its words, turned into the answer they stand for.
function failed(code,    words) {
    words = tolower(said_all)
    gsub(/_/, " ", words)
    if (code == 28) { unable("no complete answer within " ENVIRON["SUNDOWN_TIMEOUT"] " s"); return }
    # It shook hands before it looked at the certificate.
    if (code == 60 || code == 51) { own_protocol = own_cipher = ""; unable("the server\047s certificate is not trusted; --ca FILE names an authority to trust"); return }
    if (code == 77) { unable("the file of authorities cannot be read"); return }
    if (code == 5 || code == 6 || code == 7) { unable("cannot reach " ENVIRON["SUNDOWN_PLACE"]); return }
    if (code == 63) { unable("the answer is longer than 1 MiB"); return }
    if (own_protocol != "") {
        unable(code == 1 || code == 8 || code == 43 ? "the answer is not HTTP" : "the connection ended before the answer was complete")
        return
    }
    if (words ~ /no protocols available|no ciphers available|failed setting cipher list/) {
        unable("this runtime refuses by itself, before the server can"); fixed("protocol_version"); return
    }
    if (words ~ /alert protocol version|\[70\]|protocol version alert/) refused("protocol_version", "the server needs a later TLS version than this client offers")
    else if (words ~ /alert insufficient security|\[71\]/) refused("insufficient_security", "the server accepts no cipher suite or group that this client offers")
    else if (words ~ /alert handshake failure|\[40\]/) refused("handshake_failure", "the server accepts no cipher suite or group that this client offers")
    else unable("the handshake failed")
}
function refused(name, why) {
    verdict = "refused"; alert = name; error = ENVIRON["SUNDOWN_SAID"]
    summary = why "; this runtime\047s library is " library
    fixed(name)
}
function fixed(name) {
    fix = 1; fix_verify = "sundown-check.sh " ENVIRON["SUNDOWN_URL"]
    if (name != "protocol_version") {
        fix_summary = runtime !~ /^curl/ ? "Remove CipherString, Ciphersuites and Groups from the file that OPENSSL_CONF names, or update OpenSSL." : "Remove --ciphers, --tls13-ciphers and --curves from the command line and ~/.curlrc and CipherString from the file that OPENSSL_CONF names, or update curl and its TLS library."
    } else if (library ~ /^OpenSSL (0\.|1\.0\.0)/) {
        fix_summary = runtime " runs on " library ", which ends at TLSv1, and no setting changes that: update curl and its TLS library."
    } else if (runtime !~ /^curl/) {
        fix_summary = library " offers TLSv1.2 and later unless something holds it to less: search the file that OPENSSL_CONF names for MaxProtocol and MinProtocol, and remove the line. For TLSv1.3 it takes OpenSSL 1.1.1 or later."
    } else {
        fix_summary = library " offers TLSv1.2 and later unless something holds it to less: search the command line, ~/.curlrc and code for --tls-max, --tlsv1.0, -1 and CURLOPT_SSLVERSION, then the file that OPENSSL_CONF names for MaxProtocol, and remove the line. For TLSv1.3 it takes OpenSSL 1.1.1 or later."
        fix_snippet = "curl -q --tlsv1.2 URL   # -q: without .curlrc"
    }
}

# What the server says of this connection: an answer of /ssl/, an explanation, or the header that warns.
function answered(    i, at, names) {
    server = 1; seen("")
    server_client = told("/client/runtime")
    if (told("/client/version") != "") server_client = server_client (server_client == "" ? "" : ", ") told("/client/version")
    if (told("/client/library") != "") server_client = server_client (server_client == "" ? "" : ", ") told("/client/library")
    server_report = told("/report")
    for (i = 0; i < length_of("/floors"); i++) {
        at = "/floors/" i
        if (type[at] != "o") continue
        add_floor(told(at "/name"), told(at "/sunset"), told(at "/phase"), told(at "/verdict"), told(at "/exception_until"))
        add_texts(because, at "/because"); add_texts(needed, at "/needed")
        if (told(at "/next/phase") != "" && told(at "/next/at") != "") {
            next_phase[floors] = told(at "/next/phase"); next_at[floors] = told(at "/next/at")
        }
        if (floor_verdict[floors] == "misses" && contact == "") contact = told(at "/contact")
    }
    advised()
    if (type["/verdict"] == "s" && value["/verdict"] in summaries) conclude(value["/verdict"])
    else summary = "the server gives no verdict"
}
function explained() {
    server = 1; seen("/seen"); contact = told("/contact"); advised()
    add_floor("", told("/sunset"), "", "misses", "")
    add_texts(needed, "/needed")
    conclude("blocked")
}
function noticed(    rest, pair, name, fields) {
    server = 1; rest = substr(notice, 1, longest_text)
    while (match(rest, /[a-z-]+="[^"]*"/)) {
        pair = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
        name = substr(pair, 1, index(pair, "=") - 1)
        fields[name] = clean(substr(pair, length(name) + 3, length(pair) - length(name) - 3))
    }
    server_protocol = fields["seen"]; server_cipher = fields["seen-cipher"]; server_group = fields["seen-group"]
    add_floor("", "", "", "misses", "")
    if (fields["needed"] != "") needed[floors, ++needed[floors]] = fields["needed"]
    if (fields["needed-cipher"] != "") needed[floors, ++needed[floors]] = fields["needed-cipher"]
    if (fields["needed-group"] != "") needed[floors, ++needed[floors]] = fields["needed-group"]
    conclude(status >= 400 ? "blocked" : "at-risk")
}
function seen(at) { server_protocol = told(at "/protocol"); server_cipher = told(at "/cipher"); server_group = told(at "/group") }
function advised(    parts, count, i) {
    if (told("/advice/summary") == "") return
    fix = 1; fix_summary = told("/advice/summary"); fix_verify = told("/advice/verify")
    if (type["/advice/snippet"] != "s") return
    count = split(substr(value["/advice/snippet"], 1, longest_text), parts, "\n")
    for (i = 1; i <= count; i++) fix_snippet = fix_snippet (i > 1 ? "\n" : "") clean(parts[i])
}
function add_floor(name, sunset, phase, verdict, until) {
    floor_name[++floors] = name; floor_sunset[floors] = sunset; floor_phase[floors] = phase
    floor_verdict[floors] = verdict; floor_until[floors] = until; because[floors] = needed[floors] = 0
}
function add_texts(into, at,    i) {
    for (i = 0; i < length_of(at); i++) if (type[at "/" i] == "s") into[floors, ++into[floors]] = clean(value[at "/" i])
}
function length_of(at) { return type[at] == "a" ? (value[at] < longest_list ? value[at] : longest_list) : 0 }
function told(at) { return type[at] == "s" ? clean(value[at]) : "" }

# Whether the server saw another connection than the one that was made here.
function compare(    here, there) {
    if (own_protocol != "" && server_protocol != "") differs = own_protocol != server_protocol ? "true" : "false"
    # GnuTLS has names of its own.
    if (own_cipher == "" || server_cipher == "" || own_cipher ~ /^[^T].*_/) return
    here = own_cipher; there = server_cipher; sub(/^EDH-/, "DHE-", here); sub(/^EDH-/, "DHE-", there)
    if (here != there && own_cipher != told("/cipher_iana")) differs = "true"
    else if (differs == "") differs = "false"
}

# One line without what steers a terminal or reorders it (Unicode TR 9), in bytes of UTF-8.
function clean(text) {
    text = substr(text, 1, longest_text)
    gsub(/[\001-\037\177]+/, " ", text)
    gsub(/\302[\200-\237]/, " ", text)
    gsub(/\342\200[\216\217\250-\256]|\342\201[\246-\251]/, " ", text)
    sub(/^ +/, "", text); sub(/ +$/, "", text)
    return text
}

# JSON (RFC 8259), flattened: type and value of each place, as "/floors/0/name". 1 when all of it is valid.
function parse(json,    depth, where, counts, kinds, place, c, word, expects) {
    text_of_json = json; at = 1; size = length(json); depth = 0; place = ""; expects = "value"
    while (1) {
        while ((c = substr(text_of_json, at, 1)) == " ") at++
        if (expects == "end") return c == ""
        if (c == "") return 0
        if (expects == "value" || (expects == "first" && kinds[depth] == "a" && c != "]")) {
            if (expects == "first") place = where[depth] "/" counts[depth]
            if (c == "{" || c == "[") {
                if (depth == deepest) return 0
                type[place] = c == "{" ? "o" : "a"; value[place] = 0
                depth++; kinds[depth] = c == "{" ? "o" : "a"; where[depth] = place; counts[depth] = 0
                at++; expects = "first"
                continue
            }
            if (c == "\"") {
                if (!string()) return 0
                type[place] = "s"; value[place] = string_value
            } else if (match(substr(text_of_json, at, 40), /^(true|false|null|-?[0-9][0-9.eE+-]*)/)) {
                type[place] = "w"; value[place] = substr(text_of_json, at, RLENGTH); at += RLENGTH
            } else return 0
            expects = depth ? "more" : "end"
            continue
        }
        if ((expects == "first" || expects == "more") && c == (kinds[depth] == "o" ? "}" : "]")) {
            if (kinds[depth] == "a") value[where[depth]] = expects == "first" ? 0 : counts[depth] + 1
            depth--; at++; expects = depth ? "more" : "end"
            continue
        }
        if (expects == "more") {
            if (c != ",") return 0
            at++; counts[depth]++
            if (kinds[depth] == "a") { place = where[depth] "/" counts[depth]; expects = "value" } else expects = "key"
            continue
        }
        # The first or another key of an object.
        if (c != "\"" || !string()) return 0
        place = where[depth] "/" substr(string_value, 1, 100)
        while (substr(text_of_json, at, 1) == " ") at++
        if (substr(text_of_json, at, 1) != ":") return 0
        at++; expects = "value"
    }
}
function string(    piece, escape, code) {
    string_value = ""; at++
    while (at <= size) {
        piece = substr(text_of_json, at, 500)
        if (!match(piece, /["\\]/)) { keep(piece); at += length(piece); continue }
        keep(substr(piece, 1, RSTART - 1)); at += RSTART
        if (substr(piece, RSTART, 1) == "\"") return 1
        escape = substr(text_of_json, at, 1); at++
        if (escape == "u") {
            code = hex(substr(text_of_json, at, 4)); at += 4
            if (code < 0) return 0
            if (code >= 55296 && code < 56320 && substr(text_of_json, at, 2) == "\\u") {
                code = 65536 + (code - 55296) * 1024 + hex(substr(text_of_json, at + 2, 4)) - 56320; at += 6
            }
            keep(utf8(code))
        } else if (escape == "n") keep("\n")
        else if (index("\"\\/", escape) && escape != "") keep(escape)
        else if (escape == "r") keep("\r")
        else if (escape == "t") keep("\t")
        else if (index("bf", escape) && escape != "") keep("\001")
        else return 0
    }
    return 0
}
# What is past what is shown is read and not kept.
function keep(piece) { if (length(string_value) < longest_text) string_value = string_value piece }
function hex(digits,    i, n, code) {
    if (length(digits) < 4) return -1
    for (i = 1; i <= 4; i++) {
        n = index("0123456789abcdef", tolower(substr(digits, i, 1)))
        if (!n) return -1
        code = code * 16 + n - 1
    }
    return code
}
function utf8(code) {
    if (code == 0) return "\001"
    if (code < 128) return sprintf("%c", code)
    if (code < 2048) return sprintf("%c%c", 192 + int(code / 64), 128 + code % 64)
    if (code < 65536) return sprintf("%c%c%c", 224 + int(code / 4096), 128 + int(code / 64) % 64, 128 + code % 64)
    return sprintf("%c%c%c%c", 240 + int(code / 262144), 128 + int(code / 4096) % 64, 128 + int(code / 64) % 64, 128 + code % 64)
}

# --- For people --------------------------------------------------------------------------------------------------------

function line(name, text) { printf "%-8s %s\n", name, text }
function joined(a, b, c,    all) {
    all = a
    if (b != "") all = all (all == "" ? "" : ", ") b
    if (c != "") all = all (all == "" ? "" : ", ") c
    return all
}
function print_lines(    i, parts, count) {
    line("url", clean(substr(ENVIRON["SUNDOWN_URL"], 1, 200)))
    line("runtime", runtime ", " library)
    if (own_protocol own_cipher != "") line("here", joined(own_protocol, own_cipher, ""))
    if (server) line("server", joined(server_protocol, server_cipher, server_group))
    if (differs == "true") line("between", "something between this client and the server re-encrypts; the fix is due there")
    for (i = 1; i <= floors; i++) line("floor", floor_line(i))
    line("verdict", verdict ": " summary)
    if (error != "") line("error", clean(error))
    if (fix) {
        line("fix", fix_summary)
        count = split(fix_snippet, parts, "\n")
        for (i = 1; i <= count; i++) if (parts[i] != "") line("", parts[i])
        if (fix_verify != "") line("verify", fix_verify)
    }
    if (contact != "") line("help", contact)
    if (server_report != "") line("report", server_report)
}
function floor_line(i,    name, out, j, list) {
    name = floor_name[i] != "" ? floor_name[i] : floor_sunset[i] != "" ? floor_sunset[i] : "the server\047s"
    if (floor_name[i] != "" && floor_sunset[i] != "") name = floor_name[i] " (" floor_sunset[i] ")"
    if (floor_verdict[i] == "meets") return name ": meets"
    out = name ": " (floor_verdict[i] == "" ? "unknown" : floor_verdict[i])
    for (j = 1; j <= because[i]; j++) out = out "; " because[i, j]
    for (j = 1; j <= needed[i]; j++) list = list (j > 1 ? ", " : "") needed[i, j]
    if (list != "") out = out "; needs " list
    if (floor_until[i] != "") out = out "; excepted until " floor_until[i]
    else if (i in next_phase) out = out "; " next_phase[i] " from " next_at[i]
    return out
}

# --- For programs ------------------------------------------------------------------------------------------------------

function quoted(text) {
    if (text == "") return "null"
    gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text); gsub(/\n/, "\\n", text)
    return "\"" text "\""
}
function field(name, text, last) { printf "\"%s\": %s%s", name, text, last ? "" : ", " }
function list_of(of, i,    j, out) {
    for (j = 1; j <= of[i]; j++) out = out (j > 1 ? ", " : "") quoted(of[i, j])
    return "[" out "]"
}
function print_json(    i) {
    printf "{\n  "; field("url", quoted(clean(substr(ENVIRON["SUNDOWN_URL"], 1, 200))))
    field("verdict", quoted(verdict)); field("survives", exits[verdict] == 0 ? "true" : exits[verdict] == 1 ? "false" : "null")
    printf "\n  "; field("summary", quoted(summary))
    printf "\n  \"own\": {"; field("runtime", quoted(runtime)); field("library", quoted(library))
    field("protocol", quoted(own_protocol)); field("cipher", quoted(own_cipher), 1); printf "},\n  \"server\": "
    if (server) {
        printf "{"; field("protocol", quoted(server_protocol)); field("cipher", quoted(server_cipher)); field("group", quoted(server_group))
        field("client", quoted(server_client)); field("report", quoted(server_report), 1); printf "}"
    } else printf "null"
    printf ",\n  "; field("differs", differs == "" ? "null" : differs)
    printf "\n  \"floors\": ["
    for (i = 1; i <= floors; i++) {
        printf "%s\n    {", (i > 1 ? "," : "")
        field("name", quoted(floor_name[i])); field("sunset", quoted(floor_sunset[i])); field("phase", quoted(floor_phase[i]))
        field("verdict", quoted(floor_verdict[i])); field("because", list_of(because, i)); field("needed", list_of(needed, i))
        if (i in next_phase) printf "\"next\": {\"phase\": %s, \"at\": %s}, ", quoted(next_phase[i]), quoted(next_at[i])
        else field("next", "null")
        field("exception_until", quoted(floor_until[i]), 1); printf "}"
    }
    printf "],\n  "; field("alert", quoted(alert)); printf "\n  \"fix\": "
    if (fix) {
        printf "{"; field("summary", quoted(fix_summary)); field("snippet", quoted(fix_snippet))
        field("verify", quoted(fix_verify), 1); printf "}"
    } else printf "null"
    printf ",\n  "; field("contact", quoted(contact)); field("error", quoted(clean(error)), 1); print "\n}"
}
'

[ -n "${SUNDOWN_CHECK_SOURCED-}" ] || sundown_check "$@"
