// Command sundown-check tells whether a Go program survives the server's next change of TLS.
package main

import (
	"os"

	check "example.com/sundown/check"
)

func main() { os.Exit(check.Main(os.Args[1:], nil)) }
