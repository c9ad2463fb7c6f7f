using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text;

namespace Sundown
{
    /// <summary>The command line.</summary>
    public static class Program
    {
        const string Usage = "usage: sundown-check [--json] [--ca FILE] [--timeout SECONDS] URL\n";
        const string Help = "\nAsks a server's /ssl/ whether this .NET survives its next change of TLS.\n\n"
            + "  URL                https://host[:port][/path]; the path is /ssl/ unless given\n"
            + "  --json             print the answer as JSON\n"
            + "  --ca FILE          trust the authorities in this PEM file instead of the system's\n"
            + "  --timeout SECONDS  for all of it; default 10\n\n"
            + "Exit code: 0 survives, 1 will not, 2 could not tell.\n";

        /// <summary>Returns the exit code: 0 survives, 1 will not, 2 could not tell.</summary>
        public static int Main(string[] arguments)
        {
            string url = null, ca = null;
            double timeout = 10;
            bool json = false;
            var words = new Queue<string>(arguments);
            while (words.Count > 0) {
                string word = words.Dequeue(), value = null;
                int equals = word.StartsWith("--") ? word.IndexOf('=') : -1;
                if (equals > 0) {
                    value = word.Substring(equals + 1);
                    word = word.Substring(0, equals);
                }
                if (word == "--help" || word == "-h") {
                    Console.Write(Usage + Help);
                    return 0;
                } else if (word == "--json" && value == null) {
                    json = true;
                } else if (word == "--ca" || word == "--timeout") {
                    if (value == null && words.Count == 0) return Misused(word + " takes a value");
                    value = value ?? words.Dequeue();
                    if (word == "--ca") ca = value;
                    else if (!double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out timeout)
                        || !(timeout > 0 && timeout <= 3600)) return Misused("--timeout takes seconds, up to 3600");
                } else if (word.StartsWith("-")) {
                    return Misused("there is no option " + word);
                } else if (url != null) {
                    return Misused("one URL at a time");
                } else {
                    url = word;
                }
            }
            if (url == null) return Misused("which URL?");
            Dictionary<string, object> answer = Check.Run(url, ca, timeout);
            byte[] text = new UTF8Encoding(false).GetBytes((json ? Json.Write(answer) : Answer.Render(answer)) + "\n");
            using (Stream output = Console.OpenStandardOutput()) output.Write(text, 0, text.Length);
            return Answer.Exit((string) answer["verdict"]);
        }

        static int Misused(string why)
        {
            Console.Error.Write(Usage + "sundown-check: " + why + "\n");
            return 2;
        }
    }
}
