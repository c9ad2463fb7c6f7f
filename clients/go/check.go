// Package check tells whether this Go program will survive the server's next change of TLS.
//
// It asks a server's /ssl/ what it thinks of this client, says the same of crypto/tls in this program, and names the
// fix. The standard library alone, Go 1.16 and later.
//
//	answer := check.Run("https://api.example.com", nil)
//	answer.Verdict // ok, at-risk, blocked, refused or unknown
package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const version = "0.1.0"

const (
	// An answer of /ssl/ has a few KiB.
	longestAnswer = 1 << 20
	// An advice is a few sentences, a plan has a few sunsets.
	longestText = 2000
	longestList = 32
)

const explanation = "urn:sundown:problem:tls-floor"

// Answer is what was found. Its JSON is the same in every language's helper.
type Answer struct {
	URL      string  `json:"url"`
	Verdict  string  `json:"verdict"`
	Survives *bool   `json:"survives"`
	Summary  string  `json:"summary"`
	Own      Own     `json:"own"`
	Server   *Server `json:"server"`
	Differs  *bool   `json:"differs"`
	Floors   []Floor `json:"floors"`
	Alert    *string `json:"alert"`
	Fix      *Fix    `json:"fix"`
	Contact  *string `json:"contact"`
	Error    *string `json:"error"`
}

// Own is this program's view of the connection.
type Own struct {
	Runtime  string  `json:"runtime"`
	Library  string  `json:"library"`
	Protocol *string `json:"protocol"`
	Cipher   *string `json:"cipher"`
}

// Server is the server's view of it.
type Server struct {
	Protocol *string `json:"protocol"`
	Cipher   *string `json:"cipher"`
	Group    *string `json:"group"`
	Client   *string `json:"client"`
	Report   *string `json:"report"`
}

// Floor is one floor of the server, and how this client stands with it.
type Floor struct {
	Name           *string  `json:"name"`
	Sunset         *string  `json:"sunset"`
	Phase          *string  `json:"phase"`
	Verdict        *string  `json:"verdict"`
	Because        []string `json:"because"`
	Needed         []string `json:"needed"`
	Next           *Next    `json:"next"`
	ExceptionUntil *string  `json:"exception_until"`
}

// Next is what happens to a client that misses, and when.
type Next struct {
	Phase string `json:"phase"`
	At    string `json:"at"`
}

// Fix is the change that is due, and the command that proves it.
type Fix struct {
	Summary string  `json:"summary"`
	Snippet *string `json:"snippet"`
	Verify  *string `json:"verify"`
}

// Options of a check; the zero value is the default.
type Options struct {
	// CA is a PEM file of the authorities to trust instead of the system's.
	CA string
	// Timeout is what all of it may take; 10 seconds where it is zero.
	Timeout time.Duration
	// TLS is the configuration that the program itself uses, so that what is checked is what it does. Verification
	// stays on whatever it says.
	TLS *tls.Config
}

var (
	checkable = regexp.MustCompile(`^(?i:https)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?((?:[/?][!-~]*)?)$`)
	// What steers a terminal or reorders a line (Unicode TR 9).
	steering = regexp.MustCompile(`[\x00-\x1f\x7f-\x{9f}\x{200e}\x{200f}\x{2028}\x{2029}\x{202a}-\x{202e}\x{2066}-\x{2069}]+`)
	notice   = regexp.MustCompile(`([a-z-]+)="([^"]*)"`)
)

var summaries = map[string]string{
	"ok":      "this client meets every floor of the server",
	"at-risk": "this client is served today and misses a floor",
	"blocked": "the server turns this client's requests away",
}

// crypto/tls's words for alerts 70, 71 and 40 (RFC 8446 section 6.2).
var alerts = []struct{ name, words string }{
	{"protocol_version", "remote error: tls: protocol version not supported"},
	{"insufficient_security", "remote error: tls: insufficient security level"},
	{"handshake_failure", "remote error: tls: handshake failure"},
}

// Exit is the exit code of a verdict: 0 survives, 1 will not, 2 could not tell.
func Exit(verdict string) int {
	switch verdict {
	case "ok":
		return 0
	case "at-risk", "blocked", "refused":
		return 1
	}
	return 2
}

