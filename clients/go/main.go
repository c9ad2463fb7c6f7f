package check

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Main is the command line. A program of its own passes the configuration that it uses, or nil; the exit code comes
// back.
func Main(arguments []string, configuration *tls.Config) int {
	flags := flag.NewFlagSet("sundown-check", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	asJSON := flags.Bool("json", false, "")
	ca := flags.String("ca", "", "")
	timeout := flags.Float64("timeout", 10, "")
	// Options may come after the URL, which package flag ends at.
	var urls []string
	for len(arguments) > 0 {
		if err := flags.Parse(arguments); err == flag.ErrHelp {
			fmt.Print(usage, help)
			return 0
		} else if err != nil {
			return misused(err.Error())
		}
		if arguments = flags.Args(); len(arguments) > 0 {
			urls, arguments = append(urls, arguments[0]), arguments[1:]
		}
	}
	if len(urls) != 1 {
		return misused("one URL is due")
	}
	if !(*timeout > 0 && *timeout <= 3600) {
		return misused("--timeout takes seconds, up to 3600")
	}
	answer := Run(urls[0], &Options{CA: *ca, Timeout: time.Duration(*timeout * float64(time.Second)), TLS: configuration})
	if *asJSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if encoder.Encode(answer) != nil {
			return 2
		}
	} else {
		fmt.Println(Render(answer))
	}
	return Exit(answer.Verdict)
}

const usage = "usage: sundown-check [--json] [--ca FILE] [--timeout SECONDS] URL\n"

const help = `
Asks a server's /ssl/ whether this Go program survives its next change of TLS.

  URL                https://host[:port][/path]; the path is /ssl/ unless given
  --json             print the answer as JSON
  --ca FILE          trust the authorities in this PEM file instead of the system's
  --timeout SECONDS  for all of it; default 10

Exit code: 0 survives, 1 will not, 2 could not tell.
`

func misused(why string) int {
	fmt.Fprint(os.Stderr, usage, "sundown-check: ", why, "\n")
	return 2
}

// Render gives the answer as lines for people.
func Render(answer *Answer) string {
	var lines []string
	add := func(name, value string) { lines = append(lines, fmt.Sprintf("%-8s %s", name, value)) }
	own, server := answer.Own, answer.Server
	add("url", answer.URL)
	add("runtime", own.Runtime+", "+own.Library)
	if own.Protocol != nil || own.Cipher != nil {
		add("here", joined(own.Protocol, own.Cipher))
	}
	if server != nil {
		add("server", joined(server.Protocol, server.Cipher, server.Group))
	}
	if answer.Differs != nil && *answer.Differs {
		add("between", "something between this client and the server re-encrypts; the fix is due there")
	}
	for _, floor := range answer.Floors {
		add("floor", floorLine(floor))
	}
	add("verdict", answer.Verdict+": "+answer.Summary)
	if answer.Error != nil {
		add("error", line(*answer.Error))
	}
	if fix := answer.Fix; fix != nil {
		add("fix", fix.Summary)
		if fix.Snippet != nil {
			for _, each := range strings.Split(*fix.Snippet, "\n") {
				if each != "" {
					add("", each)
				}
			}
		}
		if fix.Verify != nil {
			add("verify", *fix.Verify)
		}
	}
	if answer.Contact != nil {
		add("help", *answer.Contact)
	}
	if server != nil && server.Report != nil {
		add("report", *server.Report)
	}
	return strings.Join(lines, "\n")
}

func floorLine(floor Floor) string {
	name := "the server's"
	switch {
	case floor.Name != nil && floor.Sunset != nil:
		name = *floor.Name + " (" + *floor.Sunset + ")"
	case floor.Name != nil:
		name = *floor.Name
	case floor.Sunset != nil:
		name = *floor.Sunset
	}
	verdict := "unknown"
	if floor.Verdict != nil {
		verdict = *floor.Verdict
	}
	if verdict == "meets" {
		return name + ": meets"
	}
	parts := append([]string{verdict}, floor.Because...)
	if len(floor.Needed) > 0 {
		parts = append(parts, "needs "+strings.Join(floor.Needed, ", "))
	}
	if floor.ExceptionUntil != nil {
		parts = append(parts, "excepted until "+*floor.ExceptionUntil)
	} else if floor.Next != nil {
		parts = append(parts, floor.Next.Phase+" from "+floor.Next.At)
	}
	return name + ": " + strings.Join(parts, "; ")
}
