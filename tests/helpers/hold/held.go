// A program with a tls.Config that is held to TLSv1, checking itself.
package main

import (
	"crypto/tls"
	"os"

	check "example.com/sundown/check"
)

func main() {
	os.Exit(check.Main(os.Args[1:], &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}))
}