// unable says why the answer is unknown, and what the library said.
type unable struct {
	summary string
	said    error
}

func (u *unable) Error() string { return u.summary }

// Run asks the URL (its /ssl/ where it names no path). It never panics and never returns nil.
func Run(url string, options *Options) *Answer {
	if options == nil {
		options = &Options{}
	}
	timeout := options.Timeout
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	answer := &Answer{
		URL: cut(line(url), 200), Verdict: "unknown", Floors: []Floor{},
		Own: Own{Runtime: "Go " + strings.TrimPrefix(runtime.Version(), "go"), Library: "crypto/tls of " + runtime.Version()},
	}
	limited, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := ask(limited, answer, url, options); err != nil {
		why := &unable{summary: "the check itself failed", said: err}
		errors.As(err, &why)
		if limited.Err() != nil {
			why = &unable{summary: fmt.Sprintf("no complete answer within %g s", timeout.Seconds())}
		}
		answer.Verdict, answer.Summary = "unknown", why.summary
		if why.said != nil {
			answer.Error = some(why.said.Error())
		}
	}
	if exit := Exit(answer.Verdict); exit < 2 {
		survives := exit == 0
		answer.Survives = &survives
	}
	return answer
}

func ask(limited context.Context, answer *Answer, url string, options *Options) error {
	place, path, err := target(url)
	if err != nil {
		return err
	}
	answer.URL = "https://" + place + path
	configuration, err := configuration(options)
	if err != nil {
		return err
	}
	// Asked directly: a client would follow redirects, which are answers of other servers.
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: configuration, DisableKeepAlives: true,
		MaxResponseHeaderBytes: 64 << 10,
	}
	defer transport.CloseIdleConnections()
	secured := false
	trace := &httptrace.ClientTrace{TLSHandshakeDone: func(state tls.ConnectionState, err error) {
		if err == nil {
			secured = true
			answer.Own.Protocol, answer.Own.Cipher = some(protocol(state.Version)), some(tls.CipherSuiteName(state.CipherSuite))
		}
	}}
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(limited, trace), "GET", answer.URL, nil)
	if err != nil {
		return &unable{"the URL is not one to check; write https://host[:port][/path]", err}
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "sundown-check/"+version+" "+runtime.Version())
	response, err := transport.RoundTrip(request)
	if err != nil {
		return failed(answer, place, secured, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, longestAnswer+1))
	if err != nil {
		return &unable{"the connection ended before the answer was complete", err}
	}
	if len(body) > longestAnswer {
		return &unable{"the answer is longer than 1 MiB", nil}
	}
	return read(answer, response, body)
}

func target(url string) (place, path string, err error) {
	if len(url) >= 7 && strings.EqualFold(url[:7], "http://") {
		return "", "", &unable{"the URL is plain HTTP; write https:// to check TLS", nil}
	}
	parts := checkable.FindStringSubmatch(url)
	port := 443
	if parts != nil && parts[2] != "" {
		port, _ = strconv.Atoi(parts[2])
	}
	if parts == nil || port < 1 || port > 65535 {
		return "", "", &unable{"the URL is not one to check; write https://host[:port][/path]", nil}
	}
	place, path = strings.ToLower(parts[1]), strings.SplitN(parts[3], "#", 2)[0]
	if port != 443 {
		place += ":" + strconv.Itoa(port)
	}
	if strings.HasPrefix(path, "?") {
		path = "/" + path
	}
	if path == "" || path == "/" {
		path = "/ssl/"
	}
	return place, path, nil
}

func configuration(options *Options) (*tls.Config, error) {
	configuration := &tls.Config{}
	if options.TLS != nil {
		configuration = options.TLS.Clone()
	}
	configuration.InsecureSkipVerify = false
	if options.CA != "" {
		text, err := os.ReadFile(options.CA)
		if err != nil {
			return nil, &unable{"the file of authorities cannot be read", err}
		}
		configuration.RootCAs = x509.NewCertPool()
		if !configuration.RootCAs.AppendCertsFromPEM(text) {
			return nil, &unable{"the file of authorities cannot be read", errors.New("no certificate in " + options.CA)}
		}
	}
	return configuration, nil
}

