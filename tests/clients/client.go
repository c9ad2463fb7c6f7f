// Go, net/http. One file and no module, so that the toolchain's own defaults apply and not those of an older `go` line.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

var versions = map[string]uint16{
	"TLSv1":   tls.VersionTLS10,
	"TLSv1.1": tls.VersionTLS11,
	"TLSv1.2": tls.VersionTLS12,
	"TLSv1.3": tls.VersionTLS13,
}

func argument(n int, otherwise string) string {
	if len(os.Args) > n {
		return os.Args[n]
	}
	return otherwise
}

func ask(url, ca, held, method string) (map[string]any, error) {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in it", ca)
	}
	config := &tls.Config{RootCAs: roots}
	if version, known := versions[held]; known {
		config.MinVersion = version
		config.MaxVersion = version
	}
	// A transport with a TLS configuration of its own speaks HTTP/1.1 unless told otherwise; the default one speaks both.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		return nil, err
	}
	if key := os.Getenv("API_KEY"); key != "" {
		request.Header.Set("X-Api-Key", key)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	headers := map[string]string{}
	for name, values := range response.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	reason := strings.TrimSpace(strings.TrimPrefix(response.Status, fmt.Sprint(response.StatusCode)))
	return map[string]any{"ok": true, "status": response.StatusCode, "reason": reason, "headers": headers, "body": string(body)}, nil
}

func main() {
	answer, err := ask(argument(1, ""), argument(2, ""), argument(3, "-"), argument(4, "GET"))
	if err != nil {
		answer = map[string]any{"ok": false, "error": err.Error(), "code": ""}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		os.Exit(1)
	}
}