// failed turns the library's words for what went wrong into the answer they stand for.
func failed(answer *Answer, place string, secured bool, err error) error {
	words := err.Error()
	if secured {
		if strings.Contains(words, "malformed HTTP") {
			return &unable{"the answer is not HTTP", err}
		}
		return &unable{"the connection ended before the answer was complete", err}
	}
	for _, alert := range alerts {
		if strings.Contains(words, alert.words) {
			answer.Verdict, answer.Alert, answer.Error = "refused", some(alert.name), some(words)
			answer.Summary = refusal(alert.name) + "; this runtime's library is " + answer.Own.Library
			answer.Fix = fix(alert.name, answer)
			return nil
		}
	}
	var dialing *net.OpError
	switch {
	case strings.Contains(words, "x509:"):
		return &unable{"the server's certificate is not trusted; --ca FILE names an authority to trust", err}
	case strings.Contains(words, "no supported versions satisfy"):
		answer.Fix = fix("protocol_version", answer)
		return &unable{"this runtime refuses by itself, before the server can", err}
	case errors.As(err, &dialing) && (dialing.Op == "dial" || dialing.Op == "proxyconnect"):
		return &unable{"cannot reach " + place, err}
	}
	return &unable{"the handshake failed", err}
}

func refusal(alert string) string {
	if alert == "protocol_version" {
		return "the server needs a later TLS version than this client offers"
	}
	return "the server accepts no cipher suite or group that this client offers"
}

func fix(alert string, answer *Answer) *Fix {
	verify := some("sundown-check " + answer.URL)
	if alert != "protocol_version" {
		return &Fix{
			Summary: "Remove CipherSuites and CurvePreferences from tls.Config and tls… from GODEBUG, and rebuild with a current Go.",
			Verify:  verify,
		}
	}
	return &Fix{
		Summary: answer.Own.Runtime + " offers TLSv1.3 unless something holds it to less: search code and modules for MaxVersion " +
			"in tls.Config, remove it, and rebuild.",
		Snippet: some("grep -rn 'MaxVersion' --include='*.go' ."),
		Verify:  verify,
	}
}

// read takes what the server says of this connection: an answer of /ssl/, an explanation, or the header that warns.
func read(answer *Answer, response *http.Response, body []byte) error {
	var told map[string]interface{}
	if json.Unmarshal(body, &told) != nil || told == nil {
		told = map[string]interface{}{} // not JSON, which the last branch says
	}
	warned := response.Header.Get("Sundown-Notice")
	switch {
	case told["type"] == explanation:
		explained(answer, told)
	case text(told, "protocol") != nil:
		answered(answer, told)
	case warned != "":
		noticed(answer, response.StatusCode, line(warned))
	default:
		kind := strings.SplitN(response.Header.Get("Content-Type"), ";", 2)[0]
		if kind == "" {
			kind = "no content type"
		}
		return &unable{fmt.Sprintf("the server does not say how it sees this client (HTTP %d, %s)", response.StatusCode, line(kind)), nil}
	}
	compare(answer, told["cipher_iana"])
	return nil
}

func answered(answer *Answer, told map[string]interface{}) {
	answer.Server = seen(told)
	client := object(told["client"])
	answer.Server.Client = some(joined(text(client, "runtime"), text(client, "version"), text(client, "library")))
	answer.Server.Report = text(told, "report")
	for _, each := range list(told, "floors") {
		if one, ok := each.(map[string]interface{}); ok {
			answer.Floors = append(answer.Floors, floor(one))
			if one["verdict"] == "misses" && answer.Contact == nil {
				answer.Contact = text(one, "contact")
			}
		}
	}
	answer.Fix = advice(told)
	verdict, _ := told["verdict"].(string)
	if summaries[verdict] == "" {
		answer.Summary = "the server gives no verdict"
		return
	}
	conclude(answer, verdict)
}

func explained(answer *Answer, told map[string]interface{}) {
	answer.Server = seen(object(told["seen"]))
	answer.Floors = []Floor{floor(map[string]interface{}{
		"sunset": told["sunset"], "verdict": "misses", "needed": told["needed"],
	})}
	answer.Contact, answer.Fix = text(told, "contact"), advice(told)
	conclude(answer, "blocked")
}

func noticed(answer *Answer, status int, warned string) {
	fields := map[string]interface{}{}
	for _, match := range notice.FindAllStringSubmatch(warned, -1) {
		fields[match[1]] = match[2]
	}
	answer.Server = seen(map[string]interface{}{
		"protocol": fields["seen"], "cipher": fields["seen-cipher"], "group": fields["seen-group"],
	})
	answer.Floors = []Floor{floor(map[string]interface{}{
		"verdict": "misses", "needed": []interface{}{fields["needed"], fields["needed-cipher"], fields["needed-group"]},
	})}
	if status >= 400 {
		conclude(answer, "blocked")
	} else {
		conclude(answer, "at-risk")
	}
}

func conclude(answer *Answer, verdict string) {
	answer.Verdict, answer.Summary = verdict, summaries[verdict]
}

func seen(told map[string]interface{}) *Server {
	return &Server{Protocol: text(told, "protocol"), Cipher: text(told, "cipher"), Group: text(told, "group")}
}

func floor(told map[string]interface{}) Floor {
	floor := Floor{
		Name: text(told, "name"), Sunset: text(told, "sunset"), Phase: text(told, "phase"), Verdict: text(told, "verdict"),
		Because: texts(told, "because"), Needed: texts(told, "needed"), ExceptionUntil: text(told, "exception_until"),
	}
	next := object(told["next"])
	if phase, at := text(next, "phase"), text(next, "at"); phase != nil && at != nil {
		floor.Next = &Next{*phase, *at}
	}
	return floor
}

func advice(told map[string]interface{}) *Fix {
	advice := object(told["advice"])
	summary := text(advice, "summary")
	if summary == nil {
		return nil
	}
	fix := &Fix{Summary: *summary, Verify: text(advice, "verify")}
	if snippet, ok := advice["snippet"].(string); ok {
		lines := strings.Split(cut(snippet, longestText), "\n")
		for i := range lines {
			lines[i] = line(lines[i])
		}
		fix.Snippet = some(strings.Join(lines, "\n"))
	}
	return fix
}

// compare says whether the server saw another connection than the one that was made here.
func compare(answer *Answer, iana interface{}) {
	own, server := answer.Own, answer.Server
	var differs, compared bool
	if own.Protocol != nil && server.Protocol != nil {
		compared, differs = true, *own.Protocol != *server.Protocol
	}
	// crypto/tls has IANA's names only.
	if name, ok := iana.(string); ok && own.Cipher != nil {
		compared, differs = true, differs || *own.Cipher != name
	}
	if compared {
		answer.Differs = &differs
	}
}

func protocol(version uint16) string {
	switch version {
	case tls.VersionTLS10:
		return "TLSv1"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	}
	return fmt.Sprintf("0x%04x", version)
}

func object(value interface{}) map[string]interface{} {
	object, _ := value.(map[string]interface{})
	return object
}

func text(told map[string]interface{}, name string) *string {
	text, _ := told[name].(string)
	return some(line(text))
}

func list(told map[string]interface{}, name string) []interface{} {
	list, _ := told[name].([]interface{})
	if len(list) > longestList {
		list = list[:longestList]
	}
	return list
}

func texts(told map[string]interface{}, name string) []string {
	texts := []string{}
	for _, each := range list(told, name) {
		if text, ok := each.(string); ok {
			texts = append(texts, line(text))
		}
	}
	return texts
}

func line(text string) string {
	return strings.TrimSpace(steering.ReplaceAllString(cut(strings.ToValidUTF8(text, "\ufffd"), longestText), " "))
}

func cut(text string, longest int) string {
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest])
	}
	return text
}

func some(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func joined(texts ...*string) string {
	var parts []string
	for _, text := range texts {
		if text != nil {
			parts = append(parts, *text)
		}
	}
	return strings.Join(parts, ", ")
}
